//! The newest SYNs in their order, for hypotheses by which the fate of one depends on those before. What is older
//! counts as under mere loss.

use natdiag_common::wire::seq::TsVal;

use crate::{
    analysis::{
        fates::{Fate, Outcomes, SynSums},
        mark::Prediction,
        verdict::likelihood::{LOSS, ln_series},
    },
    event::Timestamp,
};

/// A SYN whose fate is known.
#[derive(Clone, Copy, Debug)]
pub(in crate::analysis::verdict) struct Decided {
    pub(in crate::analysis::verdict) sent: Timestamp,
    pub(in crate::analysis::verdict) tsval: Option<TsVal>,
    pub(in crate::analysis::verdict) prediction: Prediction,
    pub(in crate::analysis::verdict) repeated: bool,
    pub(in crate::analysis::verdict) open: u16,
    pub(in crate::analysis::verdict) is_dropped: bool,
    /// Whether its fate counts; if not, it may decide about others all the same.
    pub(in crate::analysis::verdict) counts: bool,
}

/// The newest of them that count, the oldest first.
pub(super) fn newest(syns: &SynSums) -> Vec<Decided> {
    let mut newest = decided(syns);
    newest.retain(|syn| syn.counts);
    newest
}

/// The newest of them, the oldest first.
pub(super) fn decided(syns: &SynSums) -> Vec<Decided> {
    syns.recent
        .iter()
        .filter(|syn| matches!(syn.fate, Fate::Dropped | Fate::Answered))
        .map(|syn| Decided {
            sent: syn.sent,
            tsval: syn.tsval,
            prediction: syn.prediction,
            repeated: syn.repeated,
            open: syn.open,
            is_dropped: syn.fate == Fate::Dropped,
            counts: syn.counts,
        })
        .collect()
}

/// Those of the newest that have something in common.
pub(super) fn outcomes_of(newest: &[Decided], has: impl Fn(&Decided) -> bool) -> Outcomes {
    let mut outcomes = Outcomes::default();
    for syn in newest.iter().filter(|syn| has(syn)) {
        outcomes.count(syn.is_dropped);
    }
    outcomes
}

/// Those of the newest that count.
pub(super) fn counted(newest: &[Decided]) -> Outcomes {
    outcomes_of(newest, |syn| syn.counts)
}

/// The likelihood of what is older than these newest.
pub(super) fn ln_older(syns: &SynSums, newest: Outcomes) -> f64 {
    ln_series(LOSS, syns.all()) - ln_series(LOSS, newest)
}

/// From one SYN or mark to a later one, in seconds.
#[expect(clippy::cast_precision_loss, reason = "microseconds are enough")]
pub(super) fn seconds_between(earlier: Timestamp, later: Timestamp) -> f64 {
    later.since(earlier) as f64 / 1e9
}
