//! Connections that hang in their middle, where nobody says so: no RST, no `ICMP`. Times are shortened: devices forget
//! after 2 to 3 s what real ones forget after minutes, and clients give up after 3 s.

use super::{
    Scenario,
    ordinary::{ORDINARY, SERVER_FIRST, SOME_STALLED, expect},
};
use crate::lab::{
    expectation::{Check, Harm, Subject},
    mechanism::{Filter, Gateway, Mechanism},
    proof::{Host, Proof},
    traffic::{Connections, Traffic},
};

/// Idle for less than any device of the lab forgets.
const RESTING_BRIEFLY: Connections = Connections {
    rests_ms: 1400,
    ..SERVER_FIRST
};
/// Idle for longer.
const RESTING_LONG: Connections = Connections {
    rests_ms: 4500,
    workers: 6,
    ..SERVER_FIRST
};
/// A request of two segments, as a `ClientHello` with post-quantum key shares is.
const LARGE_HELLO: Connections = Connections {
    uploads: 1800,
    workers: 3,
    ..SERVER_FIRST
};
/// After a small request a large one, whose last segment is small.
const UPLOADING: Connections = Connections {
    rests_ms: 300,
    uploads: 6000,
    workers: 3,
    ..SERVER_FIRST
};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "idle-silent",
        row: Some("T30"),
        about: "a device on the path forgets idle connections, and drops what is sent on them then",
        network: &[Mechanism::Filter(Filter::SilentIdleTimeout)],
        traffic: &[
            Traffic::Connections(SERVER_FIRST),
            Traffic::Connections(RESTING_BRIEFLY),
            Traffic::Connections(RESTING_LONG),
        ],
        seconds: 14,
        clients_meet: SOME_STALLED,
        proofs: &[Proof::Rule(Host::Router, "met", 20)],
        expected: &[expect(Subject::Server, "idle-timeout", Harm::Fails)],
        checks: NO_RESETS,
        ..ORDINARY
    },
    Scenario {
        name: "idle-silent-kept-awake",
        row: Some("T30"),
        about: "as idle-silent, with the remedy: keep-alives after each second of silence",
        network: &[Mechanism::Filter(Filter::SilentIdleTimeout)],
        traffic: &[
            Traffic::Connections(SERVER_FIRST),
            Traffic::Connections(Connections {
                is_kept_awake: true,
                ..RESTING_LONG
            }),
        ],
        seconds: 10,
        checks: NO_RESETS,
        ..ORDINARY
    },
    Scenario {
        name: "first-flight-dropped",
        row: Some("T55"),
        about: "a device on the path takes requests of one segment, and swallows those of two",
        network: &[Mechanism::Filter(Filter::SwallowsFirstFlights)],
        traffic: &[
            Traffic::Connections(SERVER_FIRST),
            Traffic::Connections(LARGE_HELLO),
        ],
        seconds: 10,
        clients_meet: SOME_STALLED,
        proofs: &[Proof::Rule(Host::Router, "met", 20)],
        expected: &[expect(Subject::Server, "first-flight-dropped", Harm::Fails)],
        checks: NO_RESETS,
        ..ORDINARY
    },
    Scenario {
        name: "upload-black-hole",
        row: Some("T45"),
        about: "large segments that clients send vanish, and nobody hears of it; small ones pass",
        network: &[Mechanism::Filter(Filter::DropsLargeUploads)],
        traffic: &[
            Traffic::Connections(SERVER_FIRST),
            Traffic::Connections(UPLOADING),
        ],
        seconds: 10,
        clients_meet: SOME_STALLED,
        proofs: &[Proof::Rule(Host::Router, "met", 20)],
        expected: &[expect(Subject::Server, "pmtu-black-hole", Harm::Fails)],
        checks: NO_RESETS,
        ..ORDINARY
    },
    Scenario {
        name: "upload-black-hole-clamped",
        row: Some("T45"),
        about: "as upload-black-hole, with the remedy: the NAT clamps the MSS",
        network: &[
            Mechanism::Filter(Filter::DropsLargeUploads),
            Mechanism::Gateway(Gateway::ClampsMss),
        ],
        traffic: &[
            Traffic::Connections(SERVER_FIRST),
            Traffic::Connections(UPLOADING),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "healthy-middle",
        about: "nothing is wrong; connections rest for seconds, and requests take several segments",
        traffic: &[
            Traffic::Connections(RESTING_LONG),
            Traffic::Connections(LARGE_HELLO),
            Traffic::Connections(UPLOADING),
        ],
        seconds: 10,
        ..ORDINARY
    },
];

/// Nobody resets anything, and every SYN is answered.
const NO_RESETS: &[Check] = &[
    Check::Zero(Subject::Server, "rst_established"),
    Check::Equal(Subject::Server, "syn_sent", "syn_ack_received"),
];
