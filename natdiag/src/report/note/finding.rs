//! One finding in full: the verdict, what was seen, why, why nothing else, what could not be seen, what to do, how to
//! check.

use crate::{
    analysis::diagnosis::{
        Alternative, Cause, EstablishedSums, Evidence, Finding, RemoteCounters, RemoteDiagnosis,
        Severity,
    },
    names::Names,
    report::{note::advice, table, wording},
    survey::SourceSurvey,
};

/// Hosts named of which the same is to be told.
const NAMED: usize = 64;
/// Evidence that says what could not be seen.
const UNSEEN: &str = "unseen";

/// A finding, and whom it is about.
pub(crate) struct Subject<'a> {
    /// The source that showed it.
    pub(crate) source: &'a SourceSurvey,
    /// The remote host, if it is about one.
    pub(crate) remote: Option<&'a RemoteDiagnosis>,
    /// The finding.
    pub(crate) finding: &'a Finding,
    /// What remote hosts are called.
    pub(crate) names: &'a Names,
}

impl Subject<'_> {
    /// Whether it is about another host of the same source and differs in nothing else that is told.
    pub(crate) fn says_the_same_as(&self, other: &Subject) -> bool {
        let (one, two) = (self.finding, other.finding);
        self.remote.is_some()
            && other.remote.is_some()
            && self.source.name == other.source.name
            && (one.cause, one.severity) == (two.cause, two.severity)
            && one.summary == two.summary
            && one.remedy == two.remedy
    }

    /// Whether it says only that there is nothing to go by yet: no question is open then.
    pub(crate) fn has_seen_nothing(&self) -> bool {
        self.remote.is_none()
            && self.finding.cause == Cause::InsufficientEvidence
            && self.source.has_seen_nothing()
    }

    /// Whom it is about, in words.
    pub(crate) fn name(&self, several_sources: bool) -> String {
        match self.remote {
            Some(remote) if several_sources => {
                let host = wording::host(remote.address, self.names);
                format!("{host} on {}", self.source.name)
            }
            Some(remote) => wording::host(remote.address, self.names),
            None => self.source.name.clone(),
        }
    }
}

/// One finding, told: a heading, a sentence, perhaps a table, and labelled lists.
pub(crate) struct Told {
    /// What it means for connections.
    pub(crate) severity: Severity,
    /// Who, what, how bad, how sure.
    pub(crate) heading: String,
    /// The finding in a sentence.
    pub(crate) summary: String,
    /// What should have happened to SYNs and what did, where the verdict rests on it.
    pub(crate) fates: Option<Vec<Fates>>,
    /// A label, and what is to be said under it; none is empty.
    pub(crate) sections: Vec<(&'static str, Vec<String>)>,
}

impl Told {
    /// Tells a finding about the first of some hosts, and names the others.
    pub(crate) fn of_alike(alike: &[&Subject], several_sources: bool) -> Option<Self> {
        let (first, others) = alike.split_first()?;
        let mut told = Self::new(&first.name(several_sources), first);
        if !others.is_empty() {
            let mut names: Vec<_> = others
                .iter()
                .take(NAMED)
                .map(|other| other.name(several_sources))
                .collect();
            if others.len() > NAMED {
                names.push(format!("and {} more", others.len() - NAMED));
            }
            told.heading = format!("{} and {} more", told.heading, others.len());
            told.sections.insert(0, ("also of", vec![names.join(", ")]));
        }
        Some(told)
    }

    /// Tells a finding about `name`.
    pub(crate) fn new(name: &str, subject: &Subject) -> Self {
        let finding = subject.finding;
        let counters = subject.remote.map(|remote| &remote.counters);
        let address = subject.remote.map(|remote| remote.address);
        let (unseen, shown): (Vec<_>, Vec<_>) = finding
            .evidence
            .iter()
            .partition(|(name, _)| *name == UNSEEN);
        let unseen = unseen.into_iter().map(|(_, evidence)| value("", evidence));
        let mut sections = vec![
            ("seen", subject.remote.map(seen).unwrap_or_default()),
            ("evidence", shown.into_iter().filter_map(evidence).collect()),
            ("ruled out", alternatives(&finding.excluded)),
            ("not ruled out", alternatives(&finding.not_excluded)),
            ("not seen", unseen.collect()),
            ("do", finding.remedy.clone()),
            (
                "verify",
                advice::verify(finding.cause, address, subject.source),
            ),
        ];
        sections.retain(|(_, items)| !items.is_empty());
        Self {
            severity: finding.severity,
            heading: format!(
                "{name}: {}",
                if subject.has_seen_nothing() {
                    "nothing seen yet".to_owned()
                } else {
                    format!("{} ({})", finding.cause.title(), wording::grade(finding))
                }
            ),
            summary: sentence(&finding.summary),
            fates: counters.and_then(|counters| fates(finding, counters)),
            sections,
        }
    }
}

/// SYNs of one kind, by what `tcp_tw_recycle` would do to them, and what became of them.
pub(crate) struct Fates {
    /// What should happen to them.
    pub(crate) kind: &'static str,
    /// How many were dropped.
    pub(crate) dropped: u64,
    /// How many were answered.
    pub(crate) answered: u64,
}

/// What a row of the table says about SYNs of one kind.
type Cell = fn(&Fates) -> String;

impl Fates {
    /// The rows of the table: a label, and the cell for SYNs of one kind.
    pub(crate) const ROWS: [(&'static str, Cell); 3] = [
        ("SYNs", |fates| fates.kind.to_owned()),
        ("dropped", |fates| fates.dropped.to_string()),
        ("answered", |fates| fates.answered.to_string()),
    ];
}

/// The table of predictions and fates, where the verdict rests on it.
fn fates(finding: &Finding, counters: &RemoteCounters) -> Option<Vec<Fates>> {
    if !matches!(finding.cause, Cause::TwRecycle | Cause::TwRecycleLatent) {
        return None;
    }
    let fates = |kind, dropped, answered| Fates {
        kind,
        dropped,
        answered,
    };
    let armed = fates(
        "no timestamps, live mark",
        counters.syn_without_timestamps_armed_dropped,
        counters.syn_without_timestamps_armed_answered,
    );
    let unarmed = fates(
        "no timestamps, no mark",
        counters
            .syn_without_timestamps_dropped
            .saturating_sub(armed.dropped),
        counters
            .syn_without_timestamps_answered
            .saturating_sub(armed.answered),
    );
    let mut all = vec![
        fates(
            "should drop",
            counters.syn_predicted_drop_dropped,
            counters.syn_predicted_drop_answered,
        ),
        fates(
            "should pass",
            counters.syn_predicted_pass_dropped,
            counters.syn_predicted_pass_answered,
        ),
    ];
    // What SYNs without timestamps should meet depends on the server's kernel.
    let others = [armed, unarmed].into_iter();
    all.extend(others.filter(|fates| fates.dropped + fates.answered > 0));
    Some(all)
}

/// What was counted, as far as there is anything.
pub(crate) fn seen(remote: &RemoteDiagnosis) -> Vec<String> {
    let counters = &remote.counters;
    let mut seen = Vec::new();
    if counters.syn_sent > 0 {
        let (dropped, decided) = table::decided(counters);
        let share = wording::percent(dropped, decided).unwrap_or_else(|| "none".to_owned());
        let mut parts = vec![format!(
            "{} sent, {} of {} with a known fate dropped ({share})",
            wording::counted(counters.syn_sent, "SYN", "SYNs"),
            wording::count(dropped),
            wording::count(decided),
        )];
        for (number, fate) in [
            (counters.syn_ambiguous, "left out: the mark was changing"),
            (counters.syn_undecided, "undecided"),
        ] {
            if number > 0 {
                parts.push(format!("{} {fate}", wording::count(number)));
            }
        }
        seen.push(parts.join("; "));
    }
    let resets = counters.rst_answering_syn + counters.rst_established;
    if resets > 0 {
        seen.push(format!(
            "{} received, {} of them in answer to a SYN",
            wording::counted(resets, "RST", "RSTs"),
            wording::count(counters.rst_answering_syn)
        ));
    }
    seen.extend(seen_fragments(counters));
    seen.extend(remote.established.as_ref().map(seen_established));
    seen
}

fn seen_established(sums: &EstablishedSums) -> String {
    let mut parts = vec![format!(
        "data sent on {}, {} of {} sent again; {} of {} received again",
        wording::counted(
            sums.connections,
            "established connection",
            "established connections"
        ),
        wording::count(sums.data_sent_again),
        wording::counted(sums.data_sent, "segment", "segments"),
        wording::count(sums.data_received_again),
        wording::count(sums.data_received),
    )];
    if let Some((median, of_ninety)) = sums.round_trip_ns {
        parts.push(format!(
            "round trip {} (median), 90 % below {}",
            wording::short_span(median),
            wording::short_span(of_ninety)
        ));
    }
    parts.join("; ")
}

fn seen_fragments(counters: &RemoteCounters) -> Option<String> {
    let fragments = table::fragments(counters);
    if fragments == 0 {
        return None;
    }
    let protocols: Vec<_> = [
        (counters.fragments_tcp, "TCP"),
        (counters.fragments_udp, "UDP"),
        (counters.fragments_icmp, "ICMP"),
        (counters.fragments_other, "other"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, protocol)| format!("{} {protocol}", wording::count(number)))
    .collect();
    Some(format!(
        "{} ({}; {} first, {} middle, {} last; the largest first one {} octets); {} complete, {} incomplete",
        wording::counted(fragments, "fragment", "fragments"),
        protocols.join(", "),
        wording::count(counters.fragments_first),
        wording::count(counters.fragments_middle),
        wording::count(counters.fragments_last),
        counters.largest_first_fragment_octets,
        wording::counted(counters.datagrams_complete, "datagram", "datagrams"),
        wording::count(counters.datagrams_incomplete),
    ))
}

/// A piece of evidence in words: its name without the unit, its value with it. An empty list says nothing.
fn evidence((name, evidence): &(&'static str, Evidence)) -> Option<String> {
    const UNITS: [(&str, &str); 5] = [
        ("_octets", " octets"),
        ("_seconds", " s"),
        ("_ms", " ms"),
        ("_hops", " hops"),
        ("_percent", " %"),
    ];
    let unit = UNITS
        .into_iter()
        .find_map(|(suffix, unit)| Some((name.strip_suffix(suffix)?, unit)));
    let (stem, unit) = unit.unwrap_or((name, ""));
    match evidence {
        Evidence::List(list) if list.is_empty() => None,
        Evidence::Ratio(ratio) if name.ends_with("_share") => {
            Some(format!("{}: {:.1} %", label(stem), ratio * 100.0))
        }
        Evidence::Count(_) | Evidence::Ratio(_) | Evidence::Text(_) | Evidence::List(_) => {
            Some(format!("{}: {}", label(stem), value(unit, evidence)))
        }
    }
}

/// A value with its unit.
fn value(unit: &str, evidence: &Evidence) -> String {
    match evidence {
        Evidence::Count(number) => format!("{number}{unit}"),
        Evidence::Ratio(ratio) if (0.001..1e6).contains(ratio) => format!("{ratio:.3}{unit}"),
        Evidence::Ratio(ratio) => format!("{ratio:.1e}{unit}"),
        Evidence::Text(text) => format!("{text}{unit}"),
        Evidence::List(list) => list.join("; "),
    }
}

/// A name in `snake_case` as words, with what is written in capitals.
fn label(name: &str) -> String {
    let name = name.replace("syn_ack", "SYN-ACK");
    let words = name.split('_').map(|word| match word {
        "syn" => "SYNs",
        "rst" => "RSTs",
        "mtu" => "MTU",
        "mss" => "MSS",
        "ttl" => "TTL",
        "tcp" => "TCP",
        "udp" => "UDP",
        "icmp" => "ICMP",
        "nat" => "NAT",
        other => other,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Causes and why they are, or are not, ruled out; those with the same reason together.
fn alternatives(alternatives: &[Alternative]) -> Vec<String> {
    let mut reasons: Vec<(String, &str)> = Vec::new();
    for other in alternatives {
        let name = wording::name(other.cause);
        match reasons.iter_mut().find(|(_, why)| *why == other.why) {
            Some((names, _)) => {
                names.push_str(", ");
                names.push_str(&name);
            }
            None => reasons.push((name, &other.why)),
        }
    }
    reasons
        .into_iter()
        .map(|(names, why)| format!("{names}: {why}"))
        .collect()
}

/// The text as a sentence of its own.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    // A name such as `tcp_tw_recycle` keeps its small letter.
    let is_name = text
        .split_whitespace()
        .next()
        .is_some_and(|word| word.contains('_'));
    let first: String = if is_name {
        first.into()
    } else {
        first.to_uppercase().collect()
    };
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}
