//! What to send next. Pure: it sees what was answered, and knows neither socket nor clock.
//!
//! First timestamps all around the circle: where somebody else behind our address has made the server remember one,
//! half of them are dropped, and nothing has to be made remembered. Then connections that the server closes, with the
//! host's own clock, and around what it remembers of them: below, above, without, from a used port. Last, where drops
//! stay unexplained, bursts and pauses.

use super::{
    connection::{Arm, Attempt, Closing, Completion, Fate, Record, SynTimestamps},
    hypothesis::Hypothesis,
    outcome::{ENOUGH, ENOUGH_TO_ACCUSE, Posterior},
};
use crate::analysis::verdict::NAMED;

/// A quarter of the circle of timestamps: 12 days of a clock in milliseconds. What other hosts behind our address make
/// the server remember meanwhile lies nearer.
const QUARTER: u32 = 1 << 30;
/// Rounds around the circle before anything is armed.
const ROUNDS_AROUND: u64 = 2;
/// Most rounds around the circle.
const MOST_ROUNDS_AROUND: u64 = 5;
/// Attempts at one way of having the server close first: our SYN, or our request, may be lost.
const ARMING_ATTEMPTS: usize = 2;
/// A mark is renewed at this age, so that it outlives the next block.
const RENEW_AFTER_NS: u64 = 45 * NS_PER_SEC;
/// Blocks that are armed anew, each of which gives a used port.
const BLOCKS_WITH_PORT: usize = 3;
/// Blocks before an open question is asked by bursts and pauses.
const BLOCKS: usize = 6;
/// Least connections of each arm around the mark.
const LEAST_PER_ARM: u64 = 3;
/// SYNs in a burst, and the pause behind it.
const BURST: usize = 5;
const PAUSE_NS: u64 = 2_500_000_000;
/// Time after which a test ends with what it has.
const LONGEST_NS: u64 = 55 * NS_PER_SEC;

/// Connections that try whether the server has forgotten.
const RECOVERIES: usize = 3;
/// When it has: it counts 60 whole seconds.
const FORGOTTEN_AFTER_NS: u64 = 62 * NS_PER_SEC;

/// How long an answer is waited for: INTERFACE's max(0.5 s, 4 handshakes), below the second after which the kernel
/// sends the SYN again.
const LEAST_PATIENCE_NS: u64 = 500_000_000;
const MOST_PATIENCE_NS: u64 = 950_000_000;
const HANDSHAKES_OF_PATIENCE: u64 = 4;

const NS_PER_SEC: u64 = 1_000_000_000;

/// The bounds of a test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Most connections to one address.
    pub connections: usize,
    /// Most connections a second.
    pub rate: f64,
    /// Whether the user has given a payload that makes the server answer.
    pub has_payload: bool,
    /// Whether the service speaks TLS.
    pub tls: bool,
    /// Whether it is seen out that the server forgets.
    pub is_thorough: bool,
}

/// A connection to make, after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Time since the last connection began.
    pub pause_ns: u64,
    /// What to do.
    pub attempt: Attempt,
}

/// Chooses the connections of a test on one address.
#[derive(Debug)]
pub struct Planner {
    bounds: Bounds,
    random: fastrand::Rng,
    /// Where on the circle the first timestamps lie.
    base: u32,
    waiting: Vec<Arm>,
    rounds: u64,
    blocks: usize,
    arming: Arming,
    burst: usize,
    began_ns: Option<u64>,
    is_recovering: bool,
}

/// How far the search has come for a way to have the server close first.
#[derive(Debug)]
enum Arming {
    /// Ways not tried yet, the next one last, and how often that was tried.
    Searching(Vec<Closing>, usize),
    /// It closes first by this way.
    Found(Closing),
    /// It does not.
    Impossible,
}

impl Planner {
    /// Begins a test.
    #[must_use]
    pub fn new(bounds: Bounds, mut random: fastrand::Rng) -> Self {
        let ways = if bounds.has_payload {
            vec![Closing::Payload]
        } else if bounds.tls {
            // A server of TLS that is sent plain text closes in the end, which no client makes it do.
            vec![
                Closing::HttpClose,
                Closing::HttpsClose,
                Closing::HttpsKeepAlive,
                Closing::Wait,
            ]
        } else {
            vec![Closing::HttpClose, Closing::HttpKeepAlive, Closing::Wait]
        };
        Self {
            bounds,
            base: random.u32(..),
            random,
            waiting: Vec::new(),
            rounds: 0,
            blocks: 0,
            arming: Arming::Searching(ways, 0),
            burst: 0,
            began_ns: None,
            is_recovering: false,
        }
    }

    /// Whether every way to have the server close first has failed.
    #[must_use]
    pub const fn is_not_armable(&self) -> bool {
        matches!(self.arming, Arming::Impossible)
    }

    /// The next connection, or `None` when the test is over.
    pub fn next(&mut self, record: &Record, now_ns: u64) -> Option<Step> {
        let began_ns = *self.began_ns.get_or_insert(now_ns);
        if self.is_recovering {
            let arm = self.waiting.pop()?;
            return Some(Step {
                pause_ns: self.pause_ns(arm),
                attempt: self.attempt(arm, record)?,
            });
        }
        if record.connections.len() >= self.connections() || now_ns - began_ns > LONGEST_NS {
            return self.recover(record);
        }
        self.learn(record);
        if self.waiting.is_empty() && self.refill(record, now_ns).is_none() {
            return self.recover(record);
        }
        let arm = self.waiting.pop()?;
        let attempt = self.attempt(arm, record)?;
        Some(Step {
            pause_ns: self.pause_ns(arm),
            attempt,
        })
    }

    /// Connections until the recovery, which has its own.
    fn connections(&self) -> usize {
        if self.bounds.is_thorough {
            self.bounds.connections.saturating_sub(RECOVERIES).max(1)
        } else {
            self.bounds.connections
        }
    }

    /// Begins to send again what was dropped, when the server must have forgotten why.
    fn recover(&mut self, record: &Record) -> Option<Step> {
        if !self.bounds.is_thorough || Posterior::of(record).recycle() < NAMED {
            return None;
        }
        self.is_recovering = true;
        self.waiting = vec![Arm::Recovered; RECOVERIES - 1];
        let last_ns = record.connections.last()?.sent_ns;
        let closed_ns = record.last_closed().map(|(closed, _)| closed.at_ns);
        let quiet_ns = closed_ns.unwrap_or(last_ns) + FORGOTTEN_AFTER_NS;
        Some(Step {
            pause_ns: quiet_ns.saturating_sub(last_ns),
            attempt: self.attempt(Arm::Recovered, record)?,
        })
    }

    /// Takes in whether the last attempt at arming worked.
    fn learn(&mut self, record: &Record) {
        let Some(last) = record
            .connections
            .last()
            .filter(|last| last.arm == Arm::Arming)
        else {
            return;
        };
        if let Some(closed) = last.closed {
            self.arming = Arming::Found(closed.closing);
        } else if let Arming::Searching(ways, attempts) = &mut self.arming {
            *attempts += 1;
            // The server had its chance, or the connection never came about.
            if last.fate == Fate::Answered || *attempts >= ARMING_ATTEMPTS {
                ways.pop();
                *attempts = 0;
            }
            if ways.is_empty() {
                self.arming = Arming::Impossible;
            }
        }
    }

    /// Decides about the next connections, the next one last. `None` is the end.
    fn refill(&mut self, record: &Record, now_ns: u64) -> Option<()> {
        let posterior = Posterior::of(record);
        let answered = record.total(Fate::Answered);
        let refused = record.total(Fate::Refused);
        if self.rounds < ROUNDS_AROUND {
            return self.go_around();
        }
        if answered == 0 && refused > 0 {
            return None;
        }
        let (best, sure) = posterior.best();
        let is_armed = record.last_closed().is_some();
        // What drops half of a few SYNs by chance looks like a memory of somebody else's timestamp.
        let is_accused = best.is_recycle() && !is_armed && self.rounds < MOST_ROUNDS_AROUND;
        let enough = if is_accused { ENOUGH_TO_ACCUSE } else { ENOUGH };
        let decided = sure >= enough && best != Hypothesis::Sound;
        if decided && !is_armed {
            return None;
        }
        let recycle_is_likely = posterior.recycle() > 0.5;
        if !is_armed && (recycle_is_likely || answered == 0) && self.rounds < MOST_ROUNDS_AROUND {
            return self.go_around();
        }
        if matches!(self.arming, Arming::Searching(..)) && answered > 0 {
            self.waiting.push(Arm::Arming);
            return Some(());
        }
        if is_armed {
            let asked = [Arm::Low, Arm::High, Arm::Without]
                .iter()
                .all(|arm| around_mark(record, *arm) >= LEAST_PER_ARM);
            let nothing_lost = best == Hypothesis::Sound && record.total(Fate::Dropped) == 0;
            if asked && (decided || (nothing_lost && self.blocks >= BLOCKS_WITH_PORT)) {
                return None;
            }
            if self.blocks < BLOCKS {
                self.block(record, now_ns);
                return Some(());
            }
        }
        let is_quiet = record.total(Fate::Dropped) + record.total(Fate::Strayed) == 0;
        if decided || is_quiet || answered == 0 {
            return None;
        }
        self.waiting = vec![Arm::Paced; BURST];
        self.burst = 0;
        Some(())
    }

    /// A round of the circle, in any order.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "what it leaves behind is what `refill` returns"
    )]
    fn go_around(&mut self) -> Option<()> {
        self.rounds += 1;
        self.waiting = vec![
            Arm::Around,
            Arm::Around,
            Arm::Around,
            Arm::Around,
            Arm::Without,
        ];
        self.random.shuffle(&mut self.waiting);
        Some(())
    }

    /// The arms around the mark, in any order, behind what makes the mark where there is need.
    fn block(&mut self, record: &Record, now_ns: u64) {
        self.waiting = vec![Arm::Low, Arm::High, Arm::Without];
        let with_port = self.blocks < BLOCKS_WITH_PORT;
        if with_port {
            self.waiting.push(Arm::Reused);
        }
        self.random.shuffle(&mut self.waiting);
        let is_old = record
            .last_closed()
            .is_none_or(|(closed, _)| now_ns.saturating_sub(closed.at_ns) > RENEW_AFTER_NS);
        if (with_port && self.blocks > 0) || is_old {
            self.waiting.push(Arm::Arming);
        }
        self.blocks += 1;
    }

    fn attempt(&self, arm: Arm, record: &Record) -> Option<Attempt> {
        let closed = record.last_closed();
        let mark = closed.map_or(self.base, |(closed, _)| closed.mark);
        let mut source_port = None;
        let timestamps = match arm {
            Arm::Arming => SynTimestamps::Own,
            Arm::Around => {
                let place = record.of_arm(Arm::Around).count() % 4;
                let quarters = u32::try_from(place).unwrap_or(0);
                SynTimestamps::Set(self.base.wrapping_add(QUARTER.wrapping_mul(quarters)))
            }
            Arm::Low => SynTimestamps::Set(mark.wrapping_sub(QUARTER)),
            Arm::Recovered => SynTimestamps::Set(last_dropped_tsval(record)?),
            Arm::High | Arm::Paced => SynTimestamps::Set(mark.wrapping_add(QUARTER)),
            Arm::Without => SynTimestamps::Without,
            Arm::Reused => {
                let (closed, connection) = closed?;
                source_port = Some(connection.source_port);
                // As a well-behaved host does: later than all that the old connection sent.
                SynTimestamps::Set(closed.mark.wrapping_add(LATER_TICKS))
            }
        };
        Some(Attempt {
            arm,
            timestamps,
            source_port,
            completion: match (arm, &self.arming) {
                (Arm::Arming, Arming::Found(closing)) => Completion::Complete(*closing),
                (Arm::Arming, Arming::Searching(ways, _)) => Completion::Complete(*ways.last()?),
                _ => Completion::Refuse,
            },
            patience_ns: patience_ns(record.handshake_ns()),
        })
    }

    /// Gaps of changing length, so that a limit of the rate shows.
    fn pause_ns(&mut self, arm: Arm) -> u64 {
        let shortest = shortest_pause_ns(self.bounds.rate);
        if arm == Arm::Paced {
            self.burst += 1;
            return if self.burst == 1 { PAUSE_NS } else { shortest };
        }
        let stretch = self.random.u64(0..=shortest / 2);
        shortest + stretch
    }
}

/// A used port's timestamp is this much later than the last one: a second and more.
const LATER_TICKS: u32 = 5_000;

/// How many connections of an arm were made while the server remembered ours.
fn around_mark(record: &Record, arm: Arm) -> u64 {
    let armed_ns = record
        .connections
        .iter()
        .find_map(|connection| connection.closed)
        .map_or(u64::MAX, |closed| closed.at_ns);
    let after = record
        .of_arm(arm)
        .filter(|connection| connection.sent_ns >= armed_ns);
    u64::try_from(after.count()).unwrap_or(u64::MAX)
}

/// The latest timestamp that was dropped.
fn last_dropped_tsval(record: &Record) -> Option<u32> {
    let mut latest = record.connections.iter().rev();
    latest.find_map(|connection| {
        connection
            .tsval
            .filter(|_| connection.fate == Fate::Dropped)
    })
}

/// Time between the beginnings of two connections at this rate.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are positive, and the quotient is some seconds"
)]
#[must_use]
pub fn shortest_pause_ns(rate: f64) -> u64 {
    (1e9 / rate) as u64
}

fn patience_ns(handshake_ns: Option<u64>) -> u64 {
    let handshake_ns = handshake_ns.unwrap_or(MOST_PATIENCE_NS);
    (HANDSHAKES_OF_PATIENCE * handshake_ns).clamp(LEAST_PATIENCE_NS, MOST_PATIENCE_NS)
}
