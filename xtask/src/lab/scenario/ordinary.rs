//! The ordinary case, of which the scenarios name only the differences, and the traffic that many share.

use super::{Met, Scenario, Vantage};
use crate::lab::{
    expectation::{Check, Expected, Harm, Subject},
    traffic::{Closer, Connections, Service, Size, Target, Traffic},
};

pub(super) const ORDINARY: Scenario = Scenario {
    name: "",
    row: None,
    about: "",
    vantage: Vantage::Public,
    clients: None,
    network: &[],
    service: Service::Prompt,
    traffic: &[Traffic::Connections(SERVER_FIRST)],
    unwatched_seconds: 0,
    seconds: 6,
    silence_seconds: 0,
    clients_meet: &[Met::Complete],
    clients_may_meet: &[],
    proofs: &[],
    expected: &[],
    not_yet: None,
    over_budget: false,
    tolerated: &[],
    checks: &[],
};

pub(super) const SERVER_FIRST: Connections = Connections {
    to: Target::Open,
    closer: Closer::Server,
    size: Size::Small,
    workers: 2,
    pauses: 1,
    rests_ms: 0,
    uploads: 0,
    is_kept_awake: false,
    patience_ms: 900,
    often: true,
};
pub(super) const CLIENT_FIRST: Connections = Connections {
    closer: Closer::Client,
    ..SERVER_FIRST
};
/// Few, so that natdiag keeps a record of every fragment.
pub(super) const LARGE: Connections = Connections {
    size: Size::Large,
    workers: 1,
    pauses: 4,
    ..SERVER_FIRST
};
pub(super) const LARGE_V6: Connections = Connections {
    to: Target::OpenV6,
    ..LARGE
};
/// More workers, because most of them wait.
pub(super) const BLOCKED: Connections = Connections {
    workers: 6,
    ..SERVER_FIRST
};
/// More workers again.
pub(super) const STALLING: Connections = Connections {
    workers: 4,
    ..LARGE
};
/// Long enough for a SYN to be sent again.
pub(super) const PATIENT: Connections = Connections {
    workers: 4,
    patience_ms: 5000,
    ..SERVER_FIRST
};
/// To the other address of the server, with which nothing is wrong.
pub(super) const NEIGHBOUR: Connections = Connections {
    to: Target::Neighbour,
    ..SERVER_FIRST
};

pub(super) const SOME_UNANSWERED: &[Met] = &[Met::Complete, Met::Unanswered];
pub(super) const SOME_STALLED: &[Met] = &[Met::Complete, Met::Stalled];

pub(super) const TW_RECYCLE: &[Expected] = &[expect(Subject::Server, "tw-recycle", Harm::Fails)];
pub(super) const PREDICTED_DROPS_ARE_DROPPED: &[Check] = &[
    Check::AtLeast(Subject::Server, "syn_predicted_drop_dropped", 20),
    Check::Few(Subject::Server, "syn_predicted_drop_answered"),
    Check::Few(Subject::Server, "syn_predicted_pass_dropped"),
];
/// Every SYN is answered, and none twice.
pub(super) const ANSWERED: &[Check] = &[
    Check::Equal(Subject::Server, "syn_sent", "syn_ack_received"),
    Check::Zero(Subject::Server, "syn_predicted_drop_dropped"),
    Check::Zero(Subject::Server, "fragments_first"),
];

pub(super) const fn expect(about: Subject, cause: &'static str, harm: Harm) -> Expected {
    Expected { about, cause, harm }
}
