//! Ports that refuse some SYNs and take others: no closed ports. When each was refused tells why: in one spell a restart,
//! beyond a number a limit, at random one of several servers or a forger.

use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    evidence::{
        Fate, Outcomes, SynEvidence,
        refusals::{PortRefusals, RefusalEvidence},
    },
    verdict::{
        NAMED,
        base_rates::{REFUSAL_TROUBLES, RefusalTrouble},
        contest::{Contest, fits},
        finding, insufficient,
        likelihood::{Rate, ln_known, ln_mixture, ln_series},
        restart,
        syn::{
            limit::{ln_number_a_second, ln_number_open},
            newest::Decided,
        },
    },
};

/// Share of SYNs that a host takes while it is away, or refuses while it is there.
const IN_A_SPELL: f64 = 0.99;
const OUTSIDE: f64 = 0.002;
/// Some of several servers: any share.
const ANY: Rate = Rate::new(1.0, 1.0);
/// Forgers pick some.
const PICKED: Rate = Rate::new(1.0, 4.0);
/// RSTs of one sender resemble each other: more than these say nothing new about where it is.
const INDEPENDENT: f64 = 4.0;
/// Refusals from which on their cause is named.
const SEVERAL: u64 = 2;

/// Ports that refuse some SYNs and take others.
pub(super) fn ports(syns: &SynEvidence) -> impl Iterator<Item = PortRefusals> {
    let known = syns.refusals.as_deref();
    let ports = known.map_or(&[][..], RefusalEvidence::ports);
    ports
        .iter()
        .filter(|port| port.by_reset > 0 && taken(syns, port) > 0)
        .copied()
}

/// SYNs to a port that were taken.
fn taken(syns: &SynEvidence, port: &PortRefusals) -> u64 {
    let refused = port.by_reset + port.by_error;
    syns.answered_at(port.port)
        .map_or(0, |answered| answered.saturating_sub(refused))
}

/// Why such ports refuse.
pub(super) fn findings(syns: &SynEvidence) -> Vec<Finding> {
    let mut findings = Vec::<Finding>::new();
    for port in ports(syns) {
        let found = why(syns, &port);
        if !findings.iter().any(|known| known.cause == found.cause) {
            findings.push(found);
        }
    }
    findings
}

fn why(syns: &SynEvidence, port: &PortRefusals) -> Finding {
    let series = series(syns, port.port);
    let contest = Contest::of(REFUSAL_TROUBLES.map(|(trouble, prior)| {
        let ln = ln_series_of(trouble, &series) + ln_distance(trouble, port);
        (trouble, prior, ln)
    }));
    let taken = taken(syns, port);
    let evidence = vec![
        ("port", Evidence::Count(port.port.into())),
        ("syn_refused", Evidence::Count(port.by_reset)),
        ("syn_taken", Evidence::Count(taken)),
        (
            "syn_refused_by_another_machine",
            Evidence::Count(port.by_other),
        ),
    ];
    let named = contest.best().and_then(|(best, _)| {
        let confidence = contest.share_of(|it| cause(it) == cause(best));
        let is_named = confidence >= NAMED && port.by_reset >= SEVERAL;
        is_named
            .then(|| cause(best))?
            .map(|cause| (cause, confidence))
    });
    let why = |trouble, share, is_excluded| {
        if is_excluded {
            why_not(trouble, port, taken)
        } else {
            fits(share)
        }
    };
    let alternatives = contest.alternatives(named.map(|(cause, _)| cause), cause, why);
    let found = match named {
        Some((Cause::ServerRestart, confidence)) => Finding {
            confidence,
            ..restart::named(syns, evidence)
        },
        Some((named, confidence)) => Finding {
            confidence,
            ..words(named, port, taken, &series, evidence)
        },
        None => insufficient(
            format!(
                "port {} refused {} SYNs with a RST and took {taken}, and what was seen does not tell why",
                port.port, port.by_reset
            ),
            evidence,
            vec![
                "watch longer: whether refusals come in one spell, or whenever many connections are opened, tells a restart from a limit".to_owned(),
            ],
        ),
    };
    Finding {
        excluded: alternatives.excluded,
        not_excluded: alternatives.not_excluded,
        ..found
    }
}

const fn cause(trouble: RefusalTrouble) -> Option<Cause> {
    match trouble {
        RefusalTrouble::Stopped => Some(Cause::Refused),
        RefusalTrouble::Restart => Some(Cause::ServerRestart),
        RefusalTrouble::RateLimit => Some(Cause::RateLimit),
        RefusalTrouble::Injected => Some(Cause::ResetInjected),
        RefusalTrouble::OneOfSeveral => None,
    }
}

/// The newest SYNs to a port that were answered, in their order; refused ones stand as dropped.
fn series(syns: &SynEvidence, port: u16) -> Vec<Decided> {
    let refusals = syns.refusals.as_deref();
    syns.recent
        .numbered()
        .filter(|(_, syn)| syn.port == port && syn.fate == Fate::Answered)
        .map(|(number, syn)| Decided {
            sent: syn.sent,
            tsval: syn.tsval,
            prediction: syn.prediction,
            repeated: syn.repeated,
            open: syn.open,
            is_dropped: refusals.is_some_and(|refusals| refusals.has_refused(number)),
            counts: true,
        })
        .collect()
}

fn outcomes(series: &[Decided]) -> Outcomes {
    let mut outcomes = Outcomes::default();
    for syn in series {
        outcomes.count(syn.is_dropped);
    }
    outcomes
}

fn ln_series_of(trouble: RefusalTrouble, series: &[Decided]) -> f64 {
    match trouble {
        RefusalTrouble::Stopped => ln_spell(series, |end| end == series.len()),
        RefusalTrouble::Restart => ln_spell(series, |end| end < series.len()),
        RefusalTrouble::RateLimit => {
            // Where none was open, open ones were not too many.
            let mut refused = series.iter().filter(|syn| syn.is_dropped);
            let by_open = if refused.all(|syn| syn.open > 0) {
                ln_number_open(series)
            } else {
                f64::NEG_INFINITY
            };
            ln_mixture(&[(0.7, ln_number_a_second(series)), (0.3, by_open)])
        }
        RefusalTrouble::OneOfSeveral => ln_series(ANY, outcomes(series)),
        RefusalTrouble::Injected => ln_series(PICKED, outcomes(series)),
    }
}

/// One spell of refusals that begins and ends at any SYN; `may_end` says where.
fn ln_spell(series: &[Decided], may_end: impl Fn(usize) -> bool) -> f64 {
    let is_refused = |place: usize| series.get(place).is_some_and(|syn| syn.is_dropped);
    let len = series.len();
    let begins =
        (0..len).filter(|begin| is_refused(*begin) && (*begin == 0 || !is_refused(begin - 1)));
    let spells: Vec<f64> = begins
        .flat_map(|begin| (begin + 1..=len).map(move |end| (begin, end)))
        .filter(|(_, end)| is_refused(end - 1) && !is_refused(*end) && may_end(*end))
        .map(|(begin, end)| {
            let (before, rest) = series.split_at(begin);
            let (spell, after) = rest.split_at(end - begin);
            let outside = outcomes(before).plus(outcomes(after));
            ln_known(IN_A_SPELL, outcomes(spell)) + ln_known(OUTSIDE, outside)
        })
        .collect();
    // Wherever it begins and ends is as likely.
    #[expect(clippy::cast_precision_loss, reason = "a few hundred SYNs")]
    let weight = 2.0 / (len as f64 * (len as f64 + 1.0)).max(1.0);
    ln_mixture(
        &spells
            .into_iter()
            .map(|ln| (weight, ln))
            .collect::<Vec<_>>(),
    )
}

/// How likely the RSTs come from another distance than the host's own packets.
fn ln_distance(trouble: RefusalTrouble, port: &PortRefusals) -> f64 {
    let other = match trouble {
        RefusalTrouble::Injected => 0.8,
        // The rule may stand on a device before the host.
        RefusalTrouble::RateLimit => 0.25,
        RefusalTrouble::Stopped | RefusalTrouble::Restart | RefusalTrouble::OneOfSeveral => 0.02,
    };
    let whole = Outcomes {
        dropped: port.by_other,
        answered: port.by_reset.saturating_sub(port.by_other),
    };
    #[expect(clippy::cast_precision_loss, reason = "a count of SYNs")]
    let weight = (INDEPENDENT / port.by_reset.max(1) as f64).min(1.0);
    weight * ln_known(other, whole)
}

fn why_not(trouble: RefusalTrouble, port: &PortRefusals, taken: u64) -> String {
    match trouble {
        RefusalTrouble::Stopped => {
            format!("the port took {taken} SYNs, and some after it had refused others")
        }
        RefusalTrouble::Restart => "refusals come in more than one spell".to_owned(),
        RefusalTrouble::RateLimit => "no number of connections is the limit".to_owned(),
        RefusalTrouble::OneOfSeveral => {
            "refusals come in a pattern that chance does not make".to_owned()
        }
        RefusalTrouble::Injected => format!(
            "{} of {} RSTs come from where the SYN-ACKs come from, in a pattern that a forger does not make",
            port.by_reset.saturating_sub(port.by_other),
            port.by_reset
        ),
    }
}

/// A finding about a port, without confidence and alternatives.
fn words(
    named: Cause,
    port: &PortRefusals,
    taken: u64,
    series: &[Decided],
    mut evidence: Vec<(&'static str, Evidence)>,
) -> Finding {
    let PortRefusals {
        port: number,
        by_reset: refused,
        ..
    } = *port;
    let (severity, summary, remedy) = match named {
        Cause::RateLimit => {
            let rate = taken_a_second(series);
            evidence.push(("taken_per_second", Evidence::Ratio(rate)));
            (
                Severity::Critical,
                format!(
                    "a rule takes only so many connections and resets the others: port {number} took {taken} ({rate:.1} a second) and refused {refused} with a RST, and the refused ones came when there were many; all hosts behind one address count as one"
                ),
                vec![
                    format!(
                        "ask the owner of the server for the rule: `iptables -S | grep -E 'limit|reject-with tcp-reset'`, `nft list ruleset | grep -E 'limit|reject with tcp reset'`, or `max-src-conn-rate` with `return-rst` in pf.conf, for port {number}"
                    ),
                    "open fewer connections: keep them open and use them again, or spread clients over several public addresses".to_owned(),
                ],
            )
        }
        Cause::ResetInjected => (
            Severity::Critical,
            format!(
                "something on the path refuses some connections in the host's name: port {number} took {taken} SYNs, and {refused} were answered by RSTs of another origin"
            ),
            vec![
                "look for an intrusion prevention system or a filter on the way; compare with another path".to_owned(),
            ],
        ),
        _ => (
            Severity::Warning,
            format!(
                "nothing listens on port {number} any more: it took {taken} SYNs, and then refused {refused} with a RST"
            ),
            vec![format!(
                "check that the service runs: on the server `ss -ltn 'sport = :{number}'` shows what listens"
            )],
        ),
    };
    finding(named, severity, summary, evidence, remedy)
}

/// Connections that were taken a second.
fn taken_a_second(series: &[Decided]) -> f64 {
    let taken = outcomes(series).answered;
    let span_ns = match series {
        [first, .., last] => last.sent.since(first.sent),
        _ => 0,
    };
    #[expect(clippy::cast_precision_loss, reason = "a rate to be read")]
    let seconds = (span_ns as f64 / 1e9).max(1.0);
    #[expect(clippy::cast_precision_loss, reason = "a rate to be read")]
    let taken = taken as f64;
    taken / seconds
}
