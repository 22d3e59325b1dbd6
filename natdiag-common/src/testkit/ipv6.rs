//! IPv6 headers with their chain of extension headers.

use std::net::Ipv6Addr;

use super::{Packet, field::len_u16, packet::IpHeader};
use crate::wire::{
    ethernet::TYPE_IPV6,
    ipv6::{FRAGMENT, FRAGMENT_HEADER_LEN, HEADER_LEN},
};

/// An IPv6 header to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv6 {
    source: Ipv6Addr,
    destination: Ipv6Addr,
    hop_limit: u8,
    identification: u32,
    version: u8,
    payload_len: Option<u16>,
    extensions: Vec<Extension>,
}

/// An extension header: its number, and its octets behind Next Header.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Extension {
    Fragment { offset_octets: u16, more: bool },
    Other { number: u8, rest: Vec<u8> },
}

impl Ipv6 {
    pub(super) fn new(source: Ipv6Addr, destination: Ipv6Addr) -> Self {
        Self {
            source,
            destination,
            hop_limit: 64,
            identification: 0x1234_5678,
            version: 6,
            payload_len: None,
            extensions: Vec::new(),
        }
    }
}

impl Packet<Ipv6> {
    /// Sets the hop limit.
    #[must_use]
    pub fn hop_limit(mut self, hop_limit: u8) -> Self {
        self.ip.hop_limit = hop_limit;
        self
    }

    /// Sets the identification of Fragment headers.
    #[must_use]
    pub fn identification(mut self, identification: u32) -> Self {
        self.ip.identification = identification;
        self
    }

    /// Sets the version field to a value that need not be right.
    #[must_use]
    pub fn version(mut self, version: u8) -> Self {
        self.ip.version = version;
        self
    }

    /// Sets the payload length field to a value that need not be right.
    #[must_use]
    pub fn payload_len(mut self, octets: u16) -> Self {
        self.ip.payload_len = Some(octets);
        self
    }

    /// Puts a Fragment header on the whole packet (RFC 6946).
    #[must_use]
    pub fn atomic_fragment(self) -> Self {
        self.fragment(0, false)
    }

    /// Adds Hop-by-Hop Options of eight octets, all padding.
    #[must_use]
    pub fn hop_by_hop(self) -> Self {
        self.extension(0, 0, 8)
    }

    /// Adds a Routing header of an unknown type with no segments left, eight octets.
    #[must_use]
    pub fn routing(self) -> Self {
        self.extension(43, 0, 8)
    }

    /// Adds Destination Options of eight octets, all padding.
    #[must_use]
    pub fn destination_options(self) -> Self {
        self.extension(60, 0, 8)
    }

    /// Adds a Mobility header of eight octets.
    #[must_use]
    pub fn mobility(self) -> Self {
        self.extension(135, 0, 8)
    }

    /// Adds an Authentication Header of 24 octets (RFC 4302).
    #[must_use]
    pub fn authentication(self) -> Self {
        self.extension(51, 4, 24)
    }

    /// Adds any extension header: its number, its length field, and how many octets it really has (two at least).
    /// Behind the length field stand zeros, which are padding.
    #[must_use]
    pub fn extension(mut self, number: u8, len_field: u8, octets: usize) -> Self {
        let mut rest = vec![len_field];
        rest.resize(octets.saturating_sub(1).max(1), 0);
        self.ip.extensions.push(Extension::Other { number, rest });
        self
    }
}

impl Extension {
    fn number(&self) -> u8 {
        match self {
            Self::Fragment { .. } => FRAGMENT,
            Self::Other { number, .. } => *number,
        }
    }

    fn rest(&self, identification: u32) -> Vec<u8> {
        match self {
            Self::Other { rest, .. } => rest.clone(),
            Self::Fragment {
                offset_octets,
                more,
            } => {
                let [high, low] = (offset_octets & !7 | u16::from(*more)).to_be_bytes();
                let [a, b, c, d] = identification.to_be_bytes();
                vec![0, high, low, a, b, c, d]
            }
        }
    }
}

impl IpHeader for Ipv6 {
    const ETHER_TYPE: u16 = TYPE_IPV6;

    fn set_fragment(&mut self, offset_octets: u16, more: bool) {
        let fragment = Extension::Fragment {
            offset_octets,
            more,
        };
        let is_fragment = |extension: &&mut Extension| extension.number() == FRAGMENT;
        match self.extensions.iter_mut().find(is_fragment) {
            Some(there) => *there = fragment,
            None => self.extensions.push(fragment),
        }
    }

    fn fragment_header_len(&self) -> usize {
        let extensions = self.extensions.iter();
        let others = extensions.filter(|extension| extension.number() != FRAGMENT);
        let others: usize = others.map(|extension| extension.rest(0).len() + 1).sum();
        HEADER_LEN + others + FRAGMENT_HEADER_LEN
    }

    fn encode(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let numbers = self.extensions.iter().map(Extension::number);
        let mut numbers = numbers.chain([protocol]);
        let first = numbers.next().unwrap_or(protocol);
        let mut rest = Vec::new();
        for (extension, next_header) in self.extensions.iter().zip(numbers) {
            rest.push(next_header);
            rest.extend(extension.rest(self.identification));
        }
        rest.extend(payload);
        let payload_len = self.payload_len.unwrap_or_else(|| len_u16(rest.len()));
        let mut octets = vec![self.version << 4, 0, 0, 0];
        octets.extend(payload_len.to_be_bytes());
        octets.extend([first, self.hop_limit]);
        octets.extend(self.source.octets());
        octets.extend(self.destination.octets());
        octets.extend(rest);
        octets
    }
}
