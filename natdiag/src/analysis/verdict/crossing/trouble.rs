//! What is true of a trouble by which a NAT host swallows SYNs: each has a row of this form in a file of its own.

use crate::analysis::{
    diagnosis::Cause,
    fates::Outcomes,
    verdict::likelihood::{Rate, ln_series},
};

/// Without a free port, or a free entry, hardly any SYN passes.
const MOST: Rate = Rate::new(9.0, 1.0);
/// Any share.
const ANY: Rate = Rate::new(1.0, 1.0);

/// What was seen of SYNs that came in from behind the NAT: swallowed, as dropped, and passed on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// To the host in question.
    pub(super) here: Outcomes,
    /// Those of them that came next after one that was passed on.
    pub(super) after_passed: Outcomes,
    /// Those of them that came next after one that was swallowed.
    pub(super) after_swallowed: Outcomes,
    /// To all other hosts.
    pub(super) elsewhere: Outcomes,
}

/// Why this host may swallow SYNs.
#[derive(Debug)]
pub(super) struct Trouble {
    /// Share of it among NAT hosts that swallow SYNs. Judgement, not measurement.
    pub(super) prior: f64,
    /// How likely it makes what was seen, as a logarithm.
    pub(super) ln_likelihood: fn(&Seen) -> f64,
    /// The cause that it goes by, and what is said of it.
    pub(super) words: &'static Words,
}

/// A cause, and what is said of it.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) cause: Cause,
    /// What the summary adds to how many SYNs were swallowed.
    pub(super) summary: &'static str,
    pub(super) remedy: &'static str,
    /// Why it is left where the other cause is named, if it is.
    pub(super) why_left_beside: Option<&'static str>,
    /// Why it is left where none is named.
    pub(super) why_left: &'static str,
}

/// The fates of SYNs to one host where it depends on what is free: while there is no port, or no entry, hardly any SYN
/// passes; when one is free again, many do.
pub(super) fn ln_in_turns(seen: &Seen) -> f64 {
    ln_series(ANY, seen.after_passed) + ln_series(MOST, seen.after_swallowed)
}
