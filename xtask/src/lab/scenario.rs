//! What a scenario is: what is done to the network, who sends what, and what natdiag must say. The scenarios stand in
//! one table per family.

mod fragment;
mod healthy;
mod middle;
mod ordinary;
mod recycle;
mod rst;
mod syn;
mod trap;

use super::{
    expectation::{Check, Expected},
    mechanism::Mechanism,
    proof::Proof,
    traffic::{Service, Traffic},
};

/// A scenario.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// Its name.
    pub(crate) name: &'static str,
    /// The number of what is wrong, which the timelines about the same (natdiag/testdata/timelines) have too.
    pub(crate) row: Option<&'static str>,
    /// What it is about.
    pub(crate) about: &'static str,
    /// Where natdiag watches.
    pub(crate) vantage: Vantage,
    /// Hosts behind the NAT, where the seed does not decide.
    pub(crate) clients: Option<usize>,
    /// What is done to the network.
    pub(crate) network: &'static [Mechanism],
    /// How the server takes connections.
    pub(crate) service: Service,
    /// Who sends what.
    pub(crate) traffic: &'static [Traffic],
    /// For how many seconds the same goes on before anybody looks.
    pub(crate) unwatched_seconds: u64,
    /// How long, in seconds.
    pub(crate) seconds: u64,
    /// Seconds of silence at the end, for what natdiag waits for.
    pub(crate) silence_seconds: u64,
    /// What clients meet with: otherwise the scenario was not played.
    pub(crate) clients_meet: &'static [Met],
    /// What they may meet with besides, and with nothing else.
    pub(crate) clients_may_meet: &'static [Met],
    /// What a kernel or a rule must have counted: otherwise it was not played either.
    pub(crate) proofs: &'static [Proof],
    /// Findings that must be there.
    pub(crate) expected: &'static [Expected],
    /// Why natdiag cannot give these findings yet. Everything else about the scenario is still checked.
    pub(crate) not_yet: Option<&'static str>,
    /// Whether so many fragments come that natdiag keeps no record of some.
    pub(crate) over_budget: bool,
    /// Causes that may be named besides. Any other is a failure.
    pub(crate) tolerated: &'static [&'static str],
    /// Conditions on the counters.
    pub(crate) checks: &'static [Check],
}

/// Where natdiag watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vantage {
    /// The NAT's public interface.
    Public,
    /// The interface of the first client.
    FirstClient,
    /// The NAT's public interface, and the one towards its clients.
    BothSides,
    /// The NAT's public interface, and a second one that leads to the same router.
    BothUplinks,
}

/// What a client may meet with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Met {
    /// A request is answered in full.
    Complete,
    /// A connection stalls or breaks.
    Stalled,
    /// A connect is refused.
    Refused,
    /// A connect is not answered.
    Unanswered,
}

impl Scenario {
    /// Whether a word names it: its name, the beginning of its name, or its row.
    pub(crate) fn is_named(&self, word: &str) -> bool {
        self.name.starts_with(word) || self.row.is_some_and(|row| row.eq_ignore_ascii_case(word))
    }
}

impl Vantage {
    /// How a list shows it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "the NAT's public interface",
            Self::FirstClient => "a client behind the NAT",
            Self::BothSides => "both sides of the NAT",
            Self::BothUplinks => "both of the NAT's public interfaces",
        }
    }
}

/// All scenarios.
pub(crate) fn all() -> impl Iterator<Item = &'static Scenario> {
    [
        healthy::SCENARIOS,
        recycle::SCENARIOS,
        syn::SCENARIOS,
        rst::SCENARIOS,
        middle::SCENARIOS,
        fragment::SCENARIOS,
        trap::SCENARIOS,
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_fit_a_namespace() {
        let mut names = BTreeSet::new();
        for Scenario { name, .. } in all() {
            assert!(names.insert(name), "{name}");
            let fits = name.bytes().all(|octet| {
                octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"-.".contains(&octet)
            });
            assert!(fits, "{name}");
        }
    }

    #[test]
    fn scenario_without_a_verdict_expects_one_or_none_and_says_why() {
        for Scenario { name, not_yet, .. } in all() {
            assert!(not_yet.is_none_or(|reason| !reason.is_empty()), "{name}");
        }
    }
}
