//! What the simulated server and the way to it do to a SYN: the mechanism of each trouble, not its statistics.

pub(super) mod arrival;
pub(super) mod unknown;

use std::collections::{HashMap, VecDeque};

use self::{arrival::Arrival, unknown::Mechanism};
use super::{
    dice::Dice,
    micros::{as_f64, as_u64},
    mix::{self, SynTrouble},
};

/// How long a mark counts, in microseconds. Kernel: `TCP_PAWS_MSL`, include/net/tcp.h (v4.9).
pub(crate) const MARK_US: u64 = 60_000_000;
const SECOND_US: u64 = 1_000_000;
const HALF_MINUTE_US: u64 = 30 * SECOND_US;
/// How long a port of a NAT is taken: by the connection, and 60 s after it.
const PORT_RESTS_US: u64 = 61 * SECOND_US;
/// A NAT has so many ports, or a few times as many.
const PORTS: usize = 8;
/// How near two SYNs must come to want one port of a NAT.
const RACE_US: u64 = 50_000;

/// What becomes of a SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Nothing.
    Silence,
    /// A SYN-ACK.
    SynAck,
    /// An ACK with old numbers.
    BareAck,
}

/// The server and the way to it.
#[derive(Debug)]
pub(crate) struct World {
    /// What is wrong, if anything.
    pub(crate) trouble: Option<SynTrouble>,
    /// In its place, what natdiag has no hypothesis for.
    pub(crate) unknown: Option<Mechanism>,
    /// Loss on the way there.
    pub(crate) loss: f64,
    /// Loss on the way back.
    pub(crate) loss_back: f64,
    /// Servers behind the address.
    pub(crate) backends: u32,
    /// Servers of these that recycle.
    recycling: u32,
    /// Whether SYNs without timestamps are dropped under a mark: 3.17 to 4.11.
    is_young: bool,
    marks: HashMap<(u32, u32), (u32, u64)>,
    /// Times at which nothing passes, or nothing is accepted.
    bad_times: Vec<(u64, u64)>,
    /// When those that wait to be accepted will be, the next first.
    queue: VecDeque<u64>,
    /// How many may wait.
    room: usize,
    /// How long an application takes for each that accepts them at a steady pace; others stand still in bad times.
    pace_us: Option<u64>,
    busy_until_us: u64,
    /// Connections a second, and the burst.
    limit: (f64, f64),
    tokens: f64,
    refilled_us: u64,
    paths: u32,
    clock_offsets: u32,
    /// Whether a server has one clock for all connections.
    has_clock: bool,
    blocked_ports: Vec<u16>,
    blocked_clients: Vec<u32>,
    eats_acks: bool,
    known: Vec<u32>,
}

impl World {
    /// Draws a world with this trouble. `ports` are those of the service, `clients` the hosts; the run takes
    /// `length_us`.
    pub(crate) fn draw(
        dice: &mut Dice,
        trouble: Option<SynTrouble>,
        ports: &[u16],
        clients: u32,
        length_us: u64,
    ) -> Self {
        let (loss, loss_back) = losses(dice, trouble);
        let paths = 2 + dice.below(5);
        let backends = match trouble {
            Some(SynTrouble::RecycleOfSome) => 2 + dice.below(3),
            // A dead path to one server, or a dead server.
            Some(SynTrouble::OneOfSeveral) if dice.happens(0.5) => paths,
            _ => 1,
        };
        let recycling = match trouble {
            Some(SynTrouble::Recycle) => 1,
            Some(SynTrouble::RecycleOfSome) => 1 + dice.below(backends - 1),
            _ => 0,
        };
        let blocked_ports = some_of(dice, ports.iter().copied());
        let blocked_clients = some_of(dice, 0..clients);
        let bad_times = bad_times(dice, length_us);
        let limit = f64::from(1 + dice.below(12));
        let burst = f64::from(1 + dice.below(6));
        Self {
            trouble,
            unknown: None,
            loss,
            loss_back,
            backends,
            recycling,
            is_young: dice.happens(0.5),
            marks: HashMap::new(),
            bad_times,
            queue: VecDeque::new(),
            room: 1 + dice.below(5) as usize,
            pace_us: dice
                .happens(mix::STEADY)
                .then(|| as_u64(dice.scaled(mix::PACE_S) * 1e6)),
            busy_until_us: 0,
            limit: (limit, burst),
            tokens: burst,
            refilled_us: 0,
            paths,
            clock_offsets: dice.bits(),
            has_clock: recycling > 0 || dice.happens(mix::ONE_CLOCK),
            blocked_ports,
            blocked_clients,
            eats_acks: dice.happens(0.2),
            known: Vec::new(),
        }
    }

    /// What the clock of the server shows that answers a connection.
    pub(crate) fn clock(&self, now_us: u64, hash: u32) -> u32 {
        let place = if self.has_clock {
            2 * (hash % self.backends) + 1
        } else {
            hash
        };
        #[expect(clippy::cast_possible_truncation, reason = "clocks wrap")]
        let ms = (now_us / 1000) as u32;
        ms.wrapping_add(self.clock_offsets.wrapping_mul(place))
    }

    /// Whether nothing passes, or nothing is accepted, at a time.
    fn is_bad_time(&self, now_us: u64) -> bool {
        self.bad_times
            .iter()
            .any(|(from, to)| (*from..*to).contains(&now_us))
    }

    /// What becomes of a SYN that was not lost.
    pub(crate) fn reply(&mut self, arrival: Arrival) -> Reply {
        if let Some(unknown) = &mut self.unknown
            && unknown.drops(arrival)
        {
            return Reply::Silence;
        }
        let Some(trouble) = self.trouble else {
            return Reply::SynAck;
        };
        let now = arrival.time_us;
        let is_dropped = match trouble {
            SynTrouble::Loss | SynTrouble::ReturnLoss => false,
            SynTrouble::Outage => self.is_bad_time(now),
            SynTrouble::Filter => self.blocked_ports.contains(&arrival.port),
            SynTrouble::FilterOfClients => self.blocked_clients.contains(&arrival.client),
            SynTrouble::Backlog => self.is_full(now),
            SynTrouble::NewHosts => {
                let is_known = self.known.contains(&arrival.seen_as);
                let is_let_in = is_known || arrival.hash.is_multiple_of(7);
                if is_let_in && !is_known {
                    self.known.push(arrival.seen_as);
                }
                !is_let_in
            }
            SynTrouble::RateLimit => !self.take_token(now),
            SynTrouble::OneOfSeveral => arrival.hash.is_multiple_of(self.paths),
            SynTrouble::PortReuse => {
                if arrival.in_time_wait && !self.eats_acks && arrival.attempt == 0 {
                    return Reply::BareAck;
                }
                arrival.in_time_wait && self.eats_acks
            }
            SynTrouble::Recycle | SynTrouble::RecycleOfSome => self.is_recycled(arrival),
            SynTrouble::TimestampsFiltered => arrival.tsval.is_some(),
            SynTrouble::TimestampsDemanded => arrival.tsval.is_none(),
            SynTrouble::Unreachable => true,
            SynTrouble::Authentication => self.asks_again(arrival),
            SynTrouble::OptionDropped => arrival.asks_for_ecn,
            SynTrouble::PortLimit => !self.takes_port(now),
            SynTrouble::PortRace => self.loses_race(arrival),
            SynTrouble::Unknown => self.is_unlucky(arrival),
        };
        if is_dropped {
            Reply::Silence
        } else {
            Reply::SynAck
        }
    }

    /// How long a connection then waits to be accepted, in microseconds, if the server takes the ACK of its SYN-ACK.
    pub(crate) fn takes_ack(&mut self, now_us: u64) -> Option<u64> {
        if self.trouble != Some(SynTrouble::Backlog) {
            return Some(0);
        }
        if self.is_full(now_us) {
            return None;
        }
        let stands_still_until = self
            .bad_times
            .iter()
            .filter(|(from, to)| (*from..*to).contains(&now_us))
            .map(|(_, to)| *to)
            .max();
        let accepted = match self.pace_us {
            Some(pace) => {
                let free = self.busy_until_us.max(now_us);
                self.busy_until_us = free + pace;
                free
            }
            None => stands_still_until.unwrap_or(now_us),
        };
        if accepted > now_us {
            self.queue.push_back(accepted);
        }
        Some(accepted - now_us)
    }

    /// A connection that the server closed first: what it remembers of the client.
    pub(crate) fn remember(&mut self, now_us: u64, tsval: Option<u32>, seen_as: u32, hash: u32) {
        let Some(tsval) = tsval else { return };
        let mark = self
            .marks
            .entry((hash % self.backends, seen_as))
            .or_insert((tsval, now_us));
        let is_older = mark.0.wrapping_sub(tsval).cast_signed() > 0;
        if !is_older || now_us.saturating_sub(mark.1) >= MARK_US {
            *mark = (tsval, now_us);
        }
    }

    /// The rule of tcp_tw_recycle. Source: `net/ipv4/tcp_metrics.c:tcp_peer_is_proven` (v4.9).
    fn is_recycled(&self, arrival: Arrival) -> bool {
        let backend = arrival.hash % self.backends;
        if backend >= self.recycling {
            return false;
        }
        let mark = self.marks.get(&(backend, arrival.seen_as));
        let Some((mark, since)) = mark.copied() else {
            return false;
        };
        if arrival.time_us.saturating_sub(since) >= MARK_US {
            return false;
        }
        match arrival.tsval {
            Some(tsval) => mark.wrapping_sub(tsval).cast_signed() > 1,
            None => self.is_young,
        }
    }

    /// Whether a first SYN must be sent again: of each connection, or of each client that has not done so yet.
    fn asks_again(&mut self, arrival: Arrival) -> bool {
        let is_known = self.eats_acks && self.known.contains(&arrival.client);
        let is_asked = arrival.attempt == 0 && !is_known;
        if !is_asked && !is_known {
            self.known.push(arrival.client);
        }
        is_asked
    }

    /// Takes a port of the NAT for a connection, if one is free; it rests for a while after that.
    fn takes_port(&mut self, now_us: u64) -> bool {
        while self.queue.pop_front_if(|at| *at <= now_us).is_some() {}
        let has_port = self.queue.len() < PORTS * self.room;
        if has_port {
            self.queue.push_back(now_us + PORT_RESTS_US);
        }
        has_port
    }

    /// Whether the SYN before came so shortly ago that both want one port, and this one is dropped.
    fn loses_race(&mut self, arrival: Arrival) -> bool {
        let passed = arrival.time_us.saturating_sub(self.busy_until_us);
        self.busy_until_us = arrival.time_us;
        passed < RACE_US && arrival.hash.is_multiple_of(3)
    }

    /// What natdiag has no rule for: first SYNs from odd ports, or of some clients; half of all in every other half
    /// minute.
    fn is_unlucky(&self, arrival: Arrival) -> bool {
        match self.paths % 3 {
            0 => arrival.port_is_odd && arrival.attempt == 0,
            1 => self.blocked_clients.contains(&arrival.client) && arrival.attempt == 0,
            _ => {
                let is_bad_time = (arrival.time_us / HALF_MINUTE_US).is_multiple_of(2);
                is_bad_time && arrival.hash.is_multiple_of(2)
            }
        }
    }

    /// Whether as many connections wait to be accepted as may.
    fn is_full(&mut self, now_us: u64) -> bool {
        while self.queue.pop_front_if(|at| *at <= now_us).is_some() {}
        self.queue.len() >= self.room
    }

    fn take_token(&mut self, now_us: u64) -> bool {
        let (per_second, burst) = self.limit;
        let passed = as_f64(now_us - self.refilled_us) / as_f64(SECOND_US);
        self.refilled_us = now_us;
        self.tokens = (self.tokens + passed * per_second).min(burst);
        let has_one = self.tokens >= 1.0;
        if has_one {
            self.tokens -= 1.0;
        }
        has_one
    }
}

/// Shares of packets that are lost on the way there and on the way back: by the trouble itself, or beside it.
fn losses(dice: &mut Dice, trouble: Option<SynTrouble>) -> (f64, f64) {
    let beside = if dice.happens(mix::BESIDE.0) {
        dice.between((0.0, mix::BESIDE.1))
    } else {
        0.0
    };
    let heavy = dice.between((0.005, mix::MOST_LOSS));
    let both_ways = dice.happens(0.3);
    match trouble {
        Some(SynTrouble::Loss) => (heavy, if both_ways { heavy } else { 0.0 }),
        Some(SynTrouble::ReturnLoss) => (0.0, heavy),
        None => (0.0, 0.0),
        _ => (beside, 0.0),
    }
}

/// About half of them, and at least the first.
fn some_of<T>(dice: &mut Dice, all: impl Iterator<Item = T> + Clone) -> Vec<T> {
    let mut some: Vec<T> = all.clone().filter(|_| dice.happens(0.5)).collect();
    if some.is_empty() {
        some.extend(all.take(1));
    }
    some
}

/// One to three stretches of up to six seconds, which may overlap: beginning and end of each.
fn bad_times(dice: &mut Dice, length_us: u64) -> Vec<(u64, u64)> {
    let stretches = 1 + dice.below(3);
    (0..stretches)
        .map(|_| {
            let from = dice.between((0.0, as_f64(length_us)));
            let length = dice.between((1.0, 6.0)) * as_f64(SECOND_US);
            (as_u64(from), as_u64(from + length))
        })
        .collect()
}
