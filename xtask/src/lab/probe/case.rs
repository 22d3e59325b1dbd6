//! The servers and paths that natdiag tests, and what it must say about each.

mod fragments;
mod remedy;
mod timestamps;

use super::{bystander, service};
use crate::lab::mechanism::Mechanism;

/// A server, the way to it, and what natdiag must say.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is something that a case has or has not"
)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) test: Test,
    pub(super) mechanisms: &'static [Mechanism],
    /// Rules of the router.
    pub(super) router: Option<&'static str>,
    pub(super) service: service::Kind,
    /// Whether the guarded port is tested.
    pub(super) is_guarded: bool,
    pub(super) is_v6: bool,
    /// Whether the target is a name of two hosts, the second of which is sound.
    pub(super) is_name_of_two: bool,
    /// Another client behind the same NAT.
    pub(super) bystander: Option<bystander::Kind>,
    /// Whether that must lose nothing.
    pub(super) bystander_is_safe: bool,
    /// Whether the client that tests has the higher clock, where natdiag runs on one.
    pub(super) tester_is_ahead: bool,
    /// Whether the bystander's packets are captured before and behind the NAT.
    pub(super) is_compared: bool,
    /// Whether another natdiag watches.
    pub(super) is_watched: bool,
    /// Whether the rules that natdiag recommends must cure it.
    pub(super) is_cured: bool,
    /// Arguments beside the target.
    pub(super) arguments: &'static [&'static str],
    /// Cause, and kernel where one is told.
    pub(super) expected: &'static str,
    /// Cause, and kernel where one is told, behind the NAT, where it is another one.
    pub(super) expected_inside: Option<&'static str>,
    /// Words that must be in the report.
    pub(super) says: &'static [&'static str],
    pub(super) exit_code: i32,
    /// How long it may take.
    pub(super) seconds: u64,
    /// Whether `cargo xtask test` plays it.
    pub(super) is_brief: bool,
}

/// What natdiag is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Timestamps,
    Fragments,
    /// `natdiag watch --remedy-trial SERVER,...` on the NAT, while all clients connect.
    Remedy(&'static str),
}

/// Where the cause is no matter of the case.
pub(super) const ANY: &str = "any cause";

const HEALTHY: Case = Case {
    name: "healthy",
    test: Test::Timestamps,
    mechanisms: &[],
    router: None,
    service: service::Kind::Closes,
    is_guarded: false,
    is_v6: false,
    is_name_of_two: false,
    bystander: None,
    bystander_is_safe: true,
    tester_is_ahead: false,
    is_compared: false,
    is_watched: false,
    is_cured: false,
    arguments: &[],
    expected: "nothing",
    expected_inside: None,
    says: &[],
    exit_code: 0,
    seconds: 60,
    is_brief: true,
};

/// All of them.
pub(super) fn all() -> impl Iterator<Item = &'static Case> {
    [timestamps::CASES, fragments::CASES, remedy::CASES]
        .into_iter()
        .flatten()
}
