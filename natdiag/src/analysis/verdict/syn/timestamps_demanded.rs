//! SYNs without timestamps are dropped.

use super::{
    channel,
    data::ln_data,
    filter::ASK_FOR_FILTERS,
    finding::finding,
    group::{ln_selective, with_timestamps, without_timestamps},
    trouble::{Excluded, Seen, Trouble, are_several_hit, no_others},
};
use crate::analysis::{
    diagnosis::{Cause, Finding, Severity},
    fates::SynSums,
};

pub(super) const TROUBLE: Trouble = Trouble {
    // Nobody is known to do so.
    prior: 0.000_01,
    cause: Cause::Filtered,
    also: None,
    beside: &[],
    is_random: false,
    is_alike: false,
    ln_fates: |seen| ln_selective(without_timestamps(seen.syns), with_timestamps(seen.syns)),
    ln_lost_answers: channel::ln_lost_answers,
    ln_repeats: channel::ln_repeats,
    ln_aborts: channel::ln_aborts,
    ln_reuse: channel::ln_reuse_by_a_rule,
    ln_clocks: channel::ln_clocks,
    ln_neighbours: channel::ln_neighbours,
    ln_data,
    can_be_named: are_several_hit,
    finding: timestamps_demanded,
    others: no_others,
    explains_acks: false,
    why_excluded: Excluded::ByItself(why_excluded),
    against_others: None,
    why_left: |_| "a filter that drops SYNs without timestamps would look the same",
};

fn why_excluded(syns: &SynSums) -> String {
    match without_timestamps(syns) {
        without if without.dropped == 0 => "no SYN without timestamps was dropped".to_owned(),
        without => format!(
            "{} of {} SYNs without timestamps were answered",
            without.answered,
            without.total()
        ),
    }
}

fn timestamps_demanded(seen: &Seen) -> Finding {
    let syns = seen.syns;
    let (with, without) = (with_timestamps(syns), without_timestamps(syns));
    let summary = format!(
        "something drops SYNs that carry no timestamps: {} of {} without them, {} of {} with",
        without.dropped,
        without.total(),
        with.dropped,
        with.total()
    );
    let remedy = vec![
        ASK_FOR_FILTERS.to_owned(),
        "until then `sysctl -w net.ipv4.tcp_timestamps=1` on the clients helps".to_owned(),
    ];
    finding(Cause::Filtered, Severity::Critical, summary, syns, remedy)
}
