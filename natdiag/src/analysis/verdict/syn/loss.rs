//! SYNs are lost at random, and perhaps answers too.

use super::{
    channel,
    data::ln_data_of,
    finding::finding,
    rates::{BACKGROUND, NOW_AND_THEN},
    trouble::{Excluded, Seen, Trouble, are_several_hit, no_others},
};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    fates::{Outcomes, SynSums},
    verdict::{
        contest::Contest,
        data::STRAY,
        likelihood::{LOSS, ln_known, ln_mixture, ln_series},
    },
};

/// Loss below this share of SYNs hardly matters to anybody.
const NOTICEABLE: f64 = 0.01;

pub(super) const TROUBLE: Trouble = Trouble {
    prior: 0.332,
    cause: Cause::PacketLoss,
    also: None,
    beside: &[],
    is_random: true,
    is_alike: true,
    ln_fates: |seen| ln_series(LOSS, seen.syns.all()),
    ln_lost_answers,
    ln_repeats,
    ln_aborts: channel::ln_aborts,
    ln_reuse: channel::ln_reuse_by_chance,
    ln_clocks: channel::ln_clocks,
    ln_neighbours: channel::ln_neighbours,
    ln_data,
    can_be_named: are_several_hit,
    finding: |seen| loss(seen.syns, seen.syns.all()),
    others: no_others,
    explains_acks: false,
    why_excluded: Excluded::AtLeast(|syns| {
        let all = syns.all();
        format!(
            "{} of {} SYNs were dropped in a pattern that chance does not make",
            all.dropped,
            all.total()
        )
    }),
    against_others: None,
    why_left: |_| "chance may have done it",
};

/// What loses SYNs may lose SYN-ACKs as well; queues are mostly full one way.
fn ln_lost_answers(seen: &Seen) -> f64 {
    let answers = channel::lost_answers(seen.syns);
    ln_mixture(&[
        (0.3, ln_series(LOSS, answers)),
        (0.7, ln_known(NOW_AND_THEN, answers)),
    ])
}

/// Data behind a lost ACK acknowledges as well, so that few are missed.
fn ln_repeats(seen: &Seen) -> f64 {
    let answers = channel::repeats(seen.syns);
    ln_mixture(&[
        (0.5, ln_series(BACKGROUND, answers)),
        (0.5, ln_known(NOW_AND_THEN, answers)),
    ])
}

/// The share is that of the SYNs, or another one where only they compete for room; some devices lose SYNs alone. A way
/// that is full in one direction is mostly not in the other.
fn ln_data(seen: &Seen) -> f64 {
    let all = seen.syns.all();
    ln_data_of(seen, |data| {
        let shared = ln_series(LOSS, all.plus(data.forth)) - ln_series(LOSS, all);
        ln_mixture(&[
            (0.35, shared),
            (0.3, ln_series(LOSS, data.forth)),
            (0.35, ln_series(STRAY, data.forth)),
        ]) + ln_mixture(&[
            (0.35, ln_series(LOSS, data.back)),
            (0.65, ln_series(STRAY, data.back)),
        ])
    })
}

/// Probability that SYNs beside another trouble are lost at random, and not just now and then.
pub(super) fn confidence_beside(others: Outcomes) -> f64 {
    let is_loss = Contest::of([
        (true, 0.5, ln_series(LOSS, others)),
        (false, 0.5, ln_known(NOW_AND_THEN, others)),
    ]);
    is_loss.share_of(|is_loss| is_loss)
}

/// Loss of some SYNs at random.
pub(super) fn loss(syns: &SynSums, all: Outcomes) -> Finding {
    #[expect(clippy::cast_precision_loss, reason = "a share of counts")]
    let share = all.dropped as f64 / all.total() as f64;
    let severity = if share >= NOTICEABLE {
        Severity::Warning
    } else {
        Severity::Info
    };
    let summary = format!(
        "packets are lost on the way: {} of {} SYNs ({:.1} %) got no answer, at random",
        all.dropped,
        all.total(),
        share * 100.0
    );
    let remedy = vec![
        "look for loss hop by hop, in both directions: `mtr --tcp --port PORT HOST`".to_owned(),
    ];
    let mut finding = finding(Cause::PacketLoss, severity, summary, syns, remedy);
    finding
        .evidence
        .push(("loss_share", Evidence::Ratio(share)));
    finding
}
