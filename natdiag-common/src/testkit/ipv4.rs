//! IPv4 headers.

use std::net::Ipv4Addr;

use super::{
    Packet,
    field::{checksum, len_u16},
    packet::IpHeader,
};
use crate::wire::{ethernet::TYPE_IPV4, ipv4::MIN_HEADER_LEN};

/// An IPv4 header to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv4 {
    source: Ipv4Addr,
    destination: Ipv4Addr,
    ttl: u8,
    identification: u16,
    dont_fragment: bool,
    more_fragments: bool,
    fragment_offset_octets: u16,
    options: Vec<u8>,
    version: u8,
    ihl: Option<u8>,
    total_len: Option<u16>,
}

impl Ipv4 {
    pub(super) fn new(source: Ipv4Addr, destination: Ipv4Addr) -> Self {
        Self {
            source,
            destination,
            ttl: 64,
            identification: 0x1234,
            dont_fragment: false,
            more_fragments: false,
            fragment_offset_octets: 0,
            options: Vec::new(),
            version: 4,
            ihl: None,
            total_len: None,
        }
    }
}

impl Packet<Ipv4> {
    /// Sets the time to live.
    #[must_use]
    pub fn ttl(mut self, ttl: u8) -> Self {
        self.ip.ttl = ttl;
        self
    }

    /// Sets the identification.
    #[must_use]
    pub fn identification(mut self, identification: u16) -> Self {
        self.ip.identification = identification;
        self
    }

    /// Sets Don't Fragment.
    #[must_use]
    pub fn dont_fragment(mut self) -> Self {
        self.ip.dont_fragment = true;
        self
    }

    /// Sets the options; zeros fill the last word.
    #[must_use]
    pub fn options(mut self, octets: &[u8]) -> Self {
        self.ip.options = octets.to_vec();
        self
    }

    /// Sets the version field to a value that need not be right.
    #[must_use]
    pub fn version(mut self, version: u8) -> Self {
        self.ip.version = version;
        self
    }

    /// Sets the header length field to a number of words that need not be right.
    #[must_use]
    pub fn ihl(mut self, words: u8) -> Self {
        self.ip.ihl = Some(words);
        self
    }

    /// Sets the total length field to a value that need not be right.
    #[must_use]
    pub fn total_len(mut self, octets: u16) -> Self {
        self.ip.total_len = Some(octets);
        self
    }
}

impl IpHeader for Ipv4 {
    const ETHER_TYPE: u16 = TYPE_IPV4;

    fn set_fragment(&mut self, offset_octets: u16, more: bool) {
        self.fragment_offset_octets = offset_octets;
        self.more_fragments = more;
    }

    fn fragment_header_len(&self) -> usize {
        MIN_HEADER_LEN + self.options.len().next_multiple_of(4)
    }

    fn encode(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let header_len = self.fragment_header_len();
        let words = u8::try_from(header_len / 4).unwrap_or(u8::MAX).min(15);
        let total_len = len_u16(header_len + payload.len());
        let fragment = u16::from(self.dont_fragment) << 14
            | u16::from(self.more_fragments) << 13
            | self.fragment_offset_octets >> 3;
        let header = |checksum: u16| {
            let mut octets = vec![self.version << 4 | self.ihl.unwrap_or(words) & 15, 0];
            octets.extend(self.total_len.unwrap_or(total_len).to_be_bytes());
            octets.extend(self.identification.to_be_bytes());
            octets.extend(fragment.to_be_bytes());
            octets.extend([self.ttl, protocol]);
            octets.extend(checksum.to_be_bytes());
            octets.extend(self.source.octets());
            octets.extend(self.destination.octets());
            octets.extend(&self.options);
            octets.resize(header_len, 0);
            octets
        };
        let mut octets = header(checksum(&header(0)));
        octets.extend(payload);
        octets
    }
}
