//! A short queue that is kept for hosts known before.

use super::{
    backlog::{IN_SPELLS, backlog, no_spells},
    channel,
    data::ln_data,
    rates::{BACKGROUND, MOSTLY, STRAY_LOSS},
    trouble::{Excluded, Seen, Trouble, no_others},
};
use crate::analysis::{
    diagnosis::Cause,
    verdict::likelihood::{ln_known, ln_mixture, ln_series},
};

/// Clients that must be seen for a queue kept for known ones to be told from a filter.
const CLIENTS: usize = 3;

pub(super) const TROUBLE: Trouble = Trouble {
    prior: 0.004,
    cause: Cause::BacklogOverflow,
    also: None,
    beside: &[],
    is_random: false,
    is_alike: false,
    ln_fates,
    ln_lost_answers: channel::ln_lost_answers,
    ln_repeats: channel::ln_repeats,
    ln_aborts: channel::ln_aborts,
    ln_reuse: channel::ln_reuse_by_chance,
    ln_clocks: channel::ln_clocks,
    ln_neighbours: channel::ln_neighbours,
    ln_data,
    can_be_named: |seen, _| seen.syns.services.len() >= CLIENTS && seen.syns.connections.late > 0,
    finding: backlog,
    others: no_others,
    explains_acks: false,
    why_excluded: Excluded::AtLeast(no_spells),
    against_others: None,
    why_left: |_| IN_SPELLS,
};

/// Known hosts are let in: where they are not, loss has come beside it.
fn ln_fates(seen: &Seen) -> f64 {
    let first = seen.syns.first_contact;
    let rest = seen.syns.all().less(first);
    ln_series(MOSTLY, first)
        + ln_mixture(&[
            (0.9, ln_known(STRAY_LOSS, rest)),
            (0.1, ln_series(BACKGROUND, rest)),
        ])
}
