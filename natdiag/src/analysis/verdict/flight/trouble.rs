//! What is true of a trouble that keeps what we send from being taken: each has a row of this form in a file of its
//! own.

use super::seen::Seen;
use crate::analysis::{
    diagnosis::{Cause, Severity},
    fates::Outcomes,
    verdict::likelihood::{Rate, ln_series},
};

/// Flights that get stuck though nothing keeps them: as if one of a thousand had.
const STRAY: Rate = Rate::new(0.05, 49.95);
/// Stuck flights of which the tail arrives, where it is not the size that decides: seldom.
const TAIL: Rate = Rate::new(0.3, 5.7);
/// The number of stuck flights from which on that is no accident.
pub(super) const SEVERAL: u64 = 2;

/// What may keep what we send from being taken. Each likelihood is a logarithm, and the channels do not overlap.
#[derive(Debug)]
pub(super) struct Trouble {
    /// What it is called in the table of the tests.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a report names causes, not troubles")
    )]
    pub(super) name: &'static str,
    /// Share of it among remote hosts that do not take what is sent. Judgement, not measurement.
    pub(super) prior: f64,
    /// First flights, of one segment and of several.
    pub(super) ln_first: fn(Seen) -> f64,
    /// Flights after a silence.
    pub(super) ln_silence: fn(Seen) -> f64,
    /// Flights of connections in use, small and large.
    pub(super) ln_in_use: fn(Seen) -> f64,
    /// Whether the tails of stuck flights arrive.
    pub(super) ln_tails: fn(Seen) -> f64,
    /// The cause that it goes by.
    pub(super) cause: Cause,
    /// The observation that rules it out.
    pub(super) why_excluded: fn(Seen) -> String,
    /// How it is named. What flights do not tell well enough never is.
    pub(super) named: Option<Named>,
}

/// What is said of a cause where it is named.
#[derive(Debug)]
pub(super) struct Named {
    /// Whether what was seen suffices to name it, however likely it is.
    pub(super) is_founded: fn(Seen) -> bool,
    pub(super) severity: Severity,
    pub(super) summary: fn(Seen) -> String,
    pub(super) remedy: fn(Seen) -> Vec<String>,
}

impl Trouble {
    /// How likely the trouble makes what was seen, as a logarithm.
    pub(super) fn ln_likelihood(&self, seen: Seen) -> f64 {
        (self.ln_first)(seen)
            + (self.ln_silence)(seen)
            + (self.ln_in_use)(seen)
            + (self.ln_tails)(seen)
    }
}

/// Flights that nothing keeps but chance.
pub(super) fn ln_stray(flights: Outcomes) -> f64 {
    ln_series(STRAY, flights)
}

/// First flights of a trouble that has nothing to do with them.
pub(super) fn ln_stray_first(seen: Seen) -> f64 {
    ln_stray(seen.first_of_one()) + ln_stray(seen.first_of_several())
}

/// Flights after a silence of a trouble that has nothing to do with it.
pub(super) fn ln_stray_silence(seen: Seen) -> f64 {
    ln_stray(seen.after_silence())
}

/// Flights of connections in use of a trouble that lets these alone.
pub(super) fn ln_stray_in_use(seen: Seen) -> f64 {
    ln_stray(seen.in_use_small()) + ln_stray(seen.in_use_large())
}

/// Tails of flights of which nothing arrives.
pub(super) fn ln_few_tails(seen: Seen) -> f64 {
    ln_series(TAIL, seen.tails())
}

/// A number with its noun.
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
