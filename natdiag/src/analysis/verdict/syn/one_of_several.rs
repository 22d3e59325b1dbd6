//! Drops that follow the four-tuple: one of several paths or backends is dead.

use super::{
    channel,
    data::ln_data,
    group::ln_four_tuple,
    trouble::{Excluded, Trouble, no_others},
    unreachable::unreachable,
};
use crate::analysis::diagnosis::Cause;

/// Of addresses of which one of several servers or paths is dead, those that show several clocks.
const CLOCKS: f64 = 0.35;

pub(super) const TROUBLE: Trouble = Trouble {
    prior: 0.05,
    cause: Cause::Routing,
    also: None,
    beside: &[],
    is_random: false,
    is_alike: false,
    ln_fates: |seen| ln_four_tuple(seen.syns),
    ln_lost_answers: channel::ln_lost_answers,
    ln_repeats: channel::ln_repeats,
    ln_aborts: channel::ln_aborts,
    ln_reuse: channel::ln_reuse_by_chance,
    ln_clocks: |seen| channel::ln_clocks_of(CLOCKS, seen.syns),
    ln_neighbours: channel::ln_neighbours,
    ln_data,
    can_be_named: // Which of them is dead cannot be seen from here.
    |_, _| false,
    finding: unreachable,
    others: no_others,
    explains_acks: false,
    why_excluded: Excluded::AtLeast(|syns| {
        format!(
            "{} connections got through after a drop and {} did not: it is not the four-tuple that decides",
            syns.connections.late, syns.connections.failed
        )
    }),
    against_others: None,
    why_left: |_| "few connections were seen",
};
