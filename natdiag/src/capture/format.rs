//! The formats of captures: which one a file has, by its first octets, and its reader.

use super::{
    element::{Element, Stop},
    pcap::Pcap,
    pcapng::PcapNg,
};

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
