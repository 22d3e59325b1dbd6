//! Two faults at a time, of which one may hide the other, and too little of one.

use super::{
    Met, Scenario,
    ordinary::{
        LARGE, ORDINARY, PATIENT, SERVER_FIRST, SOME_STALLED, SOME_UNANSWERED, STALLING,
        TW_RECYCLE, expect,
    },
};
use crate::lab::{
    expectation::{Check, Expected, Harm, Subject},
    mechanism::{Clocks, Era, Filter, Gateway, Links, Mechanism},
    proof::{Host, Proof},
    traffic::{Connections, Family, Service, Target, Traffic},
};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "tw-recycle-and-loss",
        row: Some("T01+T10"),
        about: "server with tcp_tw_recycle=1, closes first, and segments are lost",
        network: &[
            Mechanism::TwRecycle(Era::From317),
            Mechanism::Clocks(Clocks::Fixed),
            Mechanism::Filter(Filter::SegmentLoss),
        ],
        traffic: &[Traffic::Connections(PATIENT)],
        seconds: 12,
        clients_meet: SOME_UNANSWERED,
        clients_may_meet: &[Met::Stalled],
        proofs: &[Proof::Rule(Host::Router, "met", 20), Proof::Painted(20)],
        expected: &[RECYCLES, expect(Subject::Server, "packet-loss", Harm::Any)],
        tolerated: &["return-path-loss"],
        checks: &[Check::AtLeast(
            Subject::Server,
            "syn_predicted_drop_dropped",
            20,
        )],
        ..ORDINARY
    },
    Scenario {
        name: "tw-recycle-and-port-reuse",
        row: Some("T01+T12"),
        about: "server with tcp_tw_recycle=1, closes first, and the NAT gives its few ports again",
        network: &[
            Mechanism::TwRecycle(Era::From317),
            Mechanism::Gateway(Gateway::PortsAgain { times: 16 }),
        ],
        traffic: &[Traffic::Connections(Connections {
            patience_ms: 5000,
            workers: 4,
            pauses: 2,
            ..SERVER_FIRST
        })],
        seconds: 14,
        clients_meet: &[Met::Complete],
        clients_may_meet: &[Met::Unanswered],
        proofs: &[Proof::Painted(10)],
        expected: TW_RECYCLE,
        tolerated: &["port-reuse"],
        ..ORDINARY
    },
    Scenario {
        name: "fragments-and-black-hole",
        row: Some("T41+T45"),
        about: "what the server sends from one port is fragmented, and what it sends from another falls into a hole",
        network: &[
            Mechanism::Links(Links::RouterRefuses { mtu: 1400 }),
            Mechanism::Filter(Filter::SilentRouter),
        ],
        service: Service::GuardedWithoutPathMtu,
        traffic: &[
            Traffic::Connections(STALLING),
            Traffic::Connections(Connections {
                to: Target::Guarded,
                ..LARGE
            }),
            Traffic::Connections(SERVER_FIRST),
        ],
        seconds: 8,
        clients_meet: SOME_STALLED,
        proofs: &[Proof::Rule(Host::Router, "met", 10)],
        expected: &[
            expect(Subject::Server, "path-fragmentation", Harm::Harms),
            expect(Subject::Server, "pmtu-black-hole", Harm::Harms),
        ],
        checks: &[Check::AtLeast(Subject::Server, "fragments_tcp", 20)],
        ..ORDINARY
    },
    Scenario {
        name: "many-udp-few-tcp-fragments",
        row: Some("T42+T40"),
        about: "many fragmented UDP datagrams, and a few fragmented TCP segments among them",
        network: &[Mechanism::Links(Links::ServerFragments { mtu: 1400 })],
        service: Service::WithoutPathMtu,
        traffic: &[
            Traffic::Datagrams(Family::V4),
            Traffic::Datagrams(Family::V4),
            Traffic::Datagrams(Family::V4),
            Traffic::Connections(Connections {
                pauses: 20,
                ..LARGE
            }),
        ],
        expected: &[
            expect(Subject::Server, "endpoint-fragmentation", Harm::Harms),
            expect(Subject::Server, "udp-fragmentation", Harm::None),
        ],
        over_budget: true,
        checks: &[
            Check::AtLeast(Subject::Server, "fragments_udp", 200),
            Check::AtLeast(Subject::Server, "fragments_tcp", 4),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "tw-recycle-no-timestamps",
        row: Some("T03"),
        about: "server with tcp_tw_recycle=1, closes first; no client sends timestamps, so it remembers none",
        network: &[
            Mechanism::TwRecycle(Era::From317),
            Mechanism::Clocks(Clocks::None),
        ],
        checks: &[
            Check::AtLeast(Subject::Server, "syn_without_timestamps_answered", 20),
            Check::Zero(Subject::Server, "syn_without_timestamps_armed_answered"),
            Check::Zero(Subject::Server, "syn_without_timestamps_dropped"),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "one-connection",
        about: "one connection is not answered, and nothing else is seen",
        clients: Some(1),
        network: &[Mechanism::Filter(Filter::GuardedPort)],
        traffic: &[Traffic::Connections(Connections {
            to: Target::Guarded,
            workers: 1,
            patience_ms: 2500,
            often: false,
            ..SERVER_FIRST
        })],
        seconds: 3,
        clients_meet: &[Met::Unanswered],
        expected: &[expect(Subject::Server, "insufficient-evidence", Harm::Any)],
        checks: &[Check::AtLeast(Subject::Server, "syn_sent", 2)],
        ..ORDINARY
    },
];

const RECYCLES: Expected = expect(Subject::Server, "tw-recycle", Harm::Fails);
