//! Which programs the watching object has, and what it is made for. Plain values.

use std::fmt;

use natdiag_common::{LinkType, names};

/// One of the programs in the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WatchProgram {
    /// XDP, for devices whose frames fit one buffer.
    Xdp,
    /// XDP, for devices that spread jumbo frames over several buffers.
    XdpFrags,
    /// TC, for received packets.
    TcIngress,
    /// TC, for sent packets.
    TcEgress,
}

impl WatchProgram {
    /// All programs.
    pub const ALL: [Self; 4] = [Self::Xdp, Self::XdpFrags, Self::TcIngress, Self::TcEgress];

    /// The program's name in the object and in the kernel.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xdp => names::PROGRAM_XDP,
            Self::XdpFrags => names::PROGRAM_XDP_FRAGS,
            Self::TcIngress => names::PROGRAM_TC_INGRESS,
            Self::TcEgress => names::PROGRAM_TC_EGRESS,
        }
    }
}

impl fmt::Display for WatchProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the object is made for.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// How the frames of the device begin.
    pub link_type: LinkType,
    /// Size of the ring of records: a power of two, and whole pages.
    pub records_octets: u32,
    /// Size of the ring of spills: a power of two, and whole pages.
    pub spills_octets: u32,
}

impl LoadOptions {
    /// The usual sizes: 16 MiB hold 116,000 records, a second of a storm at its full budget from 450 hosts.
    #[must_use]
    pub const fn new(link_type: LinkType) -> Self {
        Self {
            link_type,
            records_octets: 1 << 24,
            spills_octets: 1 << 24,
        }
    }
}
