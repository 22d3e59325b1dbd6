//! Ports of translated addresses: how many are in use, and who wants the same.

use super::{LIKELY, READ, verify};
use crate::{
    analysis::diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    check::nat::{Facts, rules::Translation, usage::Pair},
};

/// From this share of ports on, in percent, they will run out soon.
const SCARCE: u64 = 80;
/// From this share on the kernel gives up its search for a free one now and then: it tries a few hundred.
const USED_UP: u64 = 98;

/// A destination for which the ports run out.
pub(super) fn used_up(facts: &Facts) -> Option<Finding> {
    let usage = facts.usage.as_ref()?;
    let (pair, used) = usage.pairs.first()?;
    let there_are = u64::from(facts.ports());
    let used = u64::from(*used);
    let share = used * 100 / there_are.max(1);
    if share < SCARCE {
        return None;
    }
    let severity = if share >= USED_UP {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let Pair {
        translated,
        destination,
        port,
        ..
    } = pair;
    let mut finding = Finding::new(
        Cause::NatPortExhaustion,
        READ,
        severity,
        format!(
            "{share} % of the ports of {translated} are in use for connections to {destination} port {port}"
        ),
    );
    finding.evidence = vec![
        ("ports_in_use", Evidence::Count(used)),
        ("ports", Evidence::Count(there_are)),
    ];
    if let Some((client, connections)) = usage.clients.first() {
        let client = format!("{client} with {connections} connections");
        finding
            .evidence
            .push(("busiest_client", Evidence::Text(client)));
    }
    finding.remedy = vec![
        "another public address: `snat to FIRST-LAST` shares connections out".to_owned(),
        "fewer and longer connections to that destination: pools, HTTP keepalive".to_owned(),
        "then verify: `natdiag check nat` sees a smaller share".to_owned(),
    ];
    Some(finding)
}

/// Connections that were dropped because another took their port at the same moment.
pub(super) fn race(facts: &Facts) -> Option<Finding> {
    let failed = facts.tracking("insert_failed");
    if failed == 0 {
        return None;
    }
    let rules = facts.rules.as_ref()?;
    let keeps_ports = |rule: &&Translation| rule.is_random == Some(false);
    let plain: Vec<_> = rules.translations.iter().filter(keeps_ports).collect();
    let seconds = facts.seconds();
    let what =
        format!("{failed} packets that opened connections were dropped within {seconds:.1} s");
    let counts = [
        ("insert_failed_rise", failed),
        ("drop_rise", facts.tracking("drop")),
        ("clash_resolve_rise", facts.tracking("clash_resolve")),
    ];
    let mut finding = if plain.is_empty() {
        Finding::new(
            Cause::LocalNat,
            LIKELY,
            Severity::Warning,
            format!(
                "{what}, though ports are drawn at random: two packets opened one connection at once"
            ),
        )
    } else {
        let mut finding = Finding::new(
            Cause::NatPortRace,
            LIKELY,
            Severity::Warning,
            format!(
                "{what}: others had just taken their ports, which a rule keeps as the clients chose them"
            ),
        );
        finding.not_excluded = vec![Alternative {
            cause: Cause::LocalNat,
            why: "two packets that open one connection at once, as resolvers send them by UDP, count alike".to_owned(),
        }];
        finding
    };
    finding.evidence = counts
        .map(|(name, number)| (name, Evidence::Count(number)))
        .into();
    let commands = plain.iter().map(|rule| format!("`{}`", rule.remedy));
    finding.remedy = commands.collect();
    if plain.is_empty() {
        finding.remedy.push("one resolver on this host, or the option `single-request-reopen` in the clients' resolv.conf".to_owned());
    } else {
        let rules = plain.iter().map(|rule| rule.rule.clone()).collect();
        finding.evidence.push(("rules", Evidence::List(rules)));
        finding.remedy.push("in short: `fully-random` (nftables) or `--random-fully` (iptables) on each of these rules".to_owned());
    }
    finding.remedy.push(verify("insert_failed"));
    Some(finding)
}
