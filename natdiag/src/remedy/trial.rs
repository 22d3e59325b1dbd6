//! When a trial begins and ends, by how the connections to the remote host fare. It begins when enough is known of how
//! they fare without, and ends at its time, or when more of them fail with it.

use super::plan::{Remedy, TrialPlan};
use crate::{analysis::fares::Fares, event::Timestamp};

/// Connections that are waited for before it begins.
const LEAST_BEFORE: u64 = 20;
/// How long they are waited for where there are few, or where it is open whether the remedy harms.
const LONGEST_BEFORE_NS: u64 = 60_000_000_000;
/// How long connections that were under way when it began have a say in neither count.
const SETTLING_NS: u64 = 2_000_000_000;
/// Why timestamps are not taken out.
const DROPS_WITHOUT: &str = "SYNs without timestamps are dropped there as well, as servers with tcp_tw_recycle and a kernel from \
                             3.17 to 4.11 do";
/// Failed connections from which on a rise is believed.
const LEAST_FAILED: u64 = 3;
/// Chance of so many failures, were nothing worse, below which a trial ends.
const CHANCE: f64 = 0.05;

/// A trial.
#[derive(Clone, Debug)]
pub struct Trial {
    plan: TrialPlan,
    duration_ns: u64,
    since: Timestamp,
    phase: Phase,
}

#[derive(Clone, Debug)]
enum Phase {
    /// It has not begun: how they fared when natdiag began to watch is zero.
    Before(Fares),
    During {
        since: Timestamp,
        before: Fares,
        /// How they had fared when those without it had settled.
        settled: Fares,
        with_it: Fares,
    },
    Ended {
        after_ns: u64,
        before: Fares,
        with_it: Fares,
        why: Why,
    },
    /// It never begins.
    Refused(String),
}

/// Why a trial has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Time,
    Rise,
    DropsWithout,
    Watch,
}

impl Why {
    fn words(self) -> String {
        match self {
            Self::Time => "as planned".to_owned(),
            Self::Rise => "by itself, because more connections failed with it".to_owned(),
            Self::DropsWithout => format!("by itself, because {DROPS_WITHOUT}"),
            Self::Watch => "with the watch".to_owned(),
        }
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing changes.
    Stay,
    /// The remedy is to be put on.
    Begin,
    /// It is to be taken off.
    End,
}

impl Trial {
    /// Plans a trial; nothing is tried yet.
    #[must_use]
    pub const fn new(plan: TrialPlan, duration_ns: u64, now: Timestamp) -> Self {
        Self {
            plan,
            duration_ns,
            since: now,
            phase: Phase::Before(Fares::NONE),
        }
    }

    /// What is tried.
    #[must_use]
    pub const fn plan(&self) -> TrialPlan {
        self.plan
    }

    /// Takes in how all connections so far have fared, and says what is to be done.
    pub fn advance(&mut self, fares: Fares, now: Timestamp) -> Step {
        let strips = self.plan.remedy == Remedy::WithoutTimestamps;
        let harms = strips && fares.drops_without_timestamps;
        let may_harm = strips && fares.may_drop_without_timestamps;
        match &mut self.phase {
            Phase::Before(seen) => {
                *seen = fares;
                if harms {
                    self.refuse(DROPS_WITHOUT);
                    return Step::Stay;
                }
                let waited_ns = now.since(self.since);
                let is_known = (fares.connections >= LEAST_BEFORE && !may_harm)
                    || (fares.connections > 0 && waited_ns >= LONGEST_BEFORE_NS);
                if !is_known {
                    return Step::Stay;
                }
                self.phase = Phase::During {
                    since: now,
                    before: fares,
                    settled: fares,
                    with_it: Fares::NONE,
                };
                Step::Begin
            }
            Phase::During {
                since,
                before,
                settled,
                with_it,
            } => {
                if now.since(*since) < SETTLING_NS {
                    *settled = fares;
                }
                *with_it = fares.since(*settled);
                let why = if harms {
                    Why::DropsWithout
                } else if has_risen(*before, *with_it) {
                    Why::Rise
                } else if now.since(*since) >= self.duration_ns {
                    Why::Time
                } else {
                    return Step::Stay;
                };
                self.end(now, why);
                Step::End
            }
            Phase::Ended { .. } | Phase::Refused(_) => Step::Stay,
        }
    }

    /// Never begins, or does not go on.
    pub fn refuse(&mut self, why: &str) {
        self.phase = Phase::Refused(why.to_owned());
    }

    /// Ends with the watch.
    pub fn close(&mut self, now: Timestamp) {
        self.end(now, Why::Watch);
    }

    fn end(&mut self, now: Timestamp, why: Why) {
        if let Phase::During {
            since,
            before,
            with_it,
            ..
        } = &self.phase
        {
            self.phase = Phase::Ended {
                after_ns: now.since(*since),
                before: *before,
                with_it: *with_it,
                why,
            };
        }
    }

    /// How it stands, in a sentence.
    #[must_use]
    pub fn sentence(&self, now: Timestamp, changed_syns: u64) -> String {
        let plan = self.plan;
        match &self.phase {
            Phase::Before(seen) => format!(
                "trial of {plan}: not begun; of {LEAST_BEFORE} connections without it {} have been seen",
                seen.connections
            ),
            Phase::During {
                since,
                before,
                with_it,
                ..
            } => format!(
                "trial of {plan}: on for {} s of {} s, {}",
                seconds(now.since(*since)),
                seconds(self.duration_ns),
                compared(*before, *with_it, changed_syns)
            ),
            Phase::Ended {
                after_ns,
                before,
                with_it,
                why,
            } => format!(
                "trial of {plan}: ended after {} s, {}; {}",
                seconds(*after_ns),
                why.words(),
                compared(*before, *with_it, changed_syns)
            ),
            Phase::Refused(why) => format!("trial of {plan}: refused, because {why}"),
        }
    }
}

fn compared(before: Fares, with_it: Fares, changed_syns: u64) -> String {
    format!(
        "{changed_syns} SYNs changed; failed or late without it: {}; with it: {}; packets that came in fragments: {} and {}",
        share(before),
        share(with_it),
        before.fragmented,
        with_it.fragmented
    )
}

fn share(fares: Fares) -> String {
    let Fares {
        connections,
        failed,
        ..
    } = fares;
    match (100 * failed).checked_div(connections) {
        None => "no connection yet".to_owned(),
        Some(percent) => format!("{failed} of {connections} connections ({percent} %)"),
    }
}

const fn seconds(ns: u64) -> u64 {
    ns / 1_000_000_000
}

/// Whether more fail than by chance, were the rate what it was before.
fn has_risen(before: Fares, with_it: Fares) -> bool {
    if with_it.failed < LEAST_FAILED {
        return false;
    }
    let rate = (count(before.failed) + 1.0) / (count(before.connections) + 2.0);
    with_it.failed * before.connections.max(1) > before.failed * with_it.connections
        && at_least(with_it.failed, with_it.connections, rate) < CHANCE
}

/// Probability of so many or more of `all`, each with this probability.
fn at_least(least: u64, all: u64, probability: f64) -> f64 {
    let ln_choose =
        |k: f64, n: f64| libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
    let n = count(all);
    (least..=all)
        .map(|number| {
            let k = count(number);
            (ln_choose(k, n) + k * probability.ln() + (n - k) * (1.0 - probability).ln()).exp()
        })
        .sum()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "connections of one remote host, far fewer than 2^52"
)]
const fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn fares(connections: u64, failed: u64) -> Fares {
        Fares {
            connections,
            failed,
            ..Fares::NONE
        }
    }

    fn trial(remedy: &str) -> Trial {
        let plan = format!("203.0.113.80,{remedy}").parse().unwrap();
        Trial::new(plan, 120 * SECOND, Timestamp(0))
    }

    fn begun(before: Fares) -> Trial {
        let mut trial = trial("mss=1360");
        assert_eq!(trial.advance(before, Timestamp(SECOND)), Step::Begin);
        trial
    }

    #[test]
    fn it_begins_when_enough_is_known_of_how_connections_fare_without() {
        let mut trial = trial("mss=1360");
        for (connections, second, step) in [
            (0, 100, Step::Stay),
            (19, 59, Step::Stay),
            (19, 60, Step::Begin),
        ] {
            let now = Timestamp(second * SECOND);
            assert_eq!(trial.advance(fares(connections, 9), now), step, "{second}");
        }
        begun(fares(20, 0));
    }

    #[test]
    fn it_ends_at_its_time() {
        let mut trial = begun(fares(40, 30));
        let later = |second: u64| Timestamp((1 + second) * SECOND);
        // The last of those without it fail a moment later.
        assert_eq!(trial.advance(fares(42, 32), later(1)), Step::Stay);
        assert_eq!(trial.advance(fares(92, 32), later(119)), Step::Stay);
        assert_eq!(trial.advance(fares(92, 32), later(120)), Step::End);
        let said = trial.sentence(later(200), 50);
        for words in [
            "ended after 120 s, as planned",
            "without it: 30 of 40 connections (75 %)",
            "with it: 0 of 50 connections (0 %)",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert_eq!(trial.advance(fares(200, 200), later(201)), Step::Stay);
    }

    #[test]
    fn it_ends_by_itself_when_more_connections_fail() {
        let mut trial = begun(fares(40, 0));
        assert_eq!(
            trial.advance(fares(44, 2), Timestamp(4 * SECOND)),
            Step::Stay
        );
        assert_eq!(
            trial.advance(fares(46, 4), Timestamp(5 * SECOND)),
            Step::End
        );
        let said = trial.sentence(Timestamp(9 * SECOND), 6);
        assert!(
            said.contains("by itself, because more connections failed"),
            "{said}"
        );
    }

    #[test]
    fn what_failed_before_as_well_does_not_end_it() {
        let mut trial = begun(fares(40, 20));
        for connections in 1..=60 {
            let now = Timestamp((1 + connections) * SECOND);
            let so_far = fares(40 + connections, 20 + connections / 2);
            assert_eq!(trial.advance(so_far, now), Step::Stay, "{connections}");
        }
    }

    #[test]
    fn timestamps_are_not_taken_from_a_server_that_drops_syns_without() {
        let drops = Fares {
            drops_without_timestamps: true,
            ..fares(50, 25)
        };
        let mut refused = trial("no-timestamps");
        assert_eq!(refused.advance(drops, Timestamp(SECOND)), Step::Stay);
        let said = refused.sentence(Timestamp(SECOND), 0);
        assert!(
            said.contains("refused") && said.contains("3.17 to 4.11"),
            "{said}"
        );

        let open = Fares {
            may_drop_without_timestamps: true,
            ..fares(50, 25)
        };
        for (remedy, second, step) in [
            ("no-timestamps", 59, Step::Stay),
            ("no-timestamps", 60, Step::Begin),
            ("mss=1360", 1, Step::Begin),
        ] {
            let now = Timestamp(second * SECOND);
            assert_eq!(trial(remedy).advance(open, now), step, "{remedy}");
        }

        let mut late = trial("no-timestamps");
        assert_eq!(late.advance(fares(50, 25), Timestamp(SECOND)), Step::Begin);
        assert_eq!(late.advance(drops, Timestamp(2 * SECOND)), Step::End);
    }

    #[test]
    fn probabilities_of_a_number_of_failures() {
        for (least, all, probability, want) in [
            (0, 10, 0.3, 1.0),
            (10, 10, 0.5, 0.000_976),
            (3, 4, 0.5, 0.3125),
        ] {
            assert!((at_least(least, all, probability) - want).abs() < 1e-5);
        }
    }
}
