//! Connections that break or stall after they were open.

use super::{
    Scenario,
    ordinary::{NEIGHBOUR, ORDINARY, SERVER_FIRST, SOME_STALLED, expect},
};
use crate::lab::{
    expectation::{Check, Harm, Subject},
    mechanism::{Damage, Filter, Mechanism},
    proof::{Host, Proof},
    traffic::{Closer, Connections, Traffic},
};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "idle-timeout",
        row: Some("T30"),
        about: "a device on the path forgets idle connections, and resets them when they go on",
        network: &[Mechanism::Filter(Filter::IdleTimeout)],
        traffic: &[
            Traffic::Connections(SERVER_FIRST),
            Traffic::Connections(Connections {
                rests_ms: 4500,
                workers: 6,
                ..SERVER_FIRST
            }),
        ],
        seconds: 10,
        clients_meet: SOME_STALLED,
        proofs: &[Proof::Rule(Host::Router, "met", 10)],
        expected: &[expect(Subject::Server, "idle-timeout", Harm::Harms)],
        checks: &[Check::AtLeast(Subject::Server, "rst_established", 10)],
        ..ORDINARY
    },
    Scenario {
        name: "conntrack-invalid",
        row: Some("T31"),
        about: "segments outside the window reach the NAT, which takes them for its own and resets the server",
        network: &[Mechanism::Damage(Damage::OutsideWindow)],
        traffic: &[Traffic::Connections(SERVER_FIRST)],
        clients_meet: SOME_STALLED,
        proofs: &[Proof::Kernel(Host::Nat, "TcpOutRsts", 5), Proof::Painted(5)],
        expected: &[expect(Subject::Server, "local-nat", Harm::Harms)],
        ..ORDINARY
    },
    Scenario {
        name: "reset-injected",
        row: Some("T32"),
        about: "a device on the path resets some connections in the server's name",
        network: &[Mechanism::Filter(Filter::InjectsResets)],
        traffic: &[Traffic::Connections(SERVER_FIRST)],
        seconds: 8,
        clients_meet: SOME_STALLED,
        proofs: &[Proof::Rule(Host::Router, "met", 10)],
        expected: &[expect(Subject::Server, "reset-injected", Harm::Harms)],
        checks: &[Check::AtLeast(Subject::Server, "rst_established", 10)],
        ..ORDINARY
    },
    Scenario {
        name: "reset-by-application",
        row: Some("T33"),
        about: "the server's application closes some connections with a RST",
        traffic: &[
            Traffic::Connections(SERVER_FIRST),
            Traffic::Connections(Connections {
                closer: Closer::ServerResets,
                workers: 1,
                ..SERVER_FIRST
            }),
        ],
        clients_meet: SOME_STALLED,
        proofs: &[Proof::Kernel(Host::Server, "TcpOutRsts", 10)],
        expected: &[expect(Subject::Server, "reset-by-application", Harm::Any)],
        checks: &[Check::AtLeast(Subject::Server, "rst_established", 10)],
        ..ORDINARY
    },
    Scenario {
        name: "paws-established",
        row: Some("T35"),
        about: "on some connections the server's timestamps are older than those the client has seen: it drops them",
        network: &[Mechanism::Damage(Damage::OldTimestamps)],
        traffic: &[
            Traffic::Connections(SERVER_FIRST),
            Traffic::Connections(NEIGHBOUR),
        ],
        // A connection stalls for three seconds before its client gives it up, and a few must before it is looked at.
        seconds: 14,
        clients_meet: SOME_STALLED,
        proofs: &[
            Proof::Kernel(Host::Clients, "TcpExtPAWSEstab", 10),
            Proof::Painted(10),
        ],
        expected: &[expect(Subject::Server, "paws-established", Harm::Harms)],
        tolerated: &["paws-established"],
        ..ORDINARY
    },
];
