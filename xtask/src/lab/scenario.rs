//! The scenarios: what is done to the network, who sends what, and what natdiag must say. `T` rows are those of the
//! project's table of causes.

use super::{
    expectation::{Check, Expected, Harm, Subject},
    mechanism::{Era, Mechanism},
    traffic::{Closer, Connections, Family, Size, Target, Traffic},
};

/// A scenario.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its row in the table of causes.
    pub(crate) row: Option<&'static str>,
    /// What it is about.
    pub(crate) about: &'static str,
    /// Where natdiag watches.
    pub(crate) vantage: Vantage,
    /// What is done to the network.
    pub(crate) network: &'static [Mechanism],
    /// Who sends what.
    pub(crate) traffic: &'static [Traffic],
    /// How long, in seconds.
    pub(crate) seconds: u64,
    /// What clients meet with, and with nothing else: otherwise the scenario was not played.
    pub(crate) clients_meet: &'static [Met],
    /// Findings that must be there.
    pub(crate) expected: &'static [Expected],
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

/// The ordinary case, of which the scenarios name only the differences.
const ORDINARY: Scenario = Scenario {
    name: "",
    row: None,
    about: "",
    vantage: Vantage::Public,
    network: &[],
    traffic: &[Traffic::Connections(SERVER_FIRST)],
    seconds: 6,
    clients_meet: &[Met::Complete],
    expected: &[],
    over_budget: false,
    tolerated: &[],
    checks: &[],
};

const SOME_UNANSWERED: &[Met] = &[Met::Complete, Met::Unanswered];

const SERVER_FIRST: Connections = Connections {
    to: Target::Open,
    closer: Closer::Server,
    size: Size::Small,
    workers: 2,
    pauses: 1,
    patience_ms: 900,
};
const CLIENT_FIRST: Connections = Connections {
    closer: Closer::Client,
    ..SERVER_FIRST
};
/// Few, so that natdiag keeps a record of every fragment.
const LARGE: Connections = Connections {
    size: Size::Large,
    workers: 1,
    pauses: 4,
    ..SERVER_FIRST
};
const LARGE_V6: Connections = Connections {
    to: Target::OpenV6,
    ..LARGE
};
/// So many that most fragments are only counted.
const STORM: Connections = Connections {
    workers: 3,
    pauses: 1,
    ..LARGE
};
/// More workers, because most of them wait.
const BLOCKED: Connections = Connections {
    workers: 6,
    ..SERVER_FIRST
};

const fn expect(about: Subject, cause: &'static str, harm: Harm) -> Expected {
    Expected { about, cause, harm }
}

const TW_RECYCLE: &[Expected] = &[expect(Subject::Server, "tw-recycle", Harm::Fails)];
const PREDICTED_DROPS_ARE_DROPPED: &[Check] = &[
    Check::AtLeast(Subject::Server, "syn_predicted_drop_dropped", 20),
    Check::Zero(Subject::Server, "syn_predicted_drop_answered"),
    Check::Zero(Subject::Server, "syn_predicted_pass_dropped"),
];

/// All scenarios.
pub(crate) static SCENARIOS: &[Scenario] = &[
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
        name: "tw-recycle-3.16",
        row: Some("T01"),
        about: "server up to 3.16 with tcp_tw_recycle=1, closes first; clients with clocks of their own",
        network: &[Mechanism::TwRecycle(Era::Until316), Mechanism::FixedClocks],
        traffic: &[Traffic::Connections(BLOCKED)],
        seconds: 10,
        clients_meet: SOME_UNANSWERED,
        expected: TW_RECYCLE,
        checks: PREDICTED_DROPS_ARE_DROPPED,
        ..ORDINARY
    },
    Scenario {
        name: "tw-recycle-4.11",
        row: Some("T02"),
        about: "server from 3.17 to 4.11 with tcp_tw_recycle=1, closes first; clients with clocks of their own",
        network: &[Mechanism::TwRecycle(Era::From317), Mechanism::FixedClocks],
        traffic: &[Traffic::Connections(BLOCKED)],
        seconds: 10,
        clients_meet: SOME_UNANSWERED,
        expected: TW_RECYCLE,
        checks: PREDICTED_DROPS_ARE_DROPPED,
        ..ORDINARY
    },
    Scenario {
        name: "tw-recycle-3.16-no-timestamps",
        row: Some("T01"),
        about: "as tw-recycle-3.16, and one client sends no timestamps: its SYNs pass",
        network: &[
            Mechanism::TwRecycle(Era::Until316),
            Mechanism::LastClientWithoutTimestamps,
        ],
        traffic: &[Traffic::Connections(BLOCKED)],
        seconds: 10,
        clients_meet: SOME_UNANSWERED,
        expected: TW_RECYCLE,
        checks: &[
            Check::AtLeast(Subject::Server, "syn_predicted_drop_dropped", 20),
            Check::AtLeast(Subject::Server, "syn_without_timestamps_armed_answered", 20),
            Check::Zero(Subject::Server, "syn_without_timestamps_dropped"),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "tw-recycle-4.11-no-timestamps",
        row: Some("T02"),
        about: "as tw-recycle-4.11, and one client sends no timestamps: its SYNs are dropped too",
        network: &[
            Mechanism::TwRecycle(Era::From317),
            Mechanism::LastClientWithoutTimestamps,
        ],
        traffic: &[Traffic::Connections(BLOCKED)],
        seconds: 10,
        clients_meet: SOME_UNANSWERED,
        expected: TW_RECYCLE,
        checks: &[
            Check::AtLeast(Subject::Server, "syn_predicted_drop_dropped", 20),
            Check::AtLeast(Subject::Server, "syn_without_timestamps_armed_dropped", 20),
            Check::Zero(Subject::Server, "syn_without_timestamps_armed_answered"),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "tw-recycle-random-clocks",
        row: Some("T21"),
        about: "server with tcp_tw_recycle=1, closes first; clients with a random clock per connection",
        network: &[Mechanism::TwRecycle(Era::From317)],
        traffic: &[Traffic::Connections(BLOCKED)],
        seconds: 10,
        clients_meet: SOME_UNANSWERED,
        expected: TW_RECYCLE,
        checks: PREDICTED_DROPS_ARE_DROPPED,
        ..ORDINARY
    },
    Scenario {
        name: "tw-recycle-client-first",
        row: Some("T03"),
        about: "server with tcp_tw_recycle=1 whose clients close first: it does no harm",
        network: &[Mechanism::TwRecycle(Era::From317), Mechanism::FixedClocks],
        traffic: &[Traffic::Connections(CLIENT_FIRST)],
        tolerated: &["tw-recycle-latent"],
        checks: &[
            Check::Equal(Subject::Server, "syn_sent", "syn_ack_received"),
            Check::Zero(Subject::Server, "syn_predicted_drop_dropped"),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "filtered-port",
        row: Some("T08"),
        about: "a filter drops what goes to one port of the server",
        network: &[Mechanism::GuardedPort],
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
        network: &[Mechanism::GuardedHost],
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
        name: "syn-loss",
        row: Some("T10"),
        about: "one SYN in ten is lost",
        network: &[Mechanism::SynLoss { percent: 10 }],
        traffic: &[Traffic::Connections(Connections {
            patience_ms: 5000,
            workers: 4,
            ..SERVER_FIRST
        })],
        seconds: 12,
        expected: &[expect(Subject::Server, "packet-loss", Harm::Any)],
        checks: &[Check::AtLeast(Subject::Server, "syn_retransmitted", 5)],
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
    Scenario {
        name: "endpoint-fragments",
        row: Some("T40"),
        about: "the server's link carries less than its TCP believes: it sends fragments",
        network: &[Mechanism::ServerFragments { mtu: 1400 }],
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
        name: "endpoint-fragments-v6",
        row: Some("T40"),
        about: "the server cuts its IPv6 TCP packets",
        network: &[Mechanism::ServerFragmentsV6 { mtu: 1400 }],
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
        name: "path-fragments",
        row: Some("T41"),
        about: "a router with a smaller MTU fragments what the server sends without DF",
        network: &[Mechanism::RouterFragments { mtu: 1400 }],
        traffic: &[Traffic::Connections(LARGE)],
        expected: &[expect(Subject::Server, "path-fragmentation", Harm::Harms)],
        checks: FRAGMENTED,
        ..ORDINARY
    },
    Scenario {
        name: "path-fragments-storm",
        row: Some("T41"),
        about: "as path-fragments, with more fragments than natdiag keeps records of: it counts them all",
        network: &[Mechanism::RouterFragments { mtu: 1400 }],
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
            Mechanism::RouterFragments { mtu: 1400 },
            Mechanism::ManagedGateway,
        ],
        traffic: &[
            Traffic::Connections(LARGE),
            Traffic::Connections(SERVER_FIRST),
        ],
        clients_meet: &[Met::Complete, Met::Stalled],
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
            Mechanism::RouterFragments { mtu: 1400 },
            Mechanism::ManagedGateway,
        ],
        traffic: &[
            Traffic::Connections(LARGE),
            Traffic::Connections(SERVER_FIRST),
        ],
        clients_meet: &[Met::Complete, Met::Stalled],
        expected: &[expect(Subject::Anybody, "blind", Harm::Any)],
        checks: &[Check::Zero(Subject::Server, "fragments_first")],
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_fit_a_namespace() {
        for (place, scenario) in SCENARIOS.iter().enumerate() {
            assert!(
                SCENARIOS[..place]
                    .iter()
                    .all(|other| other.name != scenario.name),
                "{}",
                scenario.name
            );
            let fits = scenario.name.bytes().all(|octet| {
                octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"-.".contains(&octet)
            });
            assert!(fits, "{}", scenario.name);
        }
    }
}
