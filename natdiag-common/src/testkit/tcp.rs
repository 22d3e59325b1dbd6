//! TCP segments.

use super::{Addresses, Payload};
use crate::wire::tcp::{ACK, FIN, MIN_HEADER_LEN, PROTOCOL, RST, SYN};

/// A TCP segment to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    source_port: u16,
    destination_port: u16,
    seq: u32,
    ack: u32,
    flags: u8,
    window: u16,
    options: Vec<u8>,
    data: Vec<u8>,
    data_offset_words: Option<u8>,
}

/// A segment without flags, options and data, from port 40000 to port 443.
#[must_use]
pub fn tcp() -> Segment {
    Segment {
        source_port: 40000,
        destination_port: 443,
        seq: 1000,
        ack: 0,
        flags: 0,
        window: 64240,
        options: Vec::new(),
        data: Vec::new(),
        data_offset_words: None,
    }
}

impl Segment {
    /// Sets both ports.
    #[must_use]
    pub fn ports(mut self, source: u16, destination: u16) -> Self {
        self.source_port = source;
        self.destination_port = destination;
        self
    }

    /// Sets the sequence number.
    #[must_use]
    pub fn seq(mut self, seq: u32) -> Self {
        self.seq = seq;
        self
    }

    /// Sets the acknowledgment number and ACK.
    #[must_use]
    pub fn ack(mut self, ack: u32) -> Self {
        self.ack = ack;
        self.with(ACK)
    }

    /// Sets SYN.
    #[must_use]
    pub fn syn(self) -> Self {
        self.with(SYN)
    }

    /// Sets FIN.
    #[must_use]
    pub fn fin(self) -> Self {
        self.with(FIN)
    }

    /// Sets RST.
    #[must_use]
    pub fn rst(self) -> Self {
        self.with(RST)
    }

    /// Sets all eight flags at once.
    #[must_use]
    pub fn flags(mut self, flags: u8) -> Self {
        self.flags = flags;
        self
    }

    /// Sets the window.
    #[must_use]
    pub fn window(mut self, window: u16) -> Self {
        self.window = window;
        self
    }

    /// Adds a maximum segment size (RFC 9293, section 3.7.1).
    #[must_use]
    pub fn mss(self, octets: u16) -> Self {
        self.option(2, &octets.to_be_bytes())
    }

    /// Adds a window scale (RFC 7323, section 2).
    #[must_use]
    pub fn window_scale(self, shift: u8) -> Self {
        self.option(3, &[shift])
    }

    /// Adds SACK permitted (RFC 2018).
    #[must_use]
    pub fn sack_permitted(self) -> Self {
        self.option(4, &[])
    }

    /// Adds timestamps (RFC 7323, section 3).
    #[must_use]
    pub fn timestamps(self, tsval: u32, tsecr: u32) -> Self {
        self.option(8, &[tsval.to_be_bytes(), tsecr.to_be_bytes()].concat())
    }

    /// Adds an option with its right length.
    #[must_use]
    pub fn option(self, kind: u8, value: &[u8]) -> Self {
        let len = u8::try_from(value.len() + 2).unwrap_or(u8::MAX);
        self.raw_options(&[&[kind, len], value].concat())
    }

    /// Adds octets to the options as they are.
    #[must_use]
    pub fn raw_options(mut self, octets: &[u8]) -> Self {
        self.options.extend(octets);
        self
    }

    /// Sets the data offset field to a number of words that need not be right.
    #[must_use]
    pub fn data_offset_words(mut self, words: u8) -> Self {
        self.data_offset_words = Some(words);
        self
    }

    /// Sets the data to this many octets that count upwards.
    #[must_use]
    pub fn data_len(self, octets: usize) -> Self {
        let data: Vec<u8> = (0..=u8::MAX).cycle().take(octets).collect();
        self.data(&data)
    }

    /// Sets the data.
    #[must_use]
    pub fn data(mut self, octets: &[u8]) -> Self {
        self.data = octets.to_vec();
        self
    }

    fn with(mut self, flags: u8) -> Self {
        self.flags |= flags;
        self
    }

    /// The segment with this checksum.
    fn octets(&self, checksum: u16) -> Vec<u8> {
        let mut options = self.options.clone();
        options.resize(options.len().next_multiple_of(4), 0);
        let words = (MIN_HEADER_LEN + options.len()) / 4;
        let data_offset = self
            .data_offset_words
            .unwrap_or_else(|| u8::try_from(words).unwrap_or(u8::MAX).min(15));
        let mut octets = Vec::new();
        octets.extend(self.source_port.to_be_bytes());
        octets.extend(self.destination_port.to_be_bytes());
        octets.extend(self.seq.to_be_bytes());
        octets.extend(self.ack.to_be_bytes());
        octets.extend([data_offset << 4, self.flags]);
        octets.extend(self.window.to_be_bytes());
        octets.extend(checksum.to_be_bytes());
        octets.extend([0, 0]);
        octets.extend(options);
        octets.extend(&self.data);
        octets
    }
}

impl Payload for Segment {
    fn encode(&self, addresses: Addresses) -> (u8, Vec<u8>) {
        let checksum = addresses.checksum(PROTOCOL, &self.octets(0));
        (PROTOCOL, self.octets(checksum))
    }
}
