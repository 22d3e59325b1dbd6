//! Everything is lost for some seconds.

use super::{
    channel,
    data::ln_data_of,
    finding::finding,
    trouble::{Excluded, Seen, Trouble, are_several_hit, no_others},
};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    verdict::{
        data::STRAY,
        likelihood::{LOSS, ln_mixture, ln_series},
    },
};

pub(super) const TROUBLE: Trouble = Trouble {
    prior: 0.06,
    cause: Cause::PacketLoss,
    also: None,
    beside: &[],
    is_random: false,
    is_alike: true,
    ln_fates: |seen| seen.in_order.outage,
    ln_lost_answers: channel::ln_lost_answers,
    ln_repeats: channel::ln_repeats,
    ln_aborts: channel::ln_aborts,
    ln_reuse: channel::ln_reuse_by_chance,
    ln_clocks: channel::ln_clocks,
    ln_neighbours: channel::ln_neighbours,
    ln_data,
    can_be_named: are_several_hit,
    finding: outage,
    others: no_others,
    explains_acks: false,
    why_excluded: Excluded::AtLeast(|_| {
        "within the same seconds some SYNs were dropped and others answered".to_owned()
    }),
    against_others: None,
    why_left: |_| "a path that comes and goes looks much the same",
};

/// Whether anything is under way in those seconds is open.
fn ln_data(seen: &Seen) -> f64 {
    ln_data_of(seen, |data| {
        [data.forth, data.back]
            .iter()
            .map(|way| ln_mixture(&[(0.5, ln_series(LOSS, *way)), (0.5, ln_series(STRAY, *way))]))
            .sum()
    })
}

fn outage(seen: &Seen) -> Finding {
    let syns = seen.syns;
    let all = syns.all();
    let seconds = syns
        .spells
        .iter()
        .filter(|spell| spell.outcomes.dropped > spell.outcomes.answered)
        .count();
    let summary = format!(
        "everything is lost for seconds at a time: {} of {} SYNs, in {seconds} seconds",
        all.dropped,
        all.total()
    );
    let remedy = vec![
        "look for a link or a route that comes and goes: `mtr --tcp --port PORT HOST`".to_owned(),
    ];
    let mut finding = finding(Cause::PacketLoss, Severity::Warning, summary, syns, remedy);
    finding
        .evidence
        .push(("seconds_lost", Evidence::Count(seconds as u64)));
    finding
}
