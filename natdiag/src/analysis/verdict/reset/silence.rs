//! What silence before a RST tells: who forgets idle connections resets what comes after a long silence, and nothing that
//! comes after a shorter one. An application, a restart or a forger does not go by silence.

use std::fmt;

use natdiag_common::follow::{FollowCounter, FollowCounts, SILENCES};

use crate::analysis::{
    evidence::Outcomes,
    verdict::{
        base_rates::ResetTrouble,
        likelihood::{Rate, ln_mixture, ln_series},
    },
};

/// Connections to be reset before the timeout: some applications reset some, whoever else does.
const BEFORE: Rate = Rate::new(0.2, 9.8);
/// After the timeout all are, but those that something kept awake unseen.
const AFTER: Rate = Rate::new(9.8, 0.2);
/// Within the class in which the timeout lies, any share.
const AROUND: Rate = Rate::new(1.0, 1.0);
/// Applications and forgers reset a share of all connections, whatever the silence.
const ANY_TIME: Rate = Rate::new(1.0, 4.0);
/// A restart resets what was open then. It is in use or not; the longer the silence, the likelier it fell into it.
const OPEN_THEN: Rate = Rate::new(1.0, 1.0);

/// Share of RSTs that answer nothing. Who has forgotten a connection has nobody to send one to; a socket that is closed
/// in a hurry sends its RST at once.
const fn unprovoked(trouble: ResetTrouble) -> Rate {
    match trouble {
        ResetTrouble::Idle => Rate::new(0.5, 9.5),
        ResetTrouble::Application => Rate::new(1.0, 1.0),
        ResetTrouble::Restart => Rate::new(1.0, 3.0),
        ResetTrouble::Injected => Rate::new(2.0, 2.0),
    }
}

/// How likely a trouble makes the resets after each silence.
pub(super) fn ln_likelihood(trouble: ResetTrouble, counts: &FollowCounts) -> f64 {
    let classes = classes(counts);
    let whole = sum(&classes);
    if whole.dropped == 0 {
        // What was reset was so before the suspicion.
        return 0.0;
    }
    let by_silence = match trouble {
        ResetTrouble::Idle => {
            // Any class but the first may hold the timeout.
            let timeouts: Vec<(f64, f64)> = (1..SILENCES)
                .map(|timeout| (1.0, ln_timeout(&classes, timeout)))
                .collect();
            let whole: f64 = timeouts.iter().map(|(weight, _)| weight).sum();
            ln_mixture(&timeouts) - whole.ln()
        }
        ResetTrouble::Restart => {
            let (at_once, later) = classes.split_at(1);
            ln_series(BEFORE, sum(at_once)) + ln_series(OPEN_THEN, sum(later))
        }
        ResetTrouble::Application | ResetTrouble::Injected => ln_series(ANY_TIME, whole),
    };
    let resets = Outcomes {
        dropped: counts.value(FollowCounter::ResetUnprovoked),
        answered: whole.dropped,
    };
    by_silence + ln_series(unprovoked(trouble), resets)
}

fn ln_timeout(classes: &[Outcomes], timeout: usize) -> f64 {
    let (before, rest) = classes.split_at(timeout.min(classes.len()));
    let (around, after) = rest.split_at(1.min(rest.len()));
    ln_series(BEFORE, sum(before)) + ln_series(AROUND, sum(around)) + ln_series(AFTER, sum(after))
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

/// Reset (as dropped) and answered, by silence.
fn classes(counts: &FollowCounts) -> Vec<Outcomes> {
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

fn sum(classes: &[Outcomes]) -> Outcomes {
    classes
        .iter()
        .fold(Outcomes::default(), |sum, class| sum.plus(*class))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Resets and answers by class of silence.
    fn counts(classes: &[(usize, u64, u64)]) -> FollowCounts {
        let mut counts = FollowCounts::ZERO;
        for (class, reset, answered) in classes {
            counts.reset_after[*class] = *reset;
            counts.answered_after[*class] = *answered;
        }
        counts
    }

    fn best(counts: &FollowCounts) -> ResetTrouble {
        [
            ResetTrouble::Application,
            ResetTrouble::Idle,
            ResetTrouble::Restart,
            ResetTrouble::Injected,
        ]
        .into_iter()
        .max_by(|a, b| ln_likelihood(*a, counts).total_cmp(&ln_likelihood(*b, counts)))
        .unwrap()
    }

    #[test]
    fn resets_beyond_one_silence_and_none_before_are_a_timeout() {
        let timeout = counts(&[(0, 0, 400), (3, 0, 20), (6, 0, 6), (9, 5, 0)]);
        assert_eq!(best(&timeout), ResetTrouble::Idle);
        let rivals = [ResetTrouble::Application, ResetTrouble::Restart];
        for rival in rivals {
            let odds = ln_likelihood(ResetTrouble::Idle, &timeout) - ln_likelihood(rival, &timeout);
            assert!(odds > 50_f64.ln(), "{rival:?}: {odds}");
        }
    }

    #[test]
    fn resets_whatever_the_silence_are_none() {
        let any_time = counts(&[(0, 20, 100), (3, 2, 10), (9, 0, 4)]);
        assert_ne!(best(&any_time), ResetTrouble::Idle);
        let restart = counts(&[(0, 0, 100), (2, 3, 5), (5, 2, 3), (9, 1, 4)]);
        assert_ne!(best(&restart), ResetTrouble::Idle);
    }

    #[test]
    fn without_a_reset_nothing_is_said() {
        let quiet = counts(&[(0, 0, 400), (9, 0, 4)]);
        for trouble in [ResetTrouble::Idle, ResetTrouble::Application] {
            assert!(ln_likelihood(trouble, &quiet).abs() < 1e-9);
        }
    }

    #[test]
    fn bounds_are_where_the_classes_begin() {
        let timeout = counts(&[(0, 0, 400), (6, 0, 6), (9, 5, 0)]);
        let (reset, answered) = bounds(&timeout).unwrap();
        assert_eq!(reset.to_string(), "of 256 to 512 s");
        assert_eq!(answered.to_string(), "of 32 to 64 s");
        assert_eq!(after_silence(&timeout).dropped, 5);
        assert_eq!(bounds(&counts(&[(0, 0, 3)])), None);
    }
}
