//! Packets that do not fit a link: fragments of all kinds, and holes where none come.

use super::{
    Scenario, Vantage,
    ordinary::{
        LARGE, LARGE_V6, NEIGHBOUR, ORDINARY, SERVER_FIRST, SOME_STALLED, SOME_UNANSWERED,
        STALLING, expect,
    },
};
use crate::lab::{
    expectation::{Check, Harm, Subject},
    mechanism::{Cut, Filter, Gateway, Links, Mechanism},
    proof::{Host, Proof},
    traffic::{Connections, Family, Service, Traffic, Volley},
};

/// So many that most fragments are only counted.
const STORM: Connections = Connections {
    workers: 3,
    pauses: 1,
    ..LARGE
};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "endpoint-fragments",
        row: Some("T40"),
        about: "the server's link carries less than its TCP believes: it sends fragments",
        network: &[Mechanism::Links(Links::ServerFragments { mtu: 1400 })],
        service: Service::WithoutPathMtu,
        traffic: &[Traffic::Connections(LARGE)],
        expected: &[expect(
            Subject::Server,
            "endpoint-fragmentation",
            Harm::Harms,
        )],
        checks: FRAGMENTED,
        ..ORDINARY
    },
    Scenario {
        name: "endpoint-fragments-df",
        row: Some("T40"),
        about: "fragments smaller than the server's MSS, but with Don't Fragment set: a rule behind the router that cuts sets it",
        network: &[
            Mechanism::Links(Links::RouterFragments { mtu: 1400 }),
            Mechanism::Filter(Filter::MarksFragments),
        ],
        traffic: &[Traffic::Connections(LARGE)],
        proofs: &[Proof::Rule(Host::Router, "met", 20)],
        expected: &[expect(
            Subject::Server,
            "endpoint-fragmentation",
            Harm::Harms,
        )],
        checks: FRAGMENTED,
        ..ORDINARY
    },
    Scenario {
        name: "endpoint-fragments-v6",
        row: Some("T40"),
        about: "the server cuts its IPv6 TCP packets",
        network: &[Mechanism::Splitter(Cut::Fragments { mtu: 1400 })],
        traffic: &[Traffic::Connections(LARGE_V6)],
        expected: &[expect(
            Subject::ServerV6,
            "endpoint-fragmentation",
            Harm::Harms,
        )],
        checks: &[
            Check::AtLeast(Subject::ServerV6, "fragments_tcp", 20),
            Check::Equal(Subject::ServerV6, "datagrams_complete", "fragments_first"),
            Check::Zero(Subject::ServerV6, "fragments_atomic"),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "endpoint-fragments-reordered",
        row: Some("T51"),
        about: "the server cuts its IPv6 TCP packets, and the last fragment comes first",
        network: &[Mechanism::Splitter(Cut::Reversed { mtu: 1400 })],
        traffic: &[Traffic::Connections(LARGE_V6)],
        expected: &[expect(
            Subject::ServerV6,
            "endpoint-fragmentation",
            Harm::Harms,
        )],
        checks: &[
            Check::AtLeast(Subject::ServerV6, "fragments_tcp", 20),
            Check::Equal(Subject::ServerV6, "datagrams_complete", "fragments_first"),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "path-fragments",
        row: Some("T41"),
        about: "a router with a smaller MTU fragments what the server sends without DF",
        network: &[Mechanism::Links(Links::RouterFragments { mtu: 1400 })],
        traffic: &[Traffic::Connections(LARGE)],
        expected: &[expect(Subject::Server, "path-fragmentation", Harm::Harms)],
        checks: FRAGMENTED,
        ..ORDINARY
    },
    Scenario {
        name: "path-fragments-storm",
        row: Some("T41"),
        about: "as path-fragments, with more fragments than natdiag keeps records of: it counts them all",
        network: &[Mechanism::Links(Links::RouterFragments { mtu: 1400 })],
        traffic: &[Traffic::Connections(STORM)],
        expected: &[expect(Subject::Server, "path-fragmentation", Harm::Harms)],
        over_budget: true,
        checks: &[
            Check::AtLeast(Subject::Server, "fragments_tcp", 1000),
            Check::AtLeast(Subject::Server, "datagrams_unobserved", 20),
            Check::Zero(Subject::Server, "datagrams_incomplete"),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "udp-fragments",
        row: Some("T42"),
        about: "UDP datagrams that do not fit one packet, of both families",
        traffic: &[
            Traffic::Connections(LARGE),
            Traffic::Datagrams(Family::V4),
            Traffic::Datagrams(Family::V6),
        ],
        expected: &[
            expect(Subject::Server, "udp-fragmentation", Harm::None),
            expect(Subject::ServerV6, "udp-fragmentation", Harm::None),
        ],
        checks: &[
            Check::AtLeast(Subject::Server, "fragments_udp", 20),
            Check::AtLeast(Subject::ServerV6, "fragments_udp", 20),
            Check::Zero(Subject::Server, "fragments_tcp"),
            Check::Zero(Subject::Server, "datagrams_incomplete"),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "icmp-fragments",
        row: Some("T43"),
        about: "echoes that do not fit one packet, of both families",
        traffic: &[
            Traffic::Connections(LARGE),
            Traffic::Echoes(Family::V4),
            Traffic::Echoes(Family::V6),
        ],
        expected: &[
            expect(Subject::Server, "icmp-fragmentation", Harm::None),
            expect(Subject::ServerV6, "icmp-fragmentation", Harm::None),
        ],
        checks: &[
            Check::AtLeast(Subject::Server, "fragments_icmp", 20),
            Check::AtLeast(Subject::ServerV6, "fragments_icmp", 20),
            Check::Zero(Subject::Server, "fragments_tcp"),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "managed-gateway-public",
        row: Some("T41"),
        about: "the NAT drops TCP fragments; seen from its public side",
        network: &[
            Mechanism::Links(Links::RouterFragments { mtu: 1400 }),
            Mechanism::Gateway(Gateway::DropsFragments),
        ],
        traffic: &[
            Traffic::Connections(STALLING),
            Traffic::Connections(SERVER_FIRST),
        ],
        clients_meet: SOME_STALLED,
        expected: &[expect(Subject::Server, "path-fragmentation", Harm::Harms)],
        checks: &[Check::AtLeast(Subject::Server, "fragments_tcp", 20)],
        ..ORDINARY
    },
    Scenario {
        name: "managed-gateway-behind",
        row: Some("T49"),
        about: "the NAT drops TCP fragments; seen from a client behind it, where none come",
        vantage: Vantage::FirstClient,
        network: &[
            Mechanism::Links(Links::RouterFragments { mtu: 1400 }),
            Mechanism::Gateway(Gateway::DropsFragments),
        ],
        traffic: &[
            Traffic::Connections(STALLING),
            Traffic::Connections(SERVER_FIRST),
        ],
        clients_meet: SOME_STALLED,
        expected: &[expect(Subject::Anybody, "blind", Harm::Any)],
        checks: &[Check::Zero(Subject::Server, "fragments_first")],
        ..ORDINARY
    },
    Scenario {
        name: "reassembled-behind",
        row: Some("T48"),
        about: "the NAT reassembles fragments and cuts them again as they were; seen from a client behind it",
        vantage: Vantage::FirstClient,
        network: &[Mechanism::Links(Links::RouterFragments { mtu: 1400 })],
        traffic: &[Traffic::Connections(LARGE)],
        expected: &[expect(Subject::Server, "path-fragmentation", Harm::Harms)],
        tolerated: &["blind"],
        checks: FRAGMENTED,
        ..ORDINARY
    },
    Scenario {
        name: "tunnel-fragments",
        row: Some("T44"),
        about: "packets of a tunnel between the server and the NAT come in fragments",
        traffic: &[
            Traffic::Connections(SERVER_FIRST),
            Traffic::Volley(Volley::Tunnel),
        ],
        expected: &[expect(Subject::Server, "tunnel-fragmentation", Harm::Any)],
        checks: &[
            Check::AtLeast(Subject::Server, "fragments_other", 40),
            Check::Equal(Subject::Server, "datagrams_complete", "fragments_first"),
            Check::Zero(Subject::Server, "fragments_tcp"),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "pmtu-black-hole",
        row: Some("T45"),
        about: "a router with a smaller MTU drops what is larger, and nobody hears of it",
        network: &[
            Mechanism::Links(Links::RouterRefuses { mtu: 1400 }),
            Mechanism::Filter(Filter::SilentRouter),
        ],
        traffic: &[
            Traffic::Connections(STALLING),
            Traffic::Connections(SERVER_FIRST),
        ],
        seconds: 8,
        clients_meet: SOME_STALLED,
        proofs: &[Proof::Rule(Host::Router, "met", 10)],
        expected: &[expect(Subject::Server, "pmtu-black-hole", Harm::Harms)],
        checks: &[Check::Zero(Subject::Server, "fragments_first")],
        ..ORDINARY
    },
    Scenario {
        name: "fragment-flood",
        row: Some("T50"),
        about: "tiny first fragments come from a few addresses, and never the rest",
        traffic: &[
            Traffic::Connections(SERVER_FIRST),
            Traffic::Volley(Volley::TinyFragments),
        ],
        expected: &[expect(Subject::Anybody, "fragment-flood", Harm::Any)],
        over_budget: true,
        tolerated: &["fragment-flood"],
        checks: &[Check::Zero(Subject::Server, "fragments_first")],
        ..ORDINARY
    },
    Scenario {
        name: "fragment-loss",
        row: Some("T53"),
        about: "later fragments of UDP datagrams are lost: after 30 s natdiag knows that they will not come",
        network: &[Mechanism::Filter(Filter::FragmentLoss)],
        traffic: &[
            Traffic::Connections(NEIGHBOUR),
            Traffic::Datagrams(Family::V4),
        ],
        silence_seconds: 31,
        clients_meet: SOME_UNANSWERED,
        proofs: &[Proof::Rule(Host::Router, "met", 10)],
        expected: &[expect(Subject::Server, "packet-loss", Harm::Any)],
        tolerated: &["udp-fragmentation"],
        checks: &[Check::AtLeast(Subject::Server, "datagrams_incomplete", 5)],
        ..ORDINARY
    },
];

const FRAGMENTED: &[Check] = &[
    Check::AtLeast(Subject::Server, "fragments_tcp", 20),
    Check::AtLeast(Subject::Server, "largest_first_fragment_octets", 1380),
    // Two connections may use the same identification within a second: then one datagram passes for a repeat.
    Check::NineTenths(Subject::Server, "datagrams_complete", "fragments_first"),
    Check::Zero(Subject::Server, "datagrams_incomplete"),
];
