//! Hosts that hold generated conversations: addresses, hops, clocks and identifications, as stacks differ.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use natdiag_common::testkit::Random;

/// How a stack makes timestamps.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Clock {
    /// One clock for all connections.
    Fixed(u32),
    /// An offset for each connection (Linux since 4.10).
    PerConnection,
    /// It sends none (Windows by default).
    None,
}

/// How a stack identifies IPv4 packets.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Identification {
    /// Always 0, which packets that are never fragmented may have.
    Zero,
    /// It counts for each connection, and is 0 on a SYN-ACK (Linux).
    PerConnection,
    /// It is random.
    Random,
}

/// One end of conversations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host {
    pub(crate) address: IpAddr,
    /// As it arrives at the watcher.
    pub(crate) ttl: u8,
    pub(crate) clock: Clock,
    pub(crate) identification: Identification,
    pub(crate) window_scale: Option<u8>,
    pub(crate) has_sack: bool,
    /// Largest segment that it takes.
    pub(crate) mss: u16,
}

impl Host {
    /// Draws a host with this address.
    pub(crate) fn draw(random: &mut Random, address: IpAddr) -> Self {
        let initial_ttl = pick(random, &[64, 64, 64, 128, 255]);
        let hops = u8::try_from(random.below(24)).unwrap();
        let most = if address.is_ipv6() { 1440 } else { 1460 };
        Self {
            address,
            ttl: initial_ttl - hops,
            clock: match random.below(10) {
                0..4 => Clock::Fixed(random.u32()),
                4..8 => Clock::PerConnection,
                _ => Clock::None,
            },
            identification: match random.below(4) {
                0 => Identification::Zero,
                1 => Identification::Random,
                _ => Identification::PerConnection,
            },
            window_scale: (!random.once_in(8)).then(|| pick(random, &[2, 7, 8])),
            has_sack: !random.once_in(8),
            mss: pick(random, &[most, most, most, most - 8, 1360, 1220]),
        }
    }
}

/// A remote host, those that talk to it through one NAT, and the way between.
pub(crate) struct Neighbourhood {
    pub(crate) server: Host,
    pub(crate) clients: Vec<Host>,
    pub(crate) server_port: u16,
    /// From the clients to the watcher and back.
    pub(crate) near: Duration,
    /// From the watcher to the server and back.
    pub(crate) far: Duration,
    /// How long the server keeps a connection unaccepted that brings no request (`TCP_DEFER_ACCEPT`).
    pub(crate) defers_accept: Option<Duration>,
    /// Whether a host under watch merges segments before they are captured (GRO).
    pub(crate) merges_segments: bool,
    /// Whether clients ask for ECN.
    pub(crate) asks_for_ecn: bool,
}

impl Neighbourhood {
    /// Draws the neighbourhood of this number.
    pub(crate) fn draw(random: &mut Random, number: u16) -> Self {
        let is_ipv6 = random.once_in(4);
        let [high, low] = number.to_be_bytes();
        let server_address: IpAddr = if is_ipv6 {
            Ipv6Addr::new(0x2600, 0x1f18, number, 0, 0, 0, 0, 0x80).into()
        } else {
            Ipv4Addr::new(52, high, low, 80).into()
        };
        // Behind the NAT, or at its outside where all have one address.
        let is_inside = random.once_in(2);
        let count = if is_inside { 1 + random.below(4) } else { 1 };
        let clients = (0..u8::try_from(count).unwrap())
            .map(|client| {
                let address: IpAddr = match (is_ipv6, is_inside) {
                    (true, _) => {
                        Ipv6Addr::new(0x2a02, 0x810, number, 0, 0, 0, 0, client.into()).into()
                    }
                    (false, true) => Ipv4Addr::new(10, high, low, 10 + client).into(),
                    (false, false) => Ipv4Addr::new(91, high, low, 7).into(),
                };
                Host::draw(random, address)
            })
            .collect();
        Self {
            server: Host::draw(random, server_address),
            clients,
            server_port: pick(random, &[443, 443, 80, 8080, 5432]),
            near: us(pick(random, &[40, 300, 2_000])),
            far: us(pick(random, &[150, 900, 8_000, 30_000, 180_000])),
            defers_accept: random
                .once_in(4)
                .then(|| Duration::from_secs(pick(random, &[1, 3]))),
            merges_segments: random.once_in(4),
            asks_for_ecn: random.once_in(8),
        }
    }
}

/// One of several.
pub(crate) fn pick<T: Copy>(random: &mut Random, choices: &[T]) -> T {
    choices[random.below(choices.len())]
}

/// Microseconds.
pub(crate) const fn us(number: u64) -> Duration {
    Duration::from_micros(number)
}
