//! What is true of a trouble that keeps data back: each has a row of this form in a file of its own.

use super::seen::{Seen, Stalls};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Severity},
    fates::Outcomes,
    verdict::likelihood::{Rate, ln_known, ln_series},
};

/// Share of connections given up with something missing where nothing keeps it: a response that was not awaited.
const STRAY: f64 = 0.005;
/// Share of the holes of other troubles than the MTU that are as large as a large segment: any size has them.
const LARGE: f64 = 0.5;
/// Connections that something on the path keeps from going on end with a hole, but for those that wait for the
/// application; an application leaves none.
const WITH_A_HOLE: Rate = Rate::new(3.0, 1.0);
/// Share of connections with an older timestamp elsewhere: segments that overtake others over several paths.
const STRAY_OLDER: f64 = 0.01;

/// What may keep data of open connections from getting through, where no fragment was seen. Each likelihood is a
/// logarithm, and the channels do not overlap.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// What it is called in the table of the tests.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a report names causes, not troubles")
    )]
    pub(super) name: &'static str,
    /// Share of it among remote hosts with stalled connections. Judgement, not measurement.
    pub(super) prior: f64,
    /// Large segments that found no way, against those that did; and how large the holes are.
    pub(super) ln_holes: fn(&Stalls) -> f64,
    /// Connections that were given up with nothing missing: who has sent nothing is slow.
    pub(super) ln_given_up: fn(&Stalls) -> f64,
    /// Timestamps that go back, of the connections that something is wrong with. Where data is not looked at, only
    /// those that end by a FIN with an older timestamp are known.
    pub(super) ln_older: fn(&Stalls) -> f64,
    /// The cause that it goes by; a trouble without is nobody's alternative either.
    pub(super) accused: Option<Accused>,
}

/// A cause, and what is said of it as an alternative.
#[derive(Debug)]
pub(crate) struct Accused {
    pub(super) cause: Cause,
    /// The observation that rules it out.
    pub(super) why_excluded: fn(&Stalls) -> String,
    /// What it has for itself, by its share.
    pub(super) why_left: fn(f64) -> String,
    /// How it is named. What data does not tell well enough never is.
    pub(super) named: Option<Named>,
}

/// What is said of a cause where it is named.
#[derive(Debug)]
pub(crate) struct Named {
    /// Whether what was seen suffices to name it, however likely it is.
    pub(super) is_founded: fn(&Seen) -> bool,
    pub(super) severity: Severity,
    pub(super) summary: fn(&Seen) -> String,
    pub(super) evidence: fn(&Seen) -> Vec<(&'static str, Evidence)>,
    pub(super) remedy: &'static [&'static str],
    /// The observation that rules out all others, where it is the same for each.
    pub(super) excludes_others: Option<fn(&Stalls) -> String>,
}

impl Trouble {
    /// How likely the trouble makes what was seen, as a logarithm.
    pub(super) fn ln_likelihood(&self, stalls: &Stalls) -> f64 {
        (self.ln_holes)(stalls) + (self.ln_given_up)(stalls) + (self.ln_older)(stalls)
    }
}

/// Holes of one direction that nothing makes but chance.
pub(super) fn ln_stray(way: Outcomes) -> f64 {
    ln_known(STRAY, way)
}

/// Sizes of holes where the size does not decide.
pub(super) fn ln_any_size(stalls: &Stalls) -> f64 {
    ln_known(LARGE, stalls.sizes())
}

/// Holes of a trouble that makes none: what an application has not sent cannot be missing, and PAWS drops what came by
/// here.
pub(super) fn ln_no_holes(stalls: &Stalls) -> f64 {
    ln_stray(stalls.down()) + ln_any_size(stalls) + ln_stray(stalls.up())
}

/// Connections given up without a hole, of a trouble that leaves holes.
pub(super) fn ln_with_a_hole(stalls: &Stalls) -> f64 {
    let whole = stalls
        .given_up
        .saturating_sub(stalls.black() + stalls.small_holes);
    ln_series(
        WITH_A_HOLE,
        Outcomes {
            dropped: 0,
            answered: whole,
        },
    )
}

/// Older timestamps of a trouble that has nothing to do with them.
pub(super) fn ln_stray_older(stalls: &Stalls) -> f64 {
    ln_known(STRAY_OLDER, stalls.older())
}
