//! The report in sentences and lines, before it is known how they are set.

use crate::{
    analysis::diagnosis::{Finding, Severity},
    check::nat::{Facts, SETTINGS, verdict::Verdict},
    report::wording::counted,
};

/// Destinations and clients in a text.
const SHOWN: usize = 5;

/// What is said, in order.
pub(super) struct Sheet<'a> {
    pub(super) opening: Vec<String>,
    pub(super) told: Vec<&'a Finding>,
    pub(super) harmless: Vec<&'a Finding>,
    pub(super) tables: Vec<Vec<String>>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(facts: &Facts, verdict: &'a Verdict) -> Self {
        let (told, harmless): (Vec<_>, Vec<_>) = verdict
            .findings
            .iter()
            .partition(|finding| finding.severity > Severity::Info);
        let result = match told.len() {
            0 if !harmless.is_empty() => None,
            0 => Some("Nothing wrong was found.".to_owned()),
            1 => Some("1 finding needs attention.".to_owned()),
            number => Some(format!("{number} findings need attention.")),
        };
        let mut tables = vec![settings(facts), counters(facts)];
        tables.extend(usage(facts));
        Self {
            opening: [Some(opening(facts)), result]
                .into_iter()
                .flatten()
                .collect(),
            told,
            harmless,
            tables,
        }
    }
}

fn opening(facts: &Facts) -> String {
    let whose = match facts.root.as_str() {
        "/" => "this host".to_owned(),
        root => format!("the host in `{root}`"),
    };
    let span = facts.after.as_ref().map_or_else(
        || "once".to_owned(),
        |(_, seconds)| format!("for {seconds:.1} s"),
    );
    let kernel = facts.kernel.as_deref().unwrap_or("of unknown release");
    let rules = facts
        .rules
        .as_ref()
        .map_or(0, |rules| rules.translations.len());
    let ways = [("out by", facts.outer()), ("in by", facts.inner())].map(|(word, links)| {
        let names: Vec<_> = links.iter().map(|link| link.name.as_str()).collect();
        (!names.is_empty()).then(|| format!(", {word} {}", names.join(", ")))
    });
    format!(
        "natdiag looked at {whose} as a NAT {span}: Linux {kernel}, {}{}.",
        counted(
            rules as u64,
            "rule that changes the source",
            "rules that change the source"
        ),
        ways.into_iter().flatten().collect::<String>()
    )
}

fn settings(facts: &Facts) -> Vec<String> {
    let row = |name: &str| {
        let value = facts.settings.get(name).map_or("unknown", String::as_str);
        format!("{name:<50}  {value}")
    };
    let head = format!("{:<50}  now", "setting");
    let rules = facts.rules.iter().flat_map(|rules| {
        let yes = |is| if is { "yes" } else { "no" };
        let invalid = "rules drop INVALID packets that are forwarded";
        [
            format!("{invalid:<50}  {}", yes(rules.drops_invalid)),
            format!("{:<50}  {}", "rules clamp the MSS", yes(rules.clamps_mss)),
        ]
    });
    [head]
        .into_iter()
        .chain(SETTINGS.map(row))
        .chain(rules)
        .collect()
}

fn counters(facts: &Facts) -> Vec<String> {
    let seconds = facts.after.as_ref().map(|(_, seconds)| *seconds);
    let column = seconds.map_or_else(|| "risen".to_owned(), |s| format!("in {s:.1} s"));
    let head = format!("{:<40} {column:>12} {:>14}", "counter", "since boot");
    let rows = facts
        .sample()
        .counters
        .iter()
        .filter(|(_, total)| **total > 0);
    let rows = rows.map(|(counter, total)| {
        let delta = facts
            .delta(counter)
            .map_or_else(|| "-".to_owned(), |rise| rise.to_string());
        let name = format!("{} {}", counter.of, counter.name);
        format!("{name:<40} {delta:>12} {total:>14}")
    });
    let mut lines: Vec<_> = [head].into_iter().chain(rows).collect();
    if lines.len() == 1 {
        lines.push("none has counted anything".to_owned());
    }
    lines
}

fn usage(facts: &Facts) -> Option<Vec<String>> {
    let usage = facts.usage.as_ref()?;
    let available = facts.ports();
    let mut lines = vec![format!(
        "{} with ports, {} translated, {} of them not answered yet",
        counted(usage.entries, "connection", "connections"),
        usage.translated,
        usage.unanswered
    )];
    for (pair, ports) in usage.pairs.iter().take(SHOWN) {
        let protocol = match pair.protocol {
            6 => "tcp".to_owned(),
            17 => "udp".to_owned(),
            other => format!("protocol {other}"),
        };
        lines.push(format!(
            "{ports:>7} of {available} ports of {} to {} port {}, {protocol}",
            pair.translated, pair.destination, pair.port
        ));
    }
    for (client, number) in usage.clients.iter().take(SHOWN) {
        lines.push(format!("{number:>7} connections of {client}"));
    }
    Some(lines)
}
