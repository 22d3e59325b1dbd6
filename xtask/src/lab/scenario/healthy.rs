//! Scenarios in which nothing is wrong, and natdiag must say so.

use super::{
    Met, Scenario, Vantage,
    ordinary::{
        ANSWERED, CLIENT_FIRST, LARGE, LARGE_V6, NEIGHBOUR, ORDINARY, PATIENT, SERVER_FIRST,
    },
};
use crate::lab::{
    expectation::{Check, Subject},
    mechanism::{Clocks, Cut, Filter, Links, Mechanism, Tags},
    proof::{Host, Proof},
    traffic::{Service, Traffic, Volley},
};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "healthy-server-first",
        about: "nothing is wrong; the server closes first",
        traffic: &[
            Traffic::Connections(SERVER_FIRST),
            Traffic::Connections(LARGE_V6),
        ],
        checks: &[
            Check::AtLeast(Subject::Server, "syn_predicted_drop_answered", 1),
            Check::Equal(Subject::Server, "syn_sent", "syn_ack_received"),
            Check::Zero(Subject::Server, "syn_predicted_drop_dropped"),
            Check::Zero(Subject::Server, "fragments_first"),
            Check::Zero(Subject::ServerV6, "fragments_first"),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "healthy-client-first",
        about: "nothing is wrong; the clients close first",
        traffic: &[
            Traffic::Connections(CLIENT_FIRST),
            Traffic::Connections(LARGE),
        ],
        checks: &[
            Check::Equal(Subject::Server, "syn_sent", "syn_ack_received"),
            Check::Zero(Subject::Server, "syn_predicted_drop_dropped"),
            Check::Zero(Subject::Server, "fragments_first"),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "healthy-no-timestamps",
        about: "nothing is wrong; no client sends timestamps",
        network: &[Mechanism::Clocks(Clocks::None)],
        checks: &[
            Check::Equal(Subject::Server, "syn_sent", "syn_ack_received"),
            Check::AtLeast(Subject::Server, "syn_without_timestamps_answered", 20),
            Check::Zero(Subject::Server, "syn_predicted_pass_answered"),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "syn-cookies",
        row: Some("T06"),
        about: "half-open connections fill the server's SYN queue; it answers with cookies",
        service: Service::ShortQueue,
        traffic: &[
            Traffic::Connections(SERVER_FIRST),
            Traffic::Volley(Volley::HalfOpen { every_ms: 10 }),
        ],
        proofs: &[
            Proof::Kernel(Host::Server, "TcpExtSyncookiesSent", 20),
            Proof::Kernel(Host::Server, "TcpExtSyncookiesRecv", 20),
        ],
        checks: ANSWERED,
        ..ORDINARY
    },
    Scenario {
        name: "syn-proxy",
        row: Some("T09"),
        about: "the router answers SYNs in the server's place, without timestamps, and asks it when they are acknowledged",
        network: &[Mechanism::Filter(Filter::SynProxy)],
        proofs: &[Proof::Rule(Host::Router, "met", 40)],
        tolerated: &["timestamps-stripped"],
        checks: ANSWERED,
        // The proxy is known to lose the end of a connection now and then.
        clients_may_meet: &[Met::Stalled],
        ..ORDINARY
    },
    Scenario {
        name: "timestamps-stripped",
        row: Some("T18"),
        about: "the router takes the timestamps out of all segments",
        network: &[Mechanism::Filter(Filter::StripsTimestamps)],
        proofs: &[Proof::Rule(Host::Router, "met", 40)],
        tolerated: &["timestamps-stripped"],
        checks: ANSWERED,
        ..ORDINARY
    },
    Scenario {
        name: "scan",
        row: Some("T24"),
        about: "the server tries the NAT's ports, which are closed",
        traffic: &[Traffic::Connections(SERVER_FIRST), Traffic::Scan],
        proofs: &[Proof::Kernel(Host::Nat, "TcpOutRsts", 20)],
        checks: &[
            Check::Equal(Subject::Server, "syn_sent", "syn_ack_received"),
            Check::Zero(Subject::Server, "rst_answering_syn"),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "path-mtu-discovery",
        row: Some("T46"),
        about: "a router with a smaller MTU says so to the server, which sends smaller segments",
        network: &[Mechanism::Links(Links::RouterRefuses { mtu: 1400 })],
        traffic: &[Traffic::Connections(LARGE)],
        proofs: &[Proof::Kernel(Host::Server, "IcmpInDestUnreachs", 1)],
        checks: ANSWERED,
        ..ORDINARY
    },
    Scenario {
        name: "offloads",
        row: Some("T47"),
        about: "the devices merge segments into packets larger than the MTU",
        network: &[Mechanism::Links(Links::Offloads)],
        traffic: &[Traffic::Connections(LARGE), Traffic::Connections(LARGE_V6)],
        checks: ANSWERED,
        ..ORDINARY
    },
    Scenario {
        name: "atomic-fragments",
        row: Some("T52"),
        about: "each IPv6 TCP packet of the server is a fragment that is the whole",
        network: &[Mechanism::Splitter(Cut::Atomic)],
        traffic: &[Traffic::Connections(LARGE_V6)],
        seconds: 12,
        checks: &[
            Check::AtLeast(Subject::ServerV6, "fragments_atomic", 20),
            Check::AtLeast(Subject::ServerV6, "syn_predicted_pass_answered", 10),
            Check::Zero(Subject::ServerV6, "fragments_first"),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "reordered-fragments",
        row: Some("T51"),
        about: "the server's UDP datagrams come in fragments, the last one first",
        traffic: &[
            Traffic::Connections(NEIGHBOUR),
            Traffic::Volley(Volley::Reversed),
        ],
        tolerated: &["udp-fragmentation"],
        checks: &[
            Check::AtLeast(Subject::Server, "fragments_first", 20),
            Check::Equal(Subject::Server, "datagrams_complete", "fragments_first"),
            Check::Zero(Subject::Server, "datagrams_incomplete"),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "vlan",
        row: Some("T54"),
        about: "nothing is wrong behind a VLAN tag",
        network: &[Mechanism::Tags(Tags::One)],
        traffic: &[
            Traffic::Connections(PATIENT),
            Traffic::Connections(LARGE_V6),
        ],
        checks: ANSWERED,
        ..ORDINARY
    },
    Scenario {
        name: "vlan-in-vlan",
        row: Some("T54"),
        about: "nothing is wrong behind two VLAN tags",
        network: &[Mechanism::Tags(Tags::Two)],
        traffic: &[
            Traffic::Connections(PATIENT),
            Traffic::Connections(LARGE_V6),
        ],
        checks: ANSWERED,
        ..ORDINARY
    },
    Scenario {
        name: "healthy-both-sides",
        about: "nothing is wrong; both sides of the NAT are watched",
        vantage: Vantage::BothSides,
        tolerated: &["blind"],
        checks: ANSWERED,
        ..ORDINARY
    },
];
