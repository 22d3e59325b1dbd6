//! What the BPF programs of active tests and userspace share. One connection of a test: userspace says what its
//! timestamps shall be, the programs say what became of it. And a remedy on trial: userspace says towards whom, and
//! until when.

use crate::Address;

/// The connection keeps its timestamps.
pub const KEEP: u32 = 0;
/// Its first SYN has the wanted timestamp, and all others are shifted as much.
pub const SET: u32 = 1;
/// Its SYNs have no timestamps.
pub const STRIP: u32 = 2;

/// A connection of the test, by the cookie of its socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct ProbeConnection {
    /// When the first SYN was sent, on the monotonic clock; 0 before.
    pub syn_sent_ns: u64,
    /// When the first answer of any kind came; 0 before.
    pub answered_ns: u64,
    /// [`KEEP`], [`SET`] or [`STRIP`].
    pub mode: u32,
    /// With [`SET`], `TSval` of the first SYN.
    pub wanted_tsval: u32,
    /// Not 0: whatever acknowledges the SYN-ACK leaves as a RST, so that the server never has a connection.
    pub refuse: u32,
    /// What is added to each `TSval`.
    pub shift: u32,
    /// Sequence number of the SYN.
    pub isn: u32,
    /// `TSval` of the first SYN as it left.
    pub first_tsval: u32,
    /// The latest `TSval` that left.
    pub last_tsval: u32,
    /// SYNs sent, each transmission.
    pub syns_sent: u32,
    /// SYN-ACKs received that acknowledge the SYN, repeats included.
    pub syn_acks: u32,
    /// Those of them with timestamps.
    pub syn_acks_with_timestamps: u32,
    /// RSTs received before any SYN-ACK.
    pub resets: u32,
    /// Segments received before any SYN-ACK that are neither one nor a RST.
    pub stray_segments: u32,
    /// TTL or hop limit of the first answer.
    pub ttl: u32,
    /// Nothing.
    pub reserved: u32,
}

/// The two ends of a connection as they are on the wire, ours first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct WireEnds {
    /// Our address.
    pub local: Address,
    /// The address of the remote host.
    pub remote: Address,
    /// Our port.
    pub local_port: u16,
    /// The port of the remote host.
    pub remote_port: u16,
    /// Zero: a key of a map has no padding.
    pub reserved: u32,
}

/// A remedy on trial: what becomes of SYNs to one remote host, for a limited time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct RemedyTrial {
    /// When it ends, on the monotonic clock: also when userspace has been stopped. 0 is none.
    pub deadline_ns: u64,
    /// The remote host.
    pub remote: Address,
    /// The MSS that SYNs announce at most, in octets; 0 leaves it.
    pub mss: u32,
    /// Not 0: timestamps are taken out of SYNs.
    pub strip: u32,
}
