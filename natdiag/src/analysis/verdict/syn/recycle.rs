//! `tcp_tw_recycle` on one server. What it does to SYNs is in `recycle/rule.rs`, and its words in `recycle/words.rs`.

pub(super) mod rule;
pub(super) mod words;

use self::{
    rule::{ln_recycle, predicted_hit, predicted_pass},
    words::{drops_follow_timestamps, recycle, why_excluded},
};
use super::{
    channel,
    data::ln_data,
    rates::OPEN,
    trouble::{Excluded, Seen, Trouble},
};
use crate::analysis::{
    diagnosis::Cause,
    fates::{Outcomes, SynSums},
    verdict::{
        contest::Contest,
        likelihood::{ln_mixture, ln_series},
    },
};

/// Odds against chance from which on somebody's server is said to have tcp_tw_recycle on. A watcher sees hundreds of
/// thousands of remote hosts, and chance must not accuse one of them: of hosts that lose SYNs at random, at most one in
/// these odds times the share of priors (nine) comes so far, and far fewer do. This asks for some six dropped SYNs.
const ODDS_OF_AN_ACCUSATION: f64 = 10_000.0;
/// Causes by which SYNs are dropped for what they are, as by tcp_tw_recycle, and what nobody has thought of.
const UNLIKE: [Cause; 3] = [
    Cause::SynAuthentication,
    Cause::SynOptionDropped,
    Cause::InsufficientEvidence,
];
/// The odds against all of these.
const ODDS_AGAINST_UNLIKE: f64 = 20.0;
/// Share of servers with tcp_tw_recycle that are reached on ports used again too early as well.
const BESIDE: f64 = 0.03;

pub(super) const TROUBLE: Trouble = Trouble {
    // Servers older than Linux 4.12 (2017) whose administrators turned it on.
    prior: 0.04,
    cause: Cause::TwRecycle,
    also: None,
    beside: &[Cause::PacketLoss],
    is_random: false,
    is_alike: false,
    ln_fates: |seen| ln_recycle(seen.syns),
    ln_lost_answers: channel::ln_lost_answers,
    ln_repeats: channel::ln_repeats,
    ln_aborts: channel::ln_aborts,
    ln_reuse,
    ln_clocks: channel::ln_clocks,
    ln_neighbours: channel::ln_neighbours,
    ln_data,
    can_be_named,
    finding: recycle,
    others,
    explains_acks: false,
    why_excluded: Excluded::ByItself(why_excluded),
    against_others: Some(drops_follow_timestamps),
    why_left: |syns| {
        if syns.shared_address {
            "hosts that do not pass here may have raised the mark unseen"
        } else if syns.early.dropped > 0 {
            "a mark from before we looked may still be in force"
        } else {
            "too few SYNs met a mark"
        }
    },
};

/// A server that closes first makes marks, and holds ports.
pub(super) fn ln_reuse(seen: &Seen) -> f64 {
    ln_mixture(&[
        (1.0 - BESIDE, channel::ln_reuse_by_a_rule(seen)),
        (BESIDE, channel::ln_port_reuse(seen.syns)),
    ])
}

/// Whether chance is no match for it.
pub(super) fn can_be_named(seen: &Seen, contest: &Contest<&'static Trouble>) -> bool {
    let recycle = contest.share_of(|trouble| trouble.cause == Cause::TwRecycle);
    let chance = contest.share_of(|trouble| trouble.is_random);
    let unlike = contest.share_of(|trouble| UNLIKE.contains(&trouble.cause));
    // Marks that nobody saw prove nothing.
    predicted_hit(seen.syns).dropped > 0
        && recycle >= chance * ODDS_OF_AN_ACCUSATION
        && recycle >= unlike * ODDS_AGAINST_UNLIKE
        && follows_marks(seen.syns)
}

/// Whether drops follow the mark. What a mark drops it drops again. And where all that made marks was seen, SYNs below
/// it are dropped clearly more often than others, first ones and repeated ones each among themselves: where only one of
/// these kinds is dropped, the mark has nothing to do with it. Where unseen hosts raise the mark, ours is no bound.
fn follows_marks(syns: &SynSums) -> bool {
    /// Twenty to one, as a logarithm.
    const CLEARLY: f64 = 3.0;
    let (hit, again_below) = (predicted_hit(syns), syns.repeated_below);
    let is_dropped_again = again_below.dropped >= again_below.answered;
    if !is_dropped_again || syns.shared_address {
        return is_dropped_again;
    }
    // A mark from before we looked may have dropped what seems to be above.
    let early = |outcomes: Outcomes| Outcomes {
        answered: 0,
        ..outcomes
    };
    let pass = predicted_pass(syns).less(early(syns.early));
    let again_above = syns
        .repeated
        .less(again_below)
        .less(early(syns.repeated_early));
    let first = (hit.less(again_below), pass.less(again_above));
    let ln_odds: f64 = [first, (again_below, again_above)]
        .iter()
        .map(|(below, above)| {
            ln_series(OPEN, *below) + ln_series(OPEN, *above) - ln_series(OPEN, below.plus(*above))
        })
        .sum();
    let is_more_often = hit.dropped * pass.total() > pass.dropped * hit.total();
    pass.total() == 0 || (is_more_often && ln_odds >= CLEARLY)
}

/// What hosts that we do not see do to the mark looks like loss, and so do marks from before we looked.
fn others(syns: &SynSums) -> Option<Outcomes> {
    (!syns.shared_address).then(|| predicted_pass(syns).less(syns.early))
}
