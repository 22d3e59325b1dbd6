//! Servers that remember timestamps (`tcp_tw_recycle`), and what clients' clocks make of it.

use super::{
    Met, Scenario,
    ordinary::{
        BLOCKED, CLIENT_FIRST, ORDINARY, PATIENT, PREDICTED_DROPS_ARE_DROPPED, SOME_UNANSWERED,
        TW_RECYCLE,
    },
};
use crate::lab::{
    expectation::{Check, Subject},
    mechanism::{Clocks, Era, Mechanism},
    proof::Proof,
    traffic::Traffic,
};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "tw-recycle-3.16",
        row: Some("T01"),
        about: "server up to 3.16 with tcp_tw_recycle=1, closes first; clients with clocks of their own",
        network: &[
            Mechanism::TwRecycle(Era::Until316),
            Mechanism::Clocks(Clocks::Fixed),
        ],
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
        network: &[
            Mechanism::TwRecycle(Era::From317),
            Mechanism::Clocks(Clocks::Fixed),
        ],
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
            Mechanism::Clocks(Clocks::NoneAtLast),
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
            Mechanism::Clocks(Clocks::NoneAtLast),
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
        name: "tw-recycle-watched-late",
        row: Some("T02"),
        about: "as tw-recycle-4.11, and the server had dropped SYNs before natdiag looked",
        network: &[
            Mechanism::TwRecycle(Era::From317),
            Mechanism::Clocks(Clocks::Fixed),
        ],
        traffic: &[Traffic::Connections(BLOCKED)],
        unwatched_seconds: 3,
        seconds: 8,
        clients_meet: SOME_UNANSWERED,
        expected: TW_RECYCLE,
        checks: &[Check::AtLeast(
            Subject::Server,
            "syn_predicted_drop_dropped",
            20,
        )],
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
        network: &[
            Mechanism::TwRecycle(Era::From317),
            Mechanism::Clocks(Clocks::Fixed),
        ],
        traffic: &[Traffic::Connections(CLIENT_FIRST)],
        tolerated: &["tw-recycle-latent"],
        checks: &[
            Check::Equal(Subject::Server, "syn_sent", "syn_ack_received"),
            Check::Zero(Subject::Server, "syn_predicted_drop_dropped"),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "tw-recycle-clock-per-server",
        row: Some("T01"),
        about: "server with tcp_tw_recycle=1, closes first; clients with a random clock per destination",
        clients: Some(4),
        network: &[
            Mechanism::TwRecycle(Era::From317),
            Mechanism::Clocks(Clocks::PerDestination),
        ],
        traffic: &[Traffic::Connections(BLOCKED)],
        seconds: 10,
        clients_meet: SOME_UNANSWERED,
        expected: TW_RECYCLE,
        checks: PREDICTED_DROPS_ARE_DROPPED,
        ..ORDINARY
    },
    Scenario {
        name: "tw-recycle-clock-wraps",
        row: Some("T02"),
        about: "server with tcp_tw_recycle=1, closes first; the highest clock passes 2^32",
        network: &[
            Mechanism::TwRecycle(Era::From317),
            Mechanism::Clocks(Clocks::Wrapping),
        ],
        traffic: &[Traffic::Connections(BLOCKED)],
        seconds: 10,
        clients_meet: SOME_UNANSWERED,
        expected: TW_RECYCLE,
        checks: PREDICTED_DROPS_ARE_DROPPED,
        ..ORDINARY
    },
    Scenario {
        name: "tw-recycle-reboot",
        row: Some("T22"),
        about: "server with tcp_tw_recycle=1, closes first; its only client boots again, and its clock begins at 0",
        clients: Some(1),
        network: &[
            Mechanism::TwRecycle(Era::From317),
            Mechanism::Clocks(Clocks::Reboot),
        ],
        traffic: &[Traffic::Connections(BLOCKED)],
        seconds: 14,
        clients_meet: SOME_UNANSWERED,
        // A real boot ends what is open; here such a connection goes on with a clock that the server takes for old.
        clients_may_meet: &[Met::Stalled],
        expected: TW_RECYCLE,
        checks: &[
            Check::AtLeast(Subject::Server, "syn_predicted_drop_dropped", 10),
            Check::Few(Subject::Server, "syn_predicted_drop_answered"),
            Check::Few(Subject::Server, "syn_predicted_pass_dropped"),
        ],
        ..ORDINARY
    },
    Scenario {
        name: "tw-recycle-one-backend",
        row: Some("T20"),
        about: "two hosts behind one address, of which one has tcp_tw_recycle=1; both close first",
        network: &[
            Mechanism::TwoBackends,
            Mechanism::TwRecycle(Era::From317),
            Mechanism::Clocks(Clocks::Fixed),
        ],
        traffic: &[Traffic::Connections(PATIENT)],
        seconds: 12,
        clients_meet: SOME_UNANSWERED,
        proofs: &[Proof::Painted(10)],
        expected: TW_RECYCLE,
        checks: &[Check::AtLeast(
            Subject::Server,
            "syn_predicted_drop_dropped",
            10,
        )],
        ..ORDINARY
    },
];
