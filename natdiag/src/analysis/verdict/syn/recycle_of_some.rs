//! `tcp_tw_recycle` on some of the servers behind one address.

use super::{
    channel,
    data::ln_data,
    rates::{AGAIN, BACKGROUND, OPEN},
    recycle::{
        can_be_named, ln_reuse,
        rule::{predicted_hit, predicted_pass},
        words::{drops_follow_timestamps, recycle, why_excluded},
    },
    trouble::{Excluded, Seen, Trouble, no_others},
};
use crate::analysis::{diagnosis::Cause, verdict::likelihood::ln_series};

/// Of addresses that recycle in part, those that show several clocks.
const CLOCKS: f64 = 0.7;

pub(super) const TROUBLE: Trouble = Trouble {
    prior: 0.005,
    cause: Cause::TwRecycle,
    also: None,
    beside: &[Cause::PacketLoss],
    is_random: false,
    is_alike: false,
    ln_fates,
    ln_lost_answers: channel::ln_lost_answers,
    ln_repeats: channel::ln_repeats,
    ln_aborts: channel::ln_aborts,
    ln_reuse,
    ln_clocks: |seen| channel::ln_clocks_of(CLOCKS, seen.syns),
    ln_neighbours: channel::ln_neighbours,
    ln_data,
    can_be_named,
    finding: recycle,
    others: no_others,
    explains_acks: false,
    why_excluded: Excluded::ByItself(why_excluded),
    against_others: Some(drops_follow_timestamps),
    why_left: |_| "several servers may share this address",
};

/// A SYN below the mark may reach a server that does not recycle, or has another mark. What repeats a SYN reaches the
/// same server.
fn ln_fates(seen: &Seen) -> f64 {
    let syns = seen.syns;
    let hit = predicted_hit(syns);
    if hit.dropped == 0 {
        return f64::NEG_INFINITY;
    }
    ln_series(OPEN, hit.less(syns.repeated_below))
        + ln_series(AGAIN, syns.repeated_below)
        + ln_series(BACKGROUND, predicted_pass(syns))
}
