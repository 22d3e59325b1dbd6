//! What an IP packet carries: a protocol number, and octets whose checksum covers the addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{
    Ipv4, Ipv6, Packet,
    field::{fold, sum},
};

/// The addresses of a packet, for the pseudo-header of a checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// Source and destination of an IPv4 packet.
    V4(Ipv4Addr, Ipv4Addr),
    /// Source and destination of an IPv6 packet.
    V6(Ipv6Addr, Ipv6Addr),
}

impl Addresses {
    /// The checksum of `octets` under a pseudo-header (RFC 9293, section 3.1; RFC 8200, section 8.1).
    #[must_use]
    pub fn checksum(&self, protocol: u8, octets: &[u8]) -> u16 {
        let addresses = match self {
            Self::V4(source, destination) => [source.octets(), destination.octets()].concat(),
            Self::V6(source, destination) => [source.octets(), destination.octets()].concat(),
        };
        let sum = sum(&addresses) + u64::from(protocol) + octets.len() as u64 + sum(octets);
        fold(sum)
    }
}

/// Something that an IP packet can carry.
pub trait Payload {
    /// Protocol number, and the octets with their checksum.
    fn encode(&self, addresses: Addresses) -> (u8, Vec<u8>);

    /// Puts it into an IPv4 packet.
    #[must_use]
    fn in_ipv4(&self, source: Ipv4Addr, destination: Ipv4Addr) -> Packet<Ipv4> {
        let (protocol, octets) = self.encode(Addresses::V4(source, destination));
        Packet::new(Ipv4::new(source, destination), protocol, octets)
    }

    /// Puts it into an IPv6 packet.
    #[must_use]
    fn in_ipv6(&self, source: Ipv6Addr, destination: Ipv6Addr) -> Packet<Ipv6> {
        let (protocol, octets) = self.encode(Addresses::V6(source, destination));
        Packet::new(Ipv6::new(source, destination), protocol, octets)
    }
}

/// Octets of any protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    protocol: u8,
    octets: Vec<u8>,
}

/// Octets of any protocol, as they are.
#[must_use]
pub fn raw(protocol: u8, octets: &[u8]) -> Raw {
    Raw {
        protocol,
        octets: octets.to_vec(),
    }
}

impl Payload for Raw {
    fn encode(&self, _: Addresses) -> (u8, Vec<u8>) {
        (self.protocol, self.octets.clone())
    }
}
