//! SYNs with timestamps are dropped.

use super::{
    channel,
    data::ln_data,
    finding::finding,
    group::{ln_selective, with_timestamps, without_timestamps},
    trouble::{Excluded, Seen, Trouble, are_several_hit},
};
use crate::analysis::{
    diagnosis::{Cause, Finding, Severity},
    fates::SynSums,
};

pub(super) const TROUBLE: Trouble = Trouble {
    prior: 0.005,
    cause: Cause::TimestampsFiltered,
    also: None,
    beside: &[],
    is_random: false,
    is_alike: false,
    ln_fates: |seen| ln_selective(with_timestamps(seen.syns), without_timestamps(seen.syns)),
    ln_lost_answers: channel::ln_lost_answers,
    ln_repeats: channel::ln_repeats,
    ln_aborts: channel::ln_aborts,
    ln_reuse: channel::ln_reuse_by_a_rule,
    ln_clocks: channel::ln_clocks,
    ln_neighbours: channel::ln_neighbours,
    ln_data,
    can_be_named: are_several_hit,
    finding: timestamps_filtered,
    others: |syns| Some(without_timestamps(syns)),
    explains_acks: false,
    why_excluded: Excluded::ByItself(why_excluded),
    against_others: None,
    why_left: |_| "no SYN without timestamps was there to compare with",
};

fn why_excluded(syns: &SynSums) -> String {
    match with_timestamps(syns) {
        with if with.dropped == 0 => "no SYN with timestamps was dropped".to_owned(),
        with => format!(
            "{} of {} SYNs with timestamps were answered",
            with.answered,
            with.total()
        ),
    }
}

fn timestamps_filtered(seen: &Seen) -> Finding {
    let syns = seen.syns;
    let (with, without) = (with_timestamps(syns), without_timestamps(syns));
    let summary = format!(
        "something drops SYNs that carry timestamps: {} of {} with them, {} of {} without",
        with.dropped,
        with.total(),
        without.dropped,
        without.total()
    );
    let remedy = vec![
        "find the middlebox; until then `sysctl -w net.ipv4.tcp_timestamps=0` on the clients helps"
            .to_owned(),
    ];
    finding(
        Cause::TimestampsFiltered,
        Severity::Critical,
        summary,
        syns,
        remedy,
    )
}
