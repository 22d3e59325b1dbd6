//! What the formats of captures have in common: a file is a run of elements, and some of them are packets.

use natdiag_common::Direction;

use super::{evidence::Statement, pcap::Pcap, pcapng::PcapNg};
use crate::event::Timestamp;

/// Longest element in octets; more is taken for damage. Wireshark writes and reads no longer pcapng block either.
pub(super) const MAX_ELEMENT_LEN: usize = 16 * 1024 * 1024;

/// A header, a packet or something else in a file.
#[derive(Debug)]
pub(super) struct Element {
    /// Its length in octets.
    pub(super) len: usize,
    /// What it is.
    pub(super) content: Content,
}

/// What an element is.
#[derive(Debug)]
pub(super) enum Content {
    /// A packet.
    Packet(Place),
    /// A packet that cannot be read; the next element can.
    Damaged,
    /// What evidence says up to a time, perhaps with what was counted beside its packets.
    Said(Timestamp, Option<Box<Statement>>),
    /// No packet.
    Other,
}

/// Where a packet is in its element, and what is said about it.
#[derive(Debug)]
pub(super) struct Place {
    /// Where the frame begins.
    pub(super) start: usize,
    /// Octets that were kept of it.
    pub(super) len: usize,
    /// Octets that it had on the wire.
    pub(super) wire_len: usize,
    /// When it was seen, if that is said.
    pub(super) time: Option<Timestamp>,
    /// What it begins with.
    pub(super) link_type: u32,
    /// Which way it went, if that is said.
    pub(super) direction: Option<Direction>,
}

/// Why there is no element.
#[derive(Debug)]
pub(super) enum Stop {
    /// More octets are needed.
    Incomplete,
    /// There can be none.
    Damaged(String),
}

/// A format of captures, with what its reader must remember.
pub(super) enum Format {
    /// The format of libpcap (draft-ietf-opsawg-pcap).
    Pcap(Pcap),
    /// The next generation (draft-ietf-opsawg-pcapng).
    PcapNg(Box<PcapNg>),
}

/// What a file is, by its first octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// pcap.
    Pcap,
    /// pcapng.
    PcapNg,
    /// Compressed with gzip.
    Gzip,
    /// Compressed with what this program unpacks.
    Compressed(&'static str),
    /// Anything else.
    Unknown,
}

/// Octets that [`Kind::of`] looks at.
pub(super) const MAGIC_LEN: usize = 4;

impl Kind {
    /// Tells a file by its first octets.
    pub(super) const fn of(octets: &[u8]) -> Self {
        match octets {
            // Both byte orders, in microseconds and in nanoseconds.
            [0xa1, 0xb2, 0xc3, 0xd4, ..]
            | [0xd4, 0xc3, 0xb2, 0xa1, ..]
            | [0xa1, 0xb2, 0x3c, 0x4d, ..]
            | [0x4d, 0x3c, 0xb2, 0xa1, ..] => Self::Pcap,
            [0x0a, 0x0d, 0x0d, 0x0a, ..] => Self::PcapNg,
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Compressed("zstd"),
            [0xfd, b'7', b'z', b'X', ..] => Self::Compressed("xz"),
            [b'B', b'Z', b'h', ..] => Self::Compressed("bzip2"),
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Compressed("lz4"),
            _ => Self::Unknown,
        }
    }
}

impl Format {
    /// Reads the element that `octets` begin with.
    pub(super) fn parse(&mut self, octets: &[u8]) -> Result<Element, Stop> {
        match self {
            Self::Pcap(pcap) => pcap.parse(octets),
            Self::PcapNg(pcapng) => pcapng.parse(octets),
        }
    }

    /// Whether what comes is evidence that natdiag kept, and no capture of everything.
    pub(super) fn is_evidence(&self) -> bool {
        match self {
            Self::Pcap(_) => false,
            Self::PcapNg(pcapng) => pcapng.is_evidence(),
        }
    }
}
