//! Plays the connections to one simulated remote host: clients with clocks and patience, a path that loses packets, a
//! server that repeats and closes. What passes the watcher, who stands beside the clients, comes out as events.

#![expect(
    clippy::indexing_slicing,
    reason = "every place is one that the play itself has made"
)]

mod client;
mod server;
mod unknown;
mod wire;

use std::{cmp::Reverse, collections::BinaryHeap, net::Ipv4Addr};

use natdiag::event::Event;
use natdiag_common::wire::{
    tcp::{ACK, CWR, ECE, RST, SYN},
    tcp_options::TcpOptions,
};

use self::{
    client::{Client, Clock},
    wire::options,
};
use super::{
    dice::Dice,
    micros::{as_f64, as_u64},
    mix::{self, SynTrouble},
    trouble::World,
};

/// When a SYN is sent again, in microseconds after the first: Linux up to 6.4 and since
/// (`net.ipv4.tcp_syn_linear_timeouts`).
const SCHEDULES: [&[u64]; 2] = [
    &[1_000_000, 3_000_000, 7_000_000],
    &[
        1_000_000, 2_000_000, 3_000_000, 4_000_000, 5_000_000, 7_000_000,
    ],
];
/// When a SYN-ACK is sent again, in microseconds after the first.
const SERVER_SCHEDULE: [u64; 3] = [1_000_000, 3_000_000, 7_000_000];
/// Octets of every request and every response.
const REQUEST: u32 = 100;
const RESPONSE: u32 = 700;
/// Sequence number of every SYN-ACK.
const SERVER_ISN: u32 = 9_000_000;
/// Age up to which a port counts as just used, in microseconds.
const REST_US: u64 = 50_000_000;

/// The SYN that a server took.
#[derive(Clone, Copy, Debug)]
struct Taken {
    tsval: Option<u32>,
}

#[derive(Clone, Debug)]
struct Connection {
    client: usize,
    port: u16,
    server_port: u16,
    isn: u32,
    base: Option<u32>,
    start_us: u64,
    patience_us: u64,
    hash: u32,
    in_time_wait: bool,
    /// Timestamp of the SYN that the server took.
    taken: Option<Taken>,
    is_complete: bool,
    is_open: bool,
}

impl Connection {
    /// Whether a SYN asks for ECN: those of half of all connections, and none that repeats one.
    /// Kernel: `net/ipv4/tcp_output.c:tcp_ecn_clear_syn` (v4.9).
    const fn asks_for_ecn(&self, attempt: usize) -> bool {
        attempt == 0 && self.hash.is_multiple_of(2)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Send(usize, usize),
    Arrive(usize, usize),
    Repeat(usize, usize),
    SynAck(usize),
    BareAck(usize),
    Ack(usize),
    Close(usize),
    Remember(usize, Option<u32>),
}

/// What the watcher sees of what a server may remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub(crate) enum Sight {
    /// All hosts that share an address with a client, from their first connection on.
    All,
    /// Connections were made before it looked, but enough when nothing that a server remembered then counted any more.
    Settled,
    /// Some of these hosts do not pass it.
    NotAllHosts,
    /// Connections were made before it looked.
    Late,
}

impl Sight {
    /// Whether what the server remembers follows from what the watcher sees.
    pub(crate) const fn is_clear(self) -> bool {
        matches!(self, Self::All | Self::Settled)
    }
}

/// One simulated remote host.
#[derive(Debug)]
pub(crate) struct Play {
    /// Its address.
    pub(crate) remote: Ipv4Addr,
    /// The trouble and its mechanism.
    pub(crate) world: World,
    dice: Dice,
    clients: Vec<Client>,
    connections: Vec<Connection>,
    used_ports: Vec<(usize, u16, u16, u64)>,
    round_trip_us: u64,
    schedule: &'static [u64],
    closes_first: f64,
    /// When the watch begins, in microseconds.
    watched_from_us: u64,
    steps: BinaryHeap<Reverse<(u64, usize, Step)>>,
    steps_made: usize,
    events: Vec<Event>,
}

impl Play {
    /// Draws a remote host with this trouble and the connections to it.
    pub(crate) fn draw(seed: u64, number: u64, trouble: Option<SynTrouble>) -> Self {
        let mut dice = Dice::new(seed, number);
        let vantage = match trouble {
            // A queue kept for known hosts is seen where hosts differ outside.
            Some(SynTrouble::NewHosts) => 1,
            _ => dice.one_of(mix::VANTAGES),
        };
        let clients: Vec<Client> = (0..2 + dice.below(5))
            .map(|number| Client::draw(&mut dice, vantage, number))
            .collect();
        let ports: &[u16] = if dice.happens(0.3) {
            &[443, 80]
        } else {
            &[443]
        };
        let count = dice.scaled(mix::CONNECTIONS);
        let interval = dice.scaled(mix::INTERVAL_S);
        let length_us = as_u64(count * interval * 1e6);
        let world = World::draw(
            &mut dice,
            trouble,
            ports,
            u32::try_from(clients.len()).unwrap_or(1),
            length_us,
        );
        let host = u32::try_from(number % (1 << 23)).unwrap_or_default();
        let closes_first = match dice.one_of(mix::CLOSERS) {
            0 => 1.0,
            1 => 0.0,
            _ => dice.share(),
        };
        let mut play = Self {
            // 20.0.0.0/6 and up: public, a host in each /24.
            remote: Ipv4Addr::from_bits((20 << 24) + (host << 8) + 80),
            world,
            clients,
            connections: Vec::new(),
            used_ports: Vec::new(),
            round_trip_us: as_u64(dice.scaled(mix::ROUND_TRIP_S) * 1e6),
            schedule: SCHEDULES[usize::from(dice.happens(0.5))],
            closes_first,
            watched_from_us: 0,
            steps: BinaryHeap::new(),
            steps_made: 0,
            events: Vec::new(),
            dice,
        };
        let mut time_us = 0;
        for _ in 0..as_u64(count) {
            time_us += as_u64(play.dice.until_next(interval) * 1e6);
            play.open(time_us, ports);
        }
        // By dice of its own: a host is the same whenever it is watched.
        let mut dice = Dice::new(!seed, number);
        if dice.happens(mix::LATE) {
            play.watched_from_us = as_u64(dice.between((0.0, as_f64(time_us))));
        }
        play
    }

    /// What the watcher sees of what concerns the host.
    pub(crate) fn sight(&self) -> Sight {
        if self.watched_from_us > 0 {
            Sight::Late
        } else if self.clients.iter().all(|client| client.is_seen) {
            Sight::All
        } else {
            Sight::NotAllHosts
        }
    }

    /// Plays it to the end and gives the events in the order of their times.
    pub(crate) fn events(mut self) -> (World, Vec<Event>) {
        while let Some(Reverse((now, _, step))) = self.steps.pop() {
            self.perform(now, step);
        }
        self.events.sort_by_key(|event| event.time);
        (self.world, self.events)
    }

    fn open(&mut self, time_us: u64, ports: &[u16]) {
        let number = self.connections.len();
        let client = self
            .dice
            .below(u32::try_from(self.clients.len()).unwrap_or(1)) as usize;
        let base = match self.clients[client].clock {
            Clock::Fixed(base) => Some(base),
            Clock::PerConnection => Some(self.dice.bits()),
            Clock::None => None,
        };
        let server_port = ports[self.dice.below(u32::try_from(ports.len()).unwrap_or(1)) as usize];
        self.connections.push(Connection {
            client,
            port: 10_000 + u16::try_from(number % 50_000).unwrap_or_default(),
            server_port,
            isn: self.dice.bits(),
            base,
            start_us: time_us,
            patience_us: as_u64(self.dice.scaled(mix::PATIENCE_S) * 1e6),
            hash: self.dice.bits(),
            in_time_wait: false,
            taken: None,
            is_complete: false,
            is_open: false,
        });
        self.at(time_us, Step::Send(number, 0));
    }

    fn at(&mut self, time_us: u64, step: Step) {
        self.steps_made += 1;
        self.steps.push(Reverse((time_us, self.steps_made, step)));
    }

    fn perform(&mut self, now: u64, step: Step) {
        let half = self.round_trip_us / 2;
        match step {
            Step::Send(number, attempt) => self.send(now, number, attempt),
            Step::Arrive(number, attempt) => self.arrive(now, number, attempt),
            Step::Repeat(number, place) => {
                if !self.connections[number].is_complete {
                    self.answer(now, number);
                    if let Some(wait) = SERVER_SCHEDULE.get(place + 1) {
                        let step = Step::Repeat(number, place + 1);
                        self.at(now + wait - SERVER_SCHEDULE[place], step);
                    }
                }
            }
            Step::SynAck(number) => {
                let connection = &self.connections[number];
                let ecr = connection.taken.and_then(|taken| taken.tsval);
                let ack = connection.isn.wrapping_add(1);
                let clock = self.world.clock(now, connection.hash);
                let options = options(ecr.map(|_| clock), ecr.unwrap_or(0));
                self.receive(now, number, SYN | ACK, (SERVER_ISN, ack), options);
                let connection = &mut self.connections[number];
                let is_patient = now < connection.start_us + connection.patience_us;
                if !connection.is_open && !is_patient {
                    return;
                }
                connection.is_open = true;
                // The ACK, or the request behind it.
                let loss = self.world.loss * self.world.loss;
                if !self.dice.happens(loss) {
                    self.at(now + half, Step::Ack(number));
                }
            }
            Step::BareAck(number) => {
                self.emit(now, number, RST, (77, 0), TcpOptions::default());
            }
            Step::Ack(number) => {
                if !self.connections[number].is_complete
                    && let Some(waits) = self.world.takes_ack(now)
                {
                    self.connections[number].is_complete = true;
                    let stays = as_u64(self.dice.scaled((0.005, 2.0)) * 1e6);
                    self.at(now + waits + stays, Step::Close(number));
                }
            }
            Step::Close(number) => self.close(now, number),
            Step::Remember(number, tsval) => {
                let connection = &self.connections[number];
                let seen_as = self.clients[connection.client].seen_as;
                self.world.remember(now, tsval, seen_as, connection.hash);
            }
        }
    }

    fn send(&mut self, now: u64, number: usize, attempt: usize) {
        if attempt == 0 && self.world.trouble == Some(SynTrouble::PortReuse) {
            self.reuse_port(now, number);
        }
        let connection = &self.connections[number];
        if connection.is_open {
            return;
        }
        let (isn, tsval) = (connection.isn, tsval(connection, now));
        let mut options = options(tsval, 0);
        options.mss = Some(1460);
        let ecn = if connection.asks_for_ecn(attempt) {
            ECE | CWR
        } else {
            0
        };
        let flags = SYN | ecn | self.mark(number, attempt, &mut options);
        self.emit(now, number, flags, (isn, 0), options);
        let connection = &self.connections[number];
        if let Some(next) = self.schedule.get(attempt)
            && *next < connection.patience_us
        {
            let step = Step::Send(number, attempt + 1);
            let due = connection.start_us + next;
            self.at(due, step);
        }
        if !self.dice.happens(self.world.loss) {
            let half = self.round_trip_us / 2;
            self.at(now + half, Step::Arrive(number, attempt));
        }
    }

    /// A connection takes the port of one that the server has closed, once in three times.
    fn reuse_port(&mut self, now: u64, number: usize) {
        let connection = &self.connections[number];
        let free = self
            .used_ports
            .iter()
            .position(|(client, _, server_port, at)| {
                *client == connection.client
                    && *server_port == connection.server_port
                    && now > *at
                    && now - at < REST_US
            });
        if let Some(place) = free.filter(|_| self.dice.happens(0.33)) {
            let (_, port, _, _) = self.used_ports.swap_remove(place);
            let connection = &mut self.connections[number];
            connection.port = port;
            connection.in_time_wait = true;
        }
    }
}

/// A connection's timestamp at a time: milliseconds since its base.
fn tsval(connection: &Connection, now_us: u64) -> Option<u32> {
    #[expect(clippy::cast_possible_truncation, reason = "clocks wrap")]
    let ms = (now_us / 1000) as u32;
    connection.base.map(|base| base.wrapping_add(ms))
}
