//! Simulated servers: whatever each does to SYNs, the test names it.

use std::time::Duration;

use natdiag_common::wire::seq::TsVal;

use super::*;
use crate::{
    analysis::diagnosis::Cause,
    probe::{
        connection::{Arm, Attempt, Closed, Closing, Completion, Connection, Fate, SynTimestamps},
        finding::{Answer, answer},
    },
};

const SEEDS: u64 = 200;
const NS_PER_MS: u64 = 1_000_000;
const NS_PER_SEC: u64 = 1_000_000_000;

/// What a simulated server does.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a habit that a server has or has not"
)]
#[derive(Clone, Copy, Debug, Default)]
struct Habits {
    /// It remembers timestamps; with `true`, it drops SYNs without them as well.
    recycles: Option<bool>,
    /// A timestamp of somebody else that it remembers.
    foreign_mark: Option<u32>,
    /// It closes first after this.
    closes: Option<Closing>,
    /// It drops SYNs with timestamps.
    hates_timestamps: bool,
    /// Nothing listens.
    is_closed: bool,
    /// Of a hundred SYNs so many are lost.
    loss_percent: u64,
    /// Nothing gets through.
    is_filtered: bool,
    /// SYNs a second, and at once.
    limit: Option<(f64, f64)>,
    /// It takes nobody in spells of so many ms, every so many ms.
    spells_ms: Option<(u64, u64)>,
    /// It does not answer used ports.
    forgets_ports_late: bool,
}

struct Server {
    habits: Habits,
    random: fastrand::Rng,
    now_ns: u64,
    mark: Option<(u32, u64)>,
    bucket: (f64, u64),
    used_ports: Vec<u16>,
    next_port: u16,
    /// The host draws a clock for each connection.
    random_clocks: bool,
}

impl Server {
    fn new(habits: Habits, seed: u64) -> Self {
        let burst = habits.limit.map_or(0.0, |(_, burst)| burst);
        Self {
            mark: habits.foreign_mark.map(|mark| (mark, u64::MAX)),
            habits,
            random: fastrand::Rng::with_seed(seed),
            now_ns: 1_000 * NS_PER_SEC,
            bucket: (burst, 1_000 * NS_PER_SEC),
            used_ports: Vec::new(),
            next_port: 40_000,
            random_clocks: seed.is_multiple_of(2),
        }
    }

    fn fate(&mut self, tsval: Option<u32>, port: u16) -> Fate {
        let habits = self.habits;
        let fresh = self
            .mark
            .filter(|(_, at)| *at == u64::MAX || self.now_ns - at < 60 * NS_PER_SEC);
        let is_recycled = match (habits.recycles, fresh, tsval) {
            (Some(_), Some((mark, _)), Some(tsval)) => TsVal(mark).ahead_of(TsVal(tsval)) > 1,
            (Some(drops_without), Some(_), None) => drops_without,
            _ => false,
        };
        let in_spell = habits
            .spells_ms
            .is_some_and(|(length, period)| (self.now_ns / NS_PER_MS) % period < length);
        let dropped = is_recycled
            || habits.is_filtered
            || (habits.hates_timestamps && tsval.is_some())
            || self.random.u64(0..100) < habits.loss_percent
            || in_spell
            || (habits.forgets_ports_late && self.used_ports.contains(&port))
            || self.is_over_limit();
        match (dropped, habits.is_closed) {
            (true, _) => Fate::Dropped,
            (false, true) => Fate::Refused,
            (false, false) => Fate::Answered,
        }
    }

    fn is_over_limit(&mut self) -> bool {
        let Some((rate, burst)) = self.habits.limit else {
            return false;
        };
        let (level, since) = self.bucket;
        let gained = rate * Duration::from_nanos(self.now_ns - since).as_secs_f64();
        let level = (level + gained).min(burst);
        let passes = level >= 1.0;
        self.bucket = (if passes { level - 1.0 } else { level }, self.now_ns);
        !passes
    }
}

impl Connector for Server {
    fn now_ns(&self) -> u64 {
        self.now_ns
    }

    fn wait_until(&mut self, time_ns: u64) -> Result<(), ConnectError> {
        self.now_ns = self.now_ns.max(time_ns);
        Ok(())
    }

    fn attempt(&mut self, attempt: &Attempt) -> Result<Connection, ConnectError> {
        let sent_ns = self.now_ns;
        let clock = u32::try_from(sent_ns / NS_PER_MS % (1 << 32)).unwrap();
        let tsval = match attempt.timestamps {
            SynTimestamps::Own if self.random_clocks => Some(self.random.u32(..)),
            SynTimestamps::Own => Some(clock.wrapping_add(77)),
            SynTimestamps::Set(tsval) => Some(tsval),
            SynTimestamps::Without => None,
        };
        let port = attempt.source_port.unwrap_or_else(|| {
            self.next_port += 1;
            self.next_port
        });
        let fate = self.fate(tsval, port);
        self.now_ns += if fate == Fate::Dropped {
            attempt.patience_ns
        } else {
            20 * NS_PER_MS
        };
        let mut closed = None;
        if let (Fate::Answered, Completion::Complete(closing)) = (fate, attempt.completion) {
            self.now_ns += 40 * NS_PER_MS;
            if self.habits.closes == Some(closing) {
                let mark = tsval.unwrap().wrapping_add(40);
                let old = self.mark;
                if old.is_none_or(|(old, _)| TsVal(old).ahead_of(TsVal(mark)) <= 0) {
                    self.mark = Some((mark, self.now_ns));
                }
                self.used_ports.push(port);
                closed = Some(Closed {
                    mark,
                    at_ns: self.now_ns,
                    closing,
                });
            }
        }
        assert!(
            attempt.arm == Arm::Arming || attempt.completion == Completion::Refuse,
            "a connection with a changed timestamp is completed"
        );
        Ok(Connection {
            arm: attempt.arm,
            sent_ns,
            tsval,
            fate,
            handshake_ns: (fate != Fate::Dropped).then_some(20 * NS_PER_MS),
            source_port: port,
            syn_acks: u32::from(fate == Fate::Answered),
            answered_with_timestamps: tsval.is_some(),
            ttl: Some(60),
            closed,
        })
    }
}

const BOUNDS: Bounds = Bounds {
    connections: 60,
    rate: 4.0,
    has_payload: false,
    tls: false,
    is_thorough: false,
};

/// What natdiag says about a server, and the connections and seconds that it took.
fn judge(habits: Habits, seed: u64) -> (Option<Cause>, usize, u64, Answer) {
    let mut server = Server::new(habits, seed);
    let address = "192.0.2.80".parse().unwrap();
    let random = fastrand::Rng::with_seed(seed);
    let experiment = run(address, BOUNDS, random, &mut server, &mut |_, _| {}).unwrap();
    let said = answer(&experiment);
    let cause = match &said {
        Answer::Sound { .. } => None,
        Answer::Found(finding) => Some(finding.cause),
    };
    let seconds = (server.now_ns - 1_000 * NS_PER_SEC) / NS_PER_SEC;
    (cause, experiment.record.connections.len(), seconds, said)
}

/// Judges a server under many seeds; so many in a hundred at least must be right, and nothing else may be named.
fn expect(name: &str, habits: Habits, cause: Option<Cause>, least_percent: u64) {
    let (mut right, mut most, mut slowest) = (0, 0, 0);
    for seed in 0..SEEDS {
        let (said, connections, seconds, answer) = judge(habits, seed);
        assert!(connections <= 60, "{name}: {connections} connections");
        assert!(seconds < 62, "{name}: {seconds} s");
        most = most.max(connections);
        slowest = slowest.max(seconds);
        if said == cause {
            right += 1;
        } else if said != Some(Cause::InsufficientEvidence) {
            println!("{name}, seed {seed}: {answer:?}");
        }
    }
    println!("{name}: {right} of {SEEDS} right, at most {most} connections, {slowest} s");
    assert!(
        right * 100 >= SEEDS * least_percent,
        "{name}: {right} of {SEEDS}"
    );
}

const CLOSES: Habits = Habits {
    recycles: None,
    foreign_mark: None,
    closes: Some(Closing::Wait),
    hates_timestamps: false,
    is_closed: false,
    loss_percent: 0,
    is_filtered: false,
    limit: None,
    spells_ms: None,
    forgets_ports_late: false,
};

#[test]
fn rules_of_all_or_nothing_are_named_always() {
    let recycles = |drops_without| Habits {
        recycles: Some(drops_without),
        ..CLOSES
    };
    let foreign = |drops_without| Habits {
        foreign_mark: Some(0x8765_4321),
        closes: None,
        ..recycles(drops_without)
    };
    for (name, habits, cause) in [
        ("healthy", CLOSES, None),
        (
            "recycle until 3.16",
            recycles(false),
            Some(Cause::TwRecycle),
        ),
        ("recycle from 3.17", recycles(true), Some(Cause::TwRecycle)),
        (
            "foreign mark, until 3.16",
            foreign(false),
            Some(Cause::TwRecycle),
        ),
        (
            "foreign mark, from 3.17",
            foreign(true),
            Some(Cause::TwRecycle),
        ),
        (
            "latent",
            Habits {
                closes: Some(Closing::HttpClose),
                ..recycles(true)
            },
            Some(Cause::TwRecycleLatent),
        ),
        (
            "timestamps filtered",
            Habits {
                hates_timestamps: true,
                ..CLOSES
            },
            Some(Cause::TimestampsFiltered),
        ),
        (
            "filtered",
            Habits {
                is_filtered: true,
                ..CLOSES
            },
            Some(Cause::Filtered),
        ),
        (
            "refused",
            Habits {
                is_closed: true,
                ..CLOSES
            },
            Some(Cause::Refused),
        ),
        (
            "not armable",
            Habits {
                closes: None,
                ..recycles(true)
            },
            Some(Cause::Blind),
        ),
        (
            "port reuse",
            Habits {
                forgets_ports_late: true,
                ..CLOSES
            },
            Some(Cause::PortReuse),
        ),
    ] {
        expect(name, habits, cause, 99);
    }
}

#[test]
fn drops_without_a_rule_of_timestamps_are_told_apart() {
    for (name, habits, cause, least_percent) in [
        (
            "loss",
            Habits {
                loss_percent: 25,
                ..CLOSES
            },
            Cause::PacketLoss,
            85,
        ),
        (
            "rate limit",
            Habits {
                limit: Some((1.0, 3.0)),
                ..CLOSES
            },
            Cause::RateLimit,
            90,
        ),
        (
            "overload",
            Habits {
                spells_ms: Some((4_000, 9_000)),
                ..CLOSES
            },
            Cause::BacklogOverflow,
            90,
        ),
    ] {
        expect(name, habits, Some(cause), least_percent);
    }
}

#[test]
fn loss_is_not_taken_for_a_foreign_mark() {
    for loss_percent in [20, 40, 50] {
        let habits = Habits {
            loss_percent,
            ..CLOSES
        };
        for seed in 0..1_000 {
            let (said, .., answer) = judge(habits, seed);
            let is_accused = matches!(said, Some(Cause::TwRecycle | Cause::TwRecycleLatent));
            assert!(!is_accused, "{loss_percent} %, seed {seed}: {answer:?}");
        }
    }
}

#[test]
fn recycle_is_seen_through_loss() {
    let habits = Habits {
        recycles: Some(true),
        loss_percent: 5,
        ..CLOSES
    };
    expect("recycle and loss", habits, Some(Cause::TwRecycle), 90);
}

#[test]
fn the_textbook_test_alone_would_mislead_on_later_kernels() {
    let habits = Habits {
        recycles: Some(true),
        ..CLOSES
    };
    let mut server = Server::new(habits, 3);
    let address = "192.0.2.80".parse().unwrap();
    let random = fastrand::Rng::with_seed(3);
    let experiment = run(address, BOUNDS, random, &mut server, &mut |_, _| {}).unwrap();
    let armed_ns = experiment
        .record
        .connections
        .iter()
        .find_map(|connection| connection.closed);
    let textbook: Vec<_> = experiment
        .record
        .of_arm(Arm::Without)
        .filter(|connection| connection.sent_ns > armed_ns.unwrap().at_ns)
        .collect();
    // Turning timestamps off does not help, which the textbook takes for an all-clear.
    assert!(textbook.len() >= 3);
    assert!(
        textbook
            .iter()
            .all(|connection| connection.fate == Fate::Dropped)
    );
}

#[test]
fn a_thorough_test_sees_the_server_forget() {
    for drops_without in [false, true] {
        let habits = Habits {
            recycles: Some(drops_without),
            ..CLOSES
        };
        for seed in 0..SEEDS {
            let mut server = Server::new(habits, seed);
            let bounds = Bounds {
                is_thorough: true,
                ..BOUNDS
            };
            let address = "192.0.2.80".parse().unwrap();
            let random = fastrand::Rng::with_seed(seed);
            let experiment = run(address, bounds, random, &mut server, &mut |_, _| {}).unwrap();
            let record = &experiment.record;
            assert!(record.connections.len() <= 60);
            assert_eq!(record.count(Arm::Recovered, Fate::Answered), 3, "{seed}");
            let (closed, _) = record.last_closed().unwrap();
            let mut recovered = record.of_arm(Arm::Recovered);
            assert!(
                recovered.all(|connection| connection.sent_ns > closed.at_ns + 60 * NS_PER_SEC)
            );
            let Answer::Found(finding) = answer(&experiment) else {
                panic!("{seed}");
            };
            assert_eq!(finding.cause, Cause::TwRecycle);
            assert!(finding.summary.contains("took what it had dropped"));
        }
    }
}

#[test]
fn a_thorough_test_of_a_sound_server_waits_for_nothing() {
    let mut server = Server::new(CLOSES, 1);
    let bounds = Bounds {
        is_thorough: true,
        ..BOUNDS
    };
    let address = "192.0.2.80".parse().unwrap();
    let random = fastrand::Rng::with_seed(1);
    let experiment = run(address, bounds, random, &mut server, &mut |_, _| {}).unwrap();
    assert_eq!(experiment.record.of_arm(Arm::Recovered).count(), 0);
    assert!(server.now_ns < 1_060 * NS_PER_SEC);
}

#[test]
fn a_server_of_tls_is_armed_by_tls_before_plain_text_makes_it_close() {
    for closing in [Closing::HttpsKeepAlive, Closing::HttpsClose] {
        let habits = Habits {
            closes: Some(closing),
            ..CLOSES
        };
        let mut server = Server::new(habits, 1);
        let bounds = Bounds {
            tls: true,
            ..BOUNDS
        };
        let address = "192.0.2.80".parse().unwrap();
        let random = fastrand::Rng::with_seed(1);
        let experiment = run(address, bounds, random, &mut server, &mut |_, _| {}).unwrap();
        let (closed, _) = experiment.record.last_closed().unwrap();
        assert_eq!(closed.closing, closing);
    }
}
