//! Why SYNs to a remote host stay unanswered.

mod channel;
mod explain;
mod group;
mod hidden_mark;
mod hypothesis;
pub(super) mod limit;
mod named;
pub(super) mod newest;
mod rates;
mod recycle;
mod spell;

use self::{
    explain::why,
    group::without_timestamps,
    hypothesis::{cause, loss_beside, posterior, with_misfit},
    named::{finding, loss, named, port_reuse},
    recycle::{predicted_hit, predicted_pass},
};
use super::{Case, NAMED, RULED_OUT, base_rates::SynTrouble, insufficient};
use crate::analysis::{
    diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    evidence::SynEvidence,
};

/// Odds against chance from which on somebody's server is said to have tcp_tw_recycle on. A watcher sees hundreds of
/// thousands of remote hosts, and chance must not accuse one of them: of hosts that lose SYNs at random, at most one in
/// these odds times the share of priors (nine) comes so far, and far fewer do. This asks for some six dropped SYNs.
const ODDS_OF_AN_ACCUSATION: f64 = 10_000.0;
/// Connections with a symptom from which on a cause is named: one alone may have any.
const CONNECTIONS: u64 = 2;
/// Handshakes that had to be confirmed again from which on that is a symptom: a lost ACK makes one.
const REPEATS: u64 = 3;
/// Bare ACKs in answer to a SYN from which on reused ports are named beside another trouble.
const ACKS: u64 = 2;
/// Neighbours that must be silent too for the way to be blamed.
const NEIGHBOURS: u64 = 2;
/// Clients that must be seen for a queue kept for known ones to be told from a filter.
const CLIENTS: usize = 3;
/// SYNs dropped beside the named trouble from which on loss is looked for.
const BESIDE: u64 = 3;

/// Whether there is something to explain.
pub(super) fn has_symptom(syns: &SynEvidence) -> bool {
    syns.all().dropped > 0
        || syns.acks > 0
        || syns.reused.dropped > 0
        || syns.syn_acks_lost > 0
        || syns.syn_acks_repeated >= REPEATS
}

/// What is wrong with SYNs to a remote host.
pub(super) fn findings(case: &Case, syns: &SynEvidence) -> Vec<Finding> {
    if !has_symptom(syns) {
        return Vec::new();
    }
    let posterior = posterior(case, syns);
    let sum = |shares: &[(SynTrouble, f64)], wanted: Cause| -> f64 {
        let having = shares.iter().filter(|(it, _)| goes_by(*it, wanted));
        having.map(|(_, share)| share).sum()
    };
    let with_misfit = with_misfit(&posterior);
    let confidence_in = |wanted| sum(&with_misfit, wanted);
    let best = posterior
        .iter()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(best, _)| *best)
        .filter(|best| can_be_named(*best, case, syns, &posterior))
        .filter(|best| confidence_in(cause(*best)) >= NAMED);
    let Some(best) = best else {
        if syns.all().dropped + syns.acks + syns.reused.dropped + syns.syn_acks_lost == 0 {
            // A SYN-ACK that is confirmed twice harms nobody.
            return Vec::new();
        }
        return vec![unexplained(syns, candidates(&posterior))];
    };
    let confidence = confidence_in(cause(best));
    let (mut excluded, mut not_excluded) = (Vec::<Alternative>::new(), Vec::<Alternative>::new());
    for (other, share) in posterior
        .iter()
        .filter(|(other, _)| cause(*other) != cause(best))
    {
        // An observation excludes it, however well the rules fit.
        let is_excluded = sum(&posterior, cause(*other)) <= RULED_OUT;
        let list = if is_excluded {
            &mut excluded
        } else {
            &mut not_excluded
        };
        // Of several that go by one name, the one that is left speaks for it.
        let speaks = is_excluded || *share > RULED_OUT;
        if speaks && !list.iter().any(|known| known.cause == cause(*other)) {
            list.push(Alternative {
                cause: cause(*other),
                why: why(*other, best, syns, is_excluded),
            });
        }
    }
    let mut findings = vec![Finding {
        confidence,
        excluded,
        not_excluded,
        ..named(best, case, syns)
    }];
    findings.extend(beside(best, syns));
    findings
}

/// Whether a cause is true of a trouble: loss on the way back is loss.
fn goes_by(trouble: SynTrouble, wanted: Cause) -> bool {
    cause(trouble) == wanted || (wanted == Cause::PacketLoss && trouble == SynTrouble::ReturnLoss)
}

/// Whether what was observed can tell this trouble from all that look like it.
fn can_be_named(
    trouble: SynTrouble,
    case: &Case,
    syns: &SynEvidence,
    posterior: &[(SynTrouble, f64)],
) -> bool {
    let connections = syns.connections.failed + syns.connections.late;
    match trouble {
        SynTrouble::Recycle | SynTrouble::RecycleOfSome => {
            let share = |wanted: &[SynTrouble]| -> f64 {
                posterior
                    .iter()
                    .filter(|(trouble, _)| wanted.contains(trouble))
                    .map(|(_, share)| share)
                    .sum()
            };
            let recycle = share(&[SynTrouble::Recycle, SynTrouble::RecycleOfSome]);
            let chance = share(&[SynTrouble::Loss, SynTrouble::ReturnLoss]);
            // Marks that nobody saw prove nothing.
            predicted_hit(syns).dropped > 0 && recycle >= chance * ODDS_OF_AN_ACCUSATION
        }
        SynTrouble::Unreachable => case.neighbours.silent >= NEIGHBOURS,
        SynTrouble::OneOfSeveral => false,
        SynTrouble::NewHosts => syns.services.len() >= CLIENTS && syns.connections.late > 0,
        SynTrouble::PortReuse => true,
        SynTrouble::ReturnLoss => syns.syn_acks_lost >= CONNECTIONS,
        SynTrouble::Backlog => connections + syns.syn_acks_repeated >= CONNECTIONS,
        SynTrouble::Loss
        | SynTrouble::Outage
        | SynTrouble::Filter
        | SynTrouble::FilterOfClients
        | SynTrouble::RateLimit
        | SynTrouble::TimestampsFiltered
        | SynTrouble::TimestampsDemanded => connections >= CONNECTIONS,
    }
}

/// What else is wrong beside the trouble that explains most.
fn beside(best: SynTrouble, syns: &SynEvidence) -> Vec<Finding> {
    let mut findings = Vec::new();
    let others = match best {
        // What hosts that we do not see do to the mark looks like loss, and so do marks from before we looked.
        SynTrouble::Recycle if !syns.shared_address => Some(predicted_pass(syns).less(syns.early)),
        SynTrouble::TimestampsFiltered => Some(without_timestamps(syns)),
        _ => None,
    };
    if let Some(others) = others.filter(|others| others.dropped >= BESIDE) {
        let confidence = loss_beside(others);
        if confidence >= NAMED {
            findings.push(Finding {
                confidence,
                ..loss(syns, others)
            });
        }
    }
    if best != SynTrouble::PortReuse && syns.acks >= ACKS {
        /// Of bare ACKs that answer SYNs, about one in a hundred pairs has another reason.
        const BARE_ACKS: f64 = 0.99;
        findings.push(Finding {
            confidence: BARE_ACKS,
            ..port_reuse(syns)
        });
    }
    findings
}

/// The causes that are left, the likeliest first.
fn candidates(posterior: &[(SynTrouble, f64)]) -> Vec<Alternative> {
    let mut shares: Vec<_> = posterior
        .iter()
        .filter(|(_, share)| *share > RULED_OUT)
        .collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut candidates = Vec::<Alternative>::new();
    for (trouble, share) in shares {
        if !candidates
            .iter()
            .any(|known| known.cause == cause(*trouble))
        {
            let why = format!("fits what was seen, at {:.0} %", share * 100.0);
            candidates.push(Alternative {
                cause: cause(*trouble),
                why,
            });
        }
    }
    candidates
}

/// A symptom that no cause explains well enough.
fn unexplained(syns: &SynEvidence, candidates: Vec<Alternative>) -> Finding {
    let all = syns.all();
    let summary = if all.dropped > 0 {
        format!(
            "{} of {} SYNs got no answer, and what was seen fits several causes",
            all.dropped,
            all.total()
        )
    } else {
        format!(
            "{} SYNs were answered by a bare ACK, {} SYN-ACKs came late and {} again, which fits several causes",
            syns.acks, syns.syn_acks_lost, syns.syn_acks_repeated
        )
    };
    let remedy = vec![
        "watch more connections, from several clients and to several ports of this host".to_owned(),
    ];
    let evidence = finding(
        Cause::InsufficientEvidence,
        Severity::Warning,
        String::new(),
        syns,
        Vec::new(),
    )
    .evidence;
    let mut finding = insufficient(summary, evidence, remedy);
    finding.not_excluded = candidates;
    finding
}

/// Timestamps that do not come back harm nobody, and explain why no SYN has a predicted fate behind this host.
pub(super) fn timestamps_stripped(syns: &SynEvidence) -> Option<Finding> {
    /// Handshakes from which on the absence is no accident.
    const ENOUGH: u64 = 3;
    /// An echo that nobody sent was rewritten; servers that lack timestamps half of the time stand behind one address.
    const CERTAIN_ENOUGH: f64 = 0.95;
    let missing = syns.echo_missing;
    let is_rewritten = syns.echo_foreign >= ENOUGH;
    if !is_rewritten && (missing < ENOUGH || syns.handshakes_with_echo > missing) {
        return None;
    }
    let summary = format!(
        "timestamps do not come back: of {} handshakes that offered them {missing} got none and {} got a foreign one; the server has them off, or something on the way strips them",
        missing + syns.echo_foreign + syns.handshakes_with_echo,
        syns.echo_foreign
    );
    let mut finding = finding(
        Cause::TimestampsStripped,
        Severity::Info,
        summary,
        syns,
        Vec::new(),
    );
    finding.confidence = CERTAIN_ENOUGH;
    finding
        .evidence
        .push(("echo_missing", Evidence::Count(missing)));
    finding
        .evidence
        .push(("echo_foreign", Evidence::Count(syns.echo_foreign)));
    Some(finding)
}
