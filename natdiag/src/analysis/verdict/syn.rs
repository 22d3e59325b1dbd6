//! Why SYNs to a remote host stay unanswered. Each trouble that may be why has a file beside this one, with all that is
//! true of it; what is asked of each is in `syn/trouble.rs`.

mod authentication;
mod backlog;
mod channel;
mod data;
mod filter;
mod filter_of_clients;
mod finding;
mod group;
mod hidden_mark;
pub(super) mod limit;
mod loss;
mod new_hosts;
pub(super) mod newest;
mod one_of_several;
mod option;
mod outage;
mod port_limit;
mod port_race;
mod port_reuse;
mod ports;
mod rate_limit;
mod rates;
mod recycle;
mod recycle_of_some;
mod return_loss;
mod spell;
#[cfg(test)]
mod tests;
mod timestamps_demanded;
mod timestamps_filtered;
mod trouble;
mod unknown;
mod unreachable;

use self::{
    finding::{evidence, finding},
    loss::{confidence_beside, loss},
    port_reuse::port_reuse,
    trouble::{Seen, Trouble},
};
use super::{
    case::{Case, insufficient},
    contest::{Contest, NAMED, RULED_OUT},
};
use crate::analysis::{
    diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    fates::SynSums,
};

/// Handshakes that had to be confirmed again from which on that is a symptom: a lost ACK makes one.
const REPEATS: u64 = 3;
/// Bare ACKs in answer to a SYN from which on reused ports are named beside another trouble.
const ACKS: u64 = 2;
/// SYNs dropped beside the named trouble from which on loss is looked for.
const BESIDE: u64 = 3;
/// How often none of the rules of chance, spells, queues and limits is quite that of a host: two queues in a row, a
/// limit that others use up too, an application that is slow now and then. What the fates then say for one of these and
/// against another is an accident of the rules, and only priors are left. In the simulation, of limits and queues that
/// were taken for each other or for loss by odds of a hundred to one and more, there were about as many as with this.
const MISFIT: f64 = 0.01;

/// What may keep SYNs from being answered. Several may go by the name of one cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SynTrouble {
    /// SYNs are lost at random, and perhaps answers too.
    Loss,
    /// SYN-ACKs are lost at random.
    ReturnLoss,
    /// Everything is lost for some seconds.
    Outage,
    /// A filter by port, or of the whole host.
    Filter,
    /// A filter that knows clients apart which share one address outside.
    FilterOfClients,
    /// A full accept queue or SYN queue: drops in spells, and ACKs that the server does not take.
    Backlog,
    /// A short queue that is kept for hosts known before.
    NewHosts,
    /// So many connections a second and no more.
    RateLimit,
    /// Drops that follow the four-tuple: one of several paths or backends is dead.
    OneOfSeveral,
    /// Ports used again too early: the server holds the four-tuple in TIME-WAIT.
    PortReuse,
    /// `tcp_tw_recycle`.
    Recycle,
    /// `tcp_tw_recycle` on some of the servers behind one address.
    RecycleOfSome,
    /// SYNs with timestamps are dropped.
    TimestampsFiltered,
    /// SYNs without timestamps are dropped.
    TimestampsDemanded,
    /// No way leads there, or back.
    Unreachable,
    /// The first SYN of a connection, or of a client, is dropped, and what repeats it passes.
    Authentication,
    /// SYNs that carry some option are dropped.
    OptionDropped,
    /// A NAT beyond the watcher has no port left.
    PortLimit,
    /// SYNs that come at the same time race for a port of a NAT.
    PortRace,
    /// Drops depend on something that nobody has thought of.
    Unknown,
}

/// The troubles, each with its file. Priors are judgement, not measurement: what counts is that a verdict needs
/// evidence that outweighs them. `cargo xtask evaluate` draws the remote hosts of its simulation by them, so that a
/// confidence can be held against how often it is right.
static TROUBLES: [(SynTrouble, Trouble); 20] = [
    (SynTrouble::Loss, loss::TROUBLE),
    (SynTrouble::Filter, filter::TROUBLE),
    (SynTrouble::ReturnLoss, return_loss::TROUBLE),
    (SynTrouble::Backlog, backlog::TROUBLE),
    (SynTrouble::Outage, outage::TROUBLE),
    (SynTrouble::OneOfSeveral, one_of_several::TROUBLE),
    (SynTrouble::Recycle, recycle::TROUBLE),
    (SynTrouble::RateLimit, rate_limit::TROUBLE),
    (SynTrouble::PortReuse, port_reuse::TROUBLE),
    (SynTrouble::Unknown, unknown::TROUBLE),
    (SynTrouble::PortLimit, port_limit::TROUBLE),
    (SynTrouble::Authentication, authentication::TROUBLE),
    (SynTrouble::OptionDropped, option::TROUBLE),
    (SynTrouble::PortRace, port_race::TROUBLE),
    (SynTrouble::RecycleOfSome, recycle_of_some::TROUBLE),
    (SynTrouble::NewHosts, new_hosts::TROUBLE),
    (SynTrouble::TimestampsFiltered, timestamps_filtered::TROUBLE),
    (SynTrouble::Unreachable, unreachable::TROUBLE),
    (SynTrouble::FilterOfClients, filter_of_clients::TROUBLE),
    (SynTrouble::TimestampsDemanded, timestamps_demanded::TROUBLE),
];

impl SynTrouble {
    /// All troubles, each with its share among remote hosts with unanswered SYNs. Priors need not add up to one, so
    /// that a new trouble changes no other.
    pub fn shares() -> impl Iterator<Item = (Self, f64)> {
        let whole: f64 = TROUBLES.iter().map(|(_, trouble)| trouble.prior).sum();
        TROUBLES
            .iter()
            .map(move |(name, trouble)| (*name, trouble.prior / whole))
    }

    /// Whether it is right to name a cause where this is the trouble: its own, or one that is often beside it.
    #[must_use]
    pub fn is_named_by(self, cause: Cause) -> bool {
        TROUBLES.iter().any(|(name, trouble)| {
            *name == self && (trouble.goes_by(cause) || trouble.beside.contains(&cause))
        })
    }
}

/// Whether there is something to explain.
pub(super) fn has_symptom(syns: &SynSums) -> bool {
    syns.all().dropped > 0
        || syns.acks > 0
        || syns.reused.dropped > 0
        || syns.syn_acks_lost > 0
        || syns.untaken() >= REPEATS
        || syns.misnumbered > 0
}

/// What is wrong with SYNs to a remote host.
pub(super) fn findings(case: &Case, syns: &SynSums) -> Vec<Finding> {
    if !has_symptom(syns) {
        return Vec::new();
    }
    let seen = Seen::new(case, syns);
    let contest = contest(&seen);
    let with_misfit = with_misfit(&contest);
    let best = contest
        .best()
        .map(|(best, _)| best)
        .filter(|best| (best.can_be_named)(&seen, &contest))
        .map(|best| {
            (
                best,
                with_misfit.share_of(|trouble| trouble.goes_by(best.cause)),
            )
        })
        .filter(|(_, confidence)| *confidence >= NAMED);
    let Some((best, confidence)) = best else {
        let failures = syns.all().dropped + syns.acks + syns.reused.dropped;
        if failures + syns.syn_acks_lost + syns.untaken() + syns.misnumbered == 0 {
            // A SYN-ACK that is confirmed twice harms nobody.
            return Vec::new();
        }
        return vec![unexplained(syns, candidates(&contest, syns))];
    };
    let others = contest.alternatives(
        Some(best.cause),
        |trouble| (trouble.cause != Cause::InsufficientEvidence).then_some(trouble.cause),
        |trouble, _, is_excluded| trouble.why(best, syns, is_excluded),
    );
    let mut findings = vec![Finding {
        confidence,
        excluded: others.excluded,
        not_excluded: others.not_excluded,
        ..(best.finding)(&seen)
    }];
    findings.extend(beside(best, syns));
    findings
}

/// How likely each trouble is, given what was seen.
fn contest(seen: &Seen) -> Contest<&'static Trouble> {
    Contest::of(
        TROUBLES
            .iter()
            .map(|(_, trouble)| (trouble, trouble.prior, trouble.ln_likelihood(seen))),
    )
}

/// The contest where the rules that are alike may not fit: what no observation tells apart is shared out by priors.
/// What all of them have together stays.
fn with_misfit(contest: &Contest<&'static Trouble>) -> Contest<&'static Trouble> {
    let whole = contest.share_of(|trouble| trouble.is_alike);
    let alike = TROUBLES.iter().filter(|(_, trouble)| trouble.is_alike);
    let priors: f64 = alike.map(|(_, trouble)| trouble.prior).sum();
    contest.with_shares(|trouble, share| {
        if trouble.is_alike {
            let by_prior = whole * trouble.prior / priors;
            (1.0 - MISFIT) * share + MISFIT * by_prior
        } else {
            share
        }
    })
}

/// What else is wrong beside the trouble that explains most.
fn beside(best: &Trouble, syns: &SynSums) -> Vec<Finding> {
    let mut findings = Vec::new();
    let others = (best.others)(syns).filter(|others| others.dropped >= BESIDE);
    if let Some(others) = others {
        let confidence = confidence_beside(others);
        if confidence >= NAMED {
            findings.push(Finding {
                confidence,
                ..loss(syns, others)
            });
        }
    }
    if !best.explains_acks && syns.acks >= ACKS {
        /// Of bare ACKs that answer SYNs, about one in a hundred pairs has another reason.
        const BARE_ACKS: f64 = 0.99;
        findings.push(Finding {
            confidence: BARE_ACKS,
            ..port_reuse(syns)
        });
    }
    findings
}

/// The causes that are left, the likeliest first, each with what leaves it. What was seen must not have made one much
/// less likely than it was before anything was seen: then nothing speaks for it.
fn candidates(contest: &Contest<&'static Trouble>, syns: &SynSums) -> Vec<Alternative> {
    /// Part of its prior that a cause must have kept.
    const KEPT: f64 = 0.1;
    let mut left: Vec<_> = contest
        .shares()
        .filter(|(trouble, share)| {
            trouble.cause != Cause::InsufficientEvidence
                && *share > RULED_OUT
                && *share >= KEPT * trouble.prior
        })
        .collect();
    left.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut candidates = Vec::<Alternative>::new();
    for (trouble, _) in left {
        if !candidates.iter().any(|known| known.cause == trouble.cause) {
            candidates.push(Alternative {
                cause: trouble.cause,
                why: (trouble.why_left)(syns).to_owned(),
            });
        }
    }
    candidates
}

/// A symptom that no cause explains well enough.
fn unexplained(syns: &SynSums, candidates: Vec<Alternative>) -> Finding {
    let all = syns.all();
    let summary = if all.dropped > 0 {
        format!(
            "{} of {} SYNs got no answer, and what was seen fits several causes",
            all.dropped,
            all.total()
        )
    } else if syns.misnumbered > 0 {
        format!(
            "{} SYN-ACKs acknowledge another number than that of the SYN they answer, which fits several causes",
            syns.misnumbered
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
    let mut finding = insufficient(summary, evidence(syns), remedy);
    finding.not_excluded = candidates;
    finding
}

/// Timestamps that do not come back harm nobody, and explain why no SYN has a predicted fate behind this host.
pub(super) fn timestamps_stripped(syns: &SynSums) -> Option<Finding> {
    /// Handshakes from which on the absence is no accident.
    const ENOUGH: u64 = 3;
    /// An echo that nobody sent was rewritten; servers that lack timestamps half of the time stand behind one address.
    const CERTAIN_ENOUGH: f64 = 0.95;
    let missing = syns.echo_missing;
    let is_rewritten = syns.echo_foreign >= ENOUGH;
    if !is_rewritten && (missing < ENOUGH || syns.handshakes_with_echo > missing) {
        return None;
    }
    let who = if is_rewritten {
        "something on the way rewrites them"
    } else {
        "most likely the server has them off; else something on the way strips them"
    };
    let summary = format!(
        "timestamps do not come back: of {} handshakes that offered them {missing} got none and {} got a foreign one; {who}",
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
