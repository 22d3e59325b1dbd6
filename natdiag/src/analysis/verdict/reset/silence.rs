//! Silence before a RST: who forgets idle connections resets what comes after a long silence, and nothing that comes
//! after a shorter one. An application, a restart or a forger does not go by silence.

use std::fmt;

use natdiag_common::follow::{FollowCounts, SILENCES};

use crate::analysis::{
    fates::Outcomes,
    verdict::likelihood::{Rate, ln_series},
};

/// Connections to be reset before a timeout, or where there is none: some applications reset some, whoever else does.
pub(super) const BEFORE: Rate = Rate::new(0.2, 9.8);
/// Applications and forgers reset a share of all connections, whatever the silence.
const ANY_TIME: Rate = Rate::new(1.0, 4.0);

/// How likely resets are after each class of silence where the silence is nothing to who resets.
pub(super) fn ln_any_time(classes: &[Outcomes]) -> f64 {
    ln_series(ANY_TIME, sum(classes))
}

/// A class of silence: what is known of how long one was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// It was not shorter.
    pub(super) from_seconds: u64,
    /// It was shorter, if the class has an end.
    pub(super) below_seconds: Option<u64>,
}

impl Span {
    const fn of(class: usize) -> Self {
        Self {
            from_seconds: begin(class),
            below_seconds: if class + 1 < SILENCES {
                Some(begin(class + 1))
            } else {
                None
            },
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.from_seconds, self.below_seconds) {
            (0, Some(below)) => write!(f, "of less than {below} s"),
            (from, Some(below)) => write!(f, "of {from} to {below} s"),
            (from, None) => write!(f, "of {from} s or more"),
        }
    }
}

/// The shortest silence after which what was sent was reset, and the longest after which it was answered, as far as the
/// classes tell.
pub(super) fn bounds(counts: &FollowCounts) -> Option<(Span, Span)> {
    let classes = classes(counts);
    let shortest_reset = classes.iter().position(|class| class.dropped > 0)?;
    let longest_answered = classes.iter().rposition(|class| class.answered > 0)?;
    Some((Span::of(shortest_reset), Span::of(longest_answered)))
}

/// Whole seconds at which a class of silence begins.
const fn begin(class: usize) -> u64 {
    if class == 0 { 0 } else { 1 << (class - 1) }
}

/// Resets after silences of at least a second, and what was answered after such.
pub(super) fn after_silence(counts: &FollowCounts) -> Outcomes {
    let classes = classes(counts);
    sum(classes.split_at(1).1)
}

/// Reset (as dropped) and answered, by class of silence.
pub(super) fn classes(counts: &FollowCounts) -> Vec<Outcomes> {
    counts
        .reset_after
        .iter()
        .zip(counts.answered_after)
        .map(|(reset, answered)| Outcomes {
            dropped: *reset,
            answered,
        })
        .collect()
}

/// All classes together.
pub(super) fn sum(classes: &[Outcomes]) -> Outcomes {
    classes
        .iter()
        .fold(Outcomes::default(), |sum, class| sum.plus(*class))
}
