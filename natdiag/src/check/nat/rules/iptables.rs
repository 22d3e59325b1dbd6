//! The text of iptables-save(8): tables, chains, and a rule a line.

use std::collections::BTreeMap;

use super::{Chain, Rules, Translation, drops_invalid};

/// Words of a rule that leave the INVALID packets of connections all dropped: a comment, a protocol, the way out.
const HARMLESS: [&str; 4] = ["--comment", "-p", "-o", "-m"];

/// Adds what the rules of this text do.
pub(super) fn read(program: &str, text: &str, rules: &mut Rules) {
    let mut table = "";
    let mut chains: BTreeMap<String, Chain> = BTreeMap::new();
    let mut places: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name;
            continue;
        }
        let Some((chain, rule)) = line
            .strip_prefix("-A ")
            .and_then(|rest| rest.split_once(' '))
        else {
            continue;
        };
        let place = places.entry((table, chain)).or_default();
        *place += 1;
        let words: Vec<_> = rule.split_whitespace().collect();
        let target = after(&words, &["-j", "-g"]);
        let known = chains.entry(format!("{table} {chain}")).or_default();
        known.is_on_the_way = matches!(chain, "FORWARD" | "PREROUTING" | "POSTROUTING");
        match target {
            Some("MASQUERADE" | "SNAT") => {
                let remedy = format!("{program} -t nat -R {chain} {place} {rule} --random-fully");
                rules.add(translation(chain, rule, &words, remedy));
            }
            Some("TCPMSS") => rules.clamps_mss = true,
            Some("DROP") => known.drops_invalid |= takes_all_invalid(&words),
            Some(other) => known.leads_to.push(format!("{table} {other}")),
            None => {}
        }
    }
    rules.drops_invalid |= drops_invalid(&chains);
}

/// The word behind one of these.
fn after<'a>(words: &[&'a str], names: &[&str]) -> Option<&'a str> {
    let place = words.iter().position(|word| names.contains(word))?;
    words.get(place + 1).copied()
}

fn translation(chain: &str, rule: &str, words: &[&str], remedy: String) -> Translation {
    let is_random = words.iter().any(|word| word.starts_with("--random"));
    let ports = after(words, &["--to-ports"]).or_else(|| {
        let (_, ports) = after(words, &["--to-source"])?.rsplit_once(':')?;
        // The last part of an IPv6 address is no port.
        (!ports.contains(']') && ports.chars().all(|c| c.is_ascii_digit() || c == '-'))
            .then_some(ports)
    });
    Translation {
        rule: format!("-A {chain} {rule}"),
        interface: after(words, &["-o"])
            .filter(|_| !words.contains(&"!"))
            .map(str::to_owned),
        is_random: Some(is_random),
        ports: ports.and_then(range),
        remedy,
    }
}

fn range(text: &str) -> Option<u32> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
    Some(last.checked_sub(first)? + 1)
}

/// Whether a rule that drops does so with all INVALID packets of TCP that leave.
fn takes_all_invalid(words: &[&str]) -> bool {
    let states = after(words, &["--ctstate", "--state"]);
    let is_invalid = states.is_some_and(|states| states.split(',').any(|state| state == "INVALID"));
    let known = ["--ctstate", "--state", "-j"];
    is_invalid
        && !words.contains(&"!")
        && words
            .iter()
            .filter(|word| word.starts_with('-'))
            .all(|word| known.contains(word) || HARMLESS.contains(word))
        && after(words, &["-p"]).is_none_or(|protocol| protocol == "tcp")
}
