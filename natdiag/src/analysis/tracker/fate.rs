//! Gives SYNs their fates, everywhere they count.

use super::flow::Transmission;
use crate::{
    analysis::fates::{ConnectionFates, Fate, SynSums},
    event::Timestamp,
};

/// Fate of a SYN that nobody was seen to answer.
pub(super) fn unanswered(
    missed: Option<(Timestamp, Timestamp)>,
    sent: Timestamp,
    now: Timestamp,
) -> Fate {
    match missed {
        Some((from, to)) if from <= now && to >= sent => Fate::Undecided,
        _ => Fate::Dropped,
    }
}

/// Gives a SYN another fate, everywhere it counts.
pub(super) fn settle(
    sums: &mut SynSums,
    fates: &mut ConnectionFates,
    transmission: &mut Transmission,
    fate: Fate,
    now: Timestamp,
) {
    if transmission.fate == fate {
        return;
    }
    sums.settle(transmission.class, transmission.fate, fate, now);
    let shown = transmission.class.counted(fate);
    sums.recent.settle(transmission.number, shown);
    if !transmission.class.ambiguous {
        let before = *fates;
        match transmission.class.counted(transmission.fate) {
            Fate::Dropped => fates.dropped = fates.dropped.saturating_sub(1),
            Fate::Answered => fates.answered = fates.answered.saturating_sub(1),
            Fate::Pending | Fate::Undecided => {}
        }
        match transmission.class.counted(fate) {
            Fate::Dropped => fates.dropped += 1,
            Fate::Answered => fates.answered += 1,
            Fate::Pending | Fate::Undecided => {}
        }
        sums.connections.settle(before, *fates);
    }
    transmission.fate = fate;
}
