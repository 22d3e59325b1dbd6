//! Tells which way a packet of a capture went, where the capture may not say so.
//!
//! In this order: the networks given as local; what the capture says; who opened the connection that the packet
//! belongs to (the end that sends the SYN is local); who last opened one between the two addresses, or else first sent
//! an echo request; an address that only opens connections is local against one that does not; a private address is
//! local against a public one. Where all of that is silent the destination is local, since what arrives is what counts,
//! and an `ICMP` error is about a packet that the local side sent. Only the past of the file counts: a fragment that
//! comes before the first SYN between its addresses is judged by the last three rules.

use std::net::IpAddr;

use natdiag_common::{
    Address, Direction, FrameBytes,
    packet::{PacketMeta, Transport},
    wire::{
        icmp, ipv4, ipv6,
        tcp::{self, ACK, RST, SYN},
    },
};

use crate::{analysis::scope::is_private, recent::Recent, value::network::Network};

/// Connections, address pairs and addresses remembered in use, each. 48 octets an entry and at most two generations
/// of three maps make 20 MB.
const REMEMBERED: usize = 65_536;

/// Which way a packet went, and whether that is more than an assumption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Judgement {
    /// Which way.
    pub(super) direction: Direction,
    /// Whether it was said or follows from what the capture shows.
    pub(super) is_founded: bool,
}

/// What is known about who is local.
pub(super) struct DirectionFinder {
    local: Vec<Network>,
    connections: Recent<Ends, bool>,
    pairs: Recent<Ends, bool>,
    roles: Recent<Address, Roles>,
    /// The connection that was looked up last and whether its low end opened it: bulk data comes in a row.
    newest: Option<(Ends, bool)>,
}

/// The two ends of a connection in the order of their addresses, or those of a pair of hosts with ports 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Ends {
    low: (Address, u16),
    high: (Address, u16),
}

/// What a host has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Roles {
    has_opened: bool,
    was_opened_to: bool,
}

/// One packet's ends, as it goes.
#[derive(Clone, Copy, Debug)]
struct Way {
    source: Address,
    destination: Address,
    /// Source and destination port of a TCP segment.
    ports: Option<(u16, u16)>,
}

impl DirectionFinder {
    /// A finder that takes these networks for the local side.
    pub(super) fn new(local: Vec<Network>) -> Self {
        Self {
            local,
            connections: Recent::new(REMEMBERED),
            pairs: Recent::new(REMEMBERED),
            roles: Recent::new(REMEMBERED),
            newest: None,
        }
    }

    /// Judges one packet, and learns from it. `said` is what the capture says.
    pub(super) fn judge<F: FrameBytes + ?Sized>(
        &mut self,
        frame: &F,
        packet: &PacketMeta,
        said: Option<Direction>,
    ) -> Judgement {
        let way = Way::of(frame, packet);
        self.learn(frame, packet, &way);
        if let Some(direction) = self.by_network(&way).or(said) {
            return Judgement {
                direction,
                is_founded: true,
            };
        }
        if let Some(quoted) = quoted_way(frame, packet) {
            // Who sent the packet that is complained about gets the complaint.
            let sender_is_local = self.source_is_local(&quoted);
            return judgement(
                sender_is_local.map(|is_local| !is_local),
                Direction::Ingress,
            );
        }
        judgement(self.source_is_local(&way), Direction::Ingress)
    }

    fn by_network(&self, way: &Way) -> Option<Direction> {
        let is_local = |address: Address| {
            let address = IpAddr::from(address);
            self.local.iter().any(|network| network.contains(address))
        };
        if self.local.is_empty() {
            return None;
        }
        match (is_local(way.source), is_local(way.destination)) {
            (true, false) => Some(Direction::Egress),
            (false, true) => Some(Direction::Ingress),
            _ => None,
        }
    }

    /// Remembers who opens what.
    fn learn<F: FrameBytes + ?Sized>(&mut self, frame: &F, packet: &PacketMeta, way: &Way) {
        if let Transport::Tcp { flags } = packet.transport
            && flags & (SYN | RST) == SYN
        {
            self.learn_connection(way, flags & ACK == 0);
        } else if packet.transport == Transport::Other
            && let Some(is_request) = echo(frame, packet)
        {
            let (pair, source_is_low) = way.pair();
            // A server that is asked whether it lives is a server still.
            if self.pairs.get(pair).is_none() {
                self.pairs.insert(pair, source_is_low == is_request);
            }
        }
    }

    fn learn_connection(&mut self, way: &Way, source_opens: bool) {
        self.newest = None;
        let (connection, source_is_low) = way.connection();
        if !source_opens && self.connections.get(connection).is_some() {
            // The SYN said it already; this is its answer.
            return;
        }
        let low_opens = source_is_low == source_opens;
        self.connections.insert(connection, low_opens);
        self.pairs.insert(way.pair().0, low_opens);
        let (opener, other) = if source_opens {
            (way.source, way.destination)
        } else {
            (way.destination, way.source)
        };
        let roles = self.roles.get(opener).unwrap_or_default();
        if !roles.has_opened {
            let has_opened = true;
            self.roles.insert(
                opener,
                Roles {
                    has_opened,
                    ..roles
                },
            );
        }
        let roles = self.roles.get(other).unwrap_or_default();
        if !roles.was_opened_to {
            let was_opened_to = true;
            self.roles.insert(
                other,
                Roles {
                    was_opened_to,
                    ..roles
                },
            );
        }
    }

    /// Whether the source is the local side, where the past of the capture or the addresses tell.
    fn source_is_local(&mut self, way: &Way) -> Option<bool> {
        let (connection, source_is_low) = way.connection();
        if way.ports.is_some()
            && let Some(low_opened) = self.low_opened(connection)
        {
            return Some(low_opened == source_is_low);
        }
        let (pair, source_is_low) = way.pair();
        if let Some(low_opened) = self.pairs.get(pair) {
            return Some(low_opened == source_is_low);
        }
        let source_opens = self.only_opens(way.source);
        if source_opens != self.only_opens(way.destination) {
            return Some(source_opens);
        }
        let source_is_private = is_private(way.source.into());
        (source_is_private != is_private(way.destination.into())).then_some(source_is_private)
    }

    /// Whether the low end of a connection opened it, if its beginning is in the capture.
    fn low_opened(&mut self, connection: Ends) -> Option<bool> {
        match self.newest {
            Some((newest, low_opened)) if newest == connection => Some(low_opened),
            _ => {
                let low_opened = self.connections.get(connection)?;
                self.newest = Some((connection, low_opened));
                Some(low_opened)
            }
        }
    }

    fn only_opens(&mut self, address: Address) -> bool {
        self.roles
            .get(address)
            .is_some_and(|roles| roles.has_opened && !roles.was_opened_to)
    }
}

impl Way {
    fn of<F: FrameBytes + ?Sized>(frame: &F, packet: &PacketMeta) -> Self {
        Self {
            source: packet.source(frame).unwrap_or_default(),
            destination: packet.destination(frame).unwrap_or_default(),
            ports: match packet.transport {
                Transport::Tcp { .. } => ports(frame, packet.payload_offset),
                Transport::Udp
                | Transport::PacketTooBig
                | Transport::IcmpError
                | Transport::Other
                | Transport::Absent => None,
            },
        }
    }

    /// The connection, and whether the source is its low end.
    fn connection(&self) -> (Ends, bool) {
        let (source_port, destination_port) = self.ports.unwrap_or_default();
        Ends::of(
            (self.source, source_port),
            (self.destination, destination_port),
        )
    }

    /// The pair of hosts, and whether the source is its low end.
    fn pair(&self) -> (Ends, bool) {
        Ends::of((self.source, 0), (self.destination, 0))
    }
}

impl Ends {
    fn of(source: (Address, u16), destination: (Address, u16)) -> (Self, bool) {
        let source_is_low = source <= destination;
        let (low, high) = if source_is_low {
            (source, destination)
        } else {
            (destination, source)
        };
        (Self { low, high }, source_is_low)
    }
}

fn judgement(source_is_local: Option<bool>, otherwise: Direction) -> Judgement {
    Judgement {
        direction: match source_is_local {
            Some(true) => Direction::Egress,
            Some(false) => Direction::Ingress,
            None => otherwise,
        },
        is_founded: source_is_local.is_some(),
    }
}

/// Source and destination port of the TCP header at `offset`.
fn ports<F: FrameBytes + ?Sized>(frame: &F, offset: usize) -> Option<(u16, u16)> {
    let [a, b, c, d] = frame.octets(offset)?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// Whether an `ICMP` message is an echo request or an echo reply (RFC 792, RFC 4443).
fn echo<F: FrameBytes + ?Sized>(frame: &F, packet: &PacketMeta) -> Option<bool> {
    let [icmp_type, _] = frame.octets(packet.payload_offset)?;
    match (packet.protocol, icmp_type) {
        (icmp::PROTOCOL_V4, 8) | (icmp::PROTOCOL_V6, 128) => Some(true),
        (icmp::PROTOCOL_V4, 0) | (icmp::PROTOCOL_V6, 129) => Some(false),
        _ => None,
    }
}

/// The ends of the packet that an `ICMP` error quotes.
fn quoted_way<F: FrameBytes + ?Sized>(frame: &F, packet: &PacketMeta) -> Option<Way> {
    if !packet.transport.is_icmp_error() {
        return None;
    }
    let quoted = packet.payload_offset + icmp::HEADER_LEN;
    let destination = packet.quoted_destination(frame)?;
    let (source, payload) = if packet.version == 4 {
        let header = ipv4::parse(frame, quoted).ok()?;
        let source = frame.octets(quoted + ipv4::SOURCE_OFFSET)?;
        let has_ports = header.protocol == tcp::PROTOCOL && header.fragment_offset_octets == 0;
        let payload = quoted + header.header_len_octets as usize;
        (Address::from_ipv4(source), has_ports.then_some(payload))
    } else {
        let header = ipv6::parse(frame, quoted).ok()?;
        let source = frame.octets(quoted + ipv6::SOURCE_OFFSET)?;
        let has_ports = header.next_header == tcp::PROTOCOL;
        let payload = quoted + ipv6::HEADER_LEN;
        (Address::from_octets(source), has_ports.then_some(payload))
    };
    Some(Way {
        source,
        destination,
        ports: payload.and_then(|offset| ports(frame, offset)),
    })
}

#[cfg(test)]
mod tests;
