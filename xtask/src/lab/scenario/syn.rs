//! Connections that are not answered, or late, for other reasons than `tcp_tw_recycle`.

use super::{
    Met, Scenario, Vantage,
    ordinary::{CLIENT_FIRST, NEIGHBOUR, ORDINARY, PATIENT, SERVER_FIRST, SOME_UNANSWERED, expect},
};
use crate::lab::{
    expectation::{Check, Harm, Subject},
    mechanism::{Clocks, Filter, Gateway, Kernel, Links, Mechanism},
    proof::{Host, Proof},
    traffic::{Closer, Connections, Service, Target, Traffic, Volley},
};

/// Connections that are open for a while.
const LONG: Connections = Connections {
    closer: Closer::Client,
    rests_ms: 700,
    workers: 6,
    ..SERVER_FIRST
};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "accept-queue-overflow",
        row: Some("T04"),
        about: "the server takes connections more slowly than they come",
        service: Service::Slow,
        traffic: &[Traffic::Connections(Connections {
            workers: 8,
            patience_ms: 2500,
            ..SERVER_FIRST
        })],
        seconds: 10,
        clients_meet: SOME_UNANSWERED,
        clients_may_meet: &[Met::Stalled],
        proofs: &[Proof::Kernel(Host::Server, "TcpExtListenOverflows", 20)],
        expected: &[expect(Subject::Server, "backlog-overflow", Harm::Fails)],
        checks: &[Check::AtLeast(Subject::Server, "syn_retransmitted", 10)],
        ..ORDINARY
    },
    Scenario {
        name: "accept-queue-abort",
        row: Some("T05"),
        about: "the server takes connections more slowly than they come, and resets those that find no room",
        network: &[
            Mechanism::Kernel(Kernel::AbortsOnOverflow),
            Mechanism::Links(Links::Slow),
        ],
        service: Service::Slow,
        traffic: &[Traffic::Connections(Connections {
            workers: 32,
            patience_ms: 2500,
            ..SERVER_FIRST
        })],
        seconds: 10,
        clients_meet: &[Met::Complete, Met::Stalled, Met::Unanswered],
        proofs: &[
            Proof::Kernel(Host::Server, "TcpExtListenOverflows", 20),
            Proof::Kernel(Host::Server, "TcpOutRsts", 5),
        ],
        expected: &[expect(Subject::Server, "backlog-overflow", Harm::Fails)],
        checks: &[Check::AtLeast(Subject::Server, "rst_established", 5)],
        ..ORDINARY
    },
    Scenario {
        name: "syn-queue-full",
        row: Some("T07"),
        about: "half-open connections fill three quarters of the server's SYN queue; it sends no cookies",
        network: &[Mechanism::Kernel(Kernel::NoCookies)],
        traffic: &[
            Traffic::Connections(PATIENT),
            Traffic::Volley(Volley::HalfOpen { every_ms: 40 }),
        ],
        seconds: 12,
        clients_meet: &[Met::Complete],
        clients_may_meet: &[Met::Unanswered],
        proofs: &[Proof::Kernel(Host::Server, "TcpExtListenDrops", 40)],
        expected: &[expect(Subject::Server, "backlog-overflow", Harm::Any)],
        checks: &[Check::AtLeast(Subject::Server, "syn_retransmitted", 10)],
        not_yet: Some(
            "a NAT further out whose ports are used up drops much the same SYNs, and a server of which nobody waits shows no queue",
        ),
        ..ORDINARY
    },
    Scenario {
        name: "filtered-port",
        row: Some("T08"),
        about: "a filter drops what goes to one port of the server",
        network: &[Mechanism::Filter(Filter::GuardedPort)],
        traffic: &[
            Traffic::Connections(SERVER_FIRST),
            Traffic::Connections(Connections {
                to: Target::Guarded,
                patience_ms: 2500,
                ..SERVER_FIRST
            }),
        ],
        seconds: 8,
        clients_meet: SOME_UNANSWERED,
        expected: &[expect(Subject::Server, "filtered", Harm::Fails)],
        ..ORDINARY
    },
    Scenario {
        name: "filtered-host",
        row: Some("T08"),
        about: "a filter drops everything that goes to the server; its neighbour answers",
        network: &[Mechanism::Filter(Filter::GuardedHost)],
        traffic: &[
            Traffic::Connections(Connections {
                patience_ms: 2500,
                ..SERVER_FIRST
            }),
            Traffic::Connections(Connections {
                to: Target::Neighbour,
                ..SERVER_FIRST
            }),
        ],
        seconds: 8,
        clients_meet: SOME_UNANSWERED,
        expected: &[expect(Subject::Server, "filtered", Harm::Fails)],
        checks: &[Check::Zero(Subject::Server, "syn_ack_received")],
        ..ORDINARY
    },
    Scenario {
        name: "syn-rate-limit",
        row: Some("T09"),
        about: "the router takes a few SYNs a second from each address",
        network: &[Mechanism::Filter(Filter::SynRate)],
        traffic: &[Traffic::Connections(PATIENT)],
        seconds: 12,
        clients_may_meet: &[Met::Unanswered],
        proofs: &[Proof::Rule(Host::Router, "met", 20)],
        expected: &[expect(Subject::Server, "rate-limit", Harm::Harms)],
        checks: &[Check::AtLeast(Subject::Server, "syn_retransmitted", 10)],
        ..ORDINARY
    },
    Scenario {
        name: "connection-limit",
        row: Some("T09"),
        about: "the router takes a few connections at a time from each address",
        network: &[Mechanism::Filter(Filter::Concurrency)],
        traffic: &[Traffic::Connections(Connections {
            patience_ms: 4000,
            ..LONG
        })],
        seconds: 12,
        clients_meet: SOME_UNANSWERED,
        proofs: &[Proof::Rule(Host::Router, "met", 20)],
        expected: &[expect(Subject::Server, "rate-limit", Harm::Harms)],
        checks: &[Check::AtLeast(Subject::Server, "syn_retransmitted", 10)],
        ..ORDINARY
    },
    Scenario {
        name: "syn-loss",
        row: Some("T10"),
        about: "SYNs are lost",
        network: &[Mechanism::Filter(Filter::SynLoss)],
        traffic: &[
            Traffic::Connections(Connections {
                patience_ms: 5000,
                workers: 8,
                // Drops that lie apart in time are told from those of a full queue.
                pauses: 6,
                // Clients that close first use no port again that the server still holds: only chance drops a SYN.
                ..CLIENT_FIRST
            }),
            // Some that the server closes first: its mark is known, SYNs below it are answered, and nobody waits for
            // it.
            Traffic::Connections(Connections {
                patience_ms: 5000,
                workers: 12,
                often: false,
                ..SERVER_FIRST
            }),
        ],
        seconds: 14,
        clients_may_meet: &[Met::Unanswered],
        expected: &[expect(Subject::Server, "packet-loss", Harm::Any)],
        checks: &[Check::AtLeast(Subject::Server, "syn_retransmitted", 5)],
        ..ORDINARY
    },
    Scenario {
        name: "segment-loss",
        row: Some("T10"),
        about: "TCP segments of all kinds are lost, in both directions",
        network: &[Mechanism::Filter(Filter::SegmentLoss)],
        traffic: &[Traffic::Connections(PATIENT)],
        seconds: 12,
        clients_meet: &[Met::Complete],
        clients_may_meet: &[Met::Stalled, Met::Unanswered],
        proofs: &[Proof::Rule(Host::Router, "met", 40)],
        expected: &[expect(Subject::Server, "packet-loss", Harm::Any)],
        tolerated: &["return-path-loss"],
        checks: &[Check::AtLeast(Subject::Server, "syn_retransmitted", 5)],
        ..ORDINARY
    },
    Scenario {
        name: "syn-ack-loss",
        row: Some("T11"),
        about: "SYN-ACKs are lost on their way back",
        network: &[Mechanism::Filter(Filter::SynAckLoss)],
        traffic: &[Traffic::Connections(PATIENT)],
        seconds: 12,
        clients_may_meet: &[Met::Unanswered],
        proofs: &[Proof::Rule(Host::Router, "met", 5)],
        expected: &[expect(Subject::Server, "return-path-loss", Harm::Any)],
        checks: &[Check::AtLeast(Subject::Server, "syn_retransmitted", 5)],
        ..ORDINARY
    },
    Scenario {
        name: "port-reuse",
        row: Some("T12"),
        about: "the NAT gives its few ports again while the server, which closed first, still remembers them",
        network: &[Mechanism::Gateway(Gateway::PortsAgain { times: 2 })],
        traffic: &[Traffic::Connections(Connections {
            patience_ms: 5000,
            pauses: 3,
            ..SERVER_FIRST
        })],
        seconds: 12,
        clients_may_meet: &[Met::Unanswered],
        proofs: &[Proof::Kernel(Host::Server, "TcpExtPAWSTimewait", 5)],
        expected: &[expect(Subject::Server, "port-reuse", Harm::Any)],
        checks: &[Check::AtLeast(Subject::Server, "ack_answering_syn", 5)],
        ..ORDINARY
    },
    Scenario {
        name: "port-reuse-filtered",
        row: Some("T13"),
        about: "as port-reuse, and the router drops the ACK with which the server answers",
        network: &[
            Mechanism::Gateway(Gateway::PortsAgain { times: 6 }),
            Mechanism::Filter(Filter::DropsAckOfSyn),
        ],
        traffic: &[Traffic::Connections(Connections {
            patience_ms: 2500,
            workers: 4,
            pauses: 3,
            ..SERVER_FIRST
        })],
        seconds: 12,
        clients_meet: SOME_UNANSWERED,
        proofs: &[Proof::Rule(Host::Router, "met", 10)],
        expected: &[expect(Subject::Server, "port-reuse", Harm::Harms)],
        checks: &[
            Check::Zero(Subject::Server, "ack_answering_syn"),
            Check::AtLeast(Subject::Server, "syn_retransmitted", 10),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "nat-ports-exhausted",
        row: Some("T14"),
        about: "the NAT has fewer ports than there are connections to the server; its neighbour answers",
        vantage: Vantage::BothSides,
        network: &[Mechanism::Gateway(Gateway::FewPorts)],
        traffic: &[
            Traffic::Connections(LONG),
            Traffic::Connections(Connections {
                to: Target::Neighbour,
                workers: 1,
                // So few that the ports are enough for it.
                pauses: 6,
                ..CLIENT_FIRST
            }),
        ],
        seconds: 10,
        clients_meet: SOME_UNANSWERED,
        proofs: &[Proof::Kernel(Host::Nat, "Conntrack.insert_failed", 10)],
        expected: &[expect(Subject::Server, "nat-port-exhaustion", Harm::Harms)],
        tolerated: &["blind"],
        ..ORDINARY
    },
    Scenario {
        name: "nat-loses-syns",
        row: Some("T15"),
        about: "some SYNs come to the NAT and do not leave it; the next one does",
        vantage: Vantage::BothSides,
        network: &[Mechanism::Gateway(Gateway::LosesSyns)],
        traffic: &[Traffic::Connections(PATIENT)],
        seconds: 10,
        clients_may_meet: &[Met::Unanswered],
        proofs: &[Proof::Rule(Host::Nat, "met", 10)],
        expected: &[expect(Subject::Server, "local-nat", Harm::Harms)],
        tolerated: &["blind"],
        ..ORDINARY
    },
    Scenario {
        name: "nat-table-full",
        row: Some("T16"),
        about: "the NAT takes no more connections, wherever they go",
        vantage: Vantage::BothSides,
        network: &[Mechanism::Gateway(Gateway::TableFull)],
        traffic: &[Traffic::Connections(LONG), Traffic::Connections(NEIGHBOUR)],
        seconds: 10,
        clients_meet: SOME_UNANSWERED,
        proofs: &[Proof::Rule(Host::Nat, "met", 20)],
        expected: &[expect(Subject::Server, "local-nat", Harm::Harms)],
        tolerated: &["blind", "local-nat"],
        ..ORDINARY
    },
    Scenario {
        name: "timestamps-filtered",
        row: Some("T17"),
        about: "the router drops SYNs that carry timestamps; the last client sends none",
        network: &[
            Mechanism::Filter(Filter::DropsTimestamps),
            Mechanism::Clocks(Clocks::NoneAtLast),
        ],
        traffic: &[Traffic::Connections(Connections {
            patience_ms: 2500,
            ..SERVER_FIRST
        })],
        seconds: 10,
        clients_meet: SOME_UNANSWERED,
        proofs: &[Proof::Rule(Host::Router, "met", 20)],
        expected: &[expect(Subject::Server, "timestamps-filtered", Harm::Fails)],
        checks: &[
            Check::AtLeast(Subject::Server, "syn_without_timestamps_answered", 20),
            Check::Zero(Subject::Server, "syn_predicted_pass_answered"),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "asymmetric-route",
        row: Some("T19"),
        about: "what the server sends comes in by another interface, where the NAT's reverse path filter drops it",
        vantage: Vantage::BothUplinks,
        network: &[Mechanism::Links(Links::AsymmetricRoute {
            is_filtered: true,
        })],
        traffic: &[Traffic::Connections(Connections {
            patience_ms: 2500,
            ..SERVER_FIRST
        })],
        seconds: 8,
        clients_meet: &[Met::Unanswered],
        proofs: &[Proof::Kernel(Host::Nat, "TcpExtIPReversePathFilter", 20)],
        expected: &[expect(Subject::Server, "routing", Harm::Fails)],
        checks: &[
            Check::AtLeast(Subject::Server, "syn_ack_received", 20),
            Check::Zero(Subject::Server, "syn_predicted_pass_answered"),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "answers-by-another-interface",
        row: Some("T19"),
        about: "what the server sends comes in by another interface than the one watched, and nothing fails",
        network: &[Mechanism::Links(Links::AsymmetricRoute {
            is_filtered: false,
        })],
        expected: &[expect(Subject::Anybody, "blind", Harm::Harms)],
        checks: &[
            Check::AtLeast(Subject::Server, "syn_undecided", 20),
            Check::Zero(Subject::Server, "syn_ack_received"),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "refused",
        row: Some("T23"),
        about: "nobody listens on the port",
        traffic: &[
            Traffic::Connections(SERVER_FIRST),
            Traffic::Connections(Connections {
                to: Target::Closed,
                ..SERVER_FIRST
            }),
        ],
        clients_meet: &[Met::Complete, Met::Refused],
        expected: &[expect(Subject::Server, "refused", Harm::Any)],
        checks: &[
            Check::AtLeast(Subject::Server, "rst_answering_syn", 20),
            Check::Zero(Subject::Server, "rst_established"),
        ],
        ..ORDINARY
    },
];
