//! Counters over all packets of one watched interface, and counters of one remote host.

use core::hint::black_box;

use crate::{Direction, error::ParseError};

/// What is counted over all packets of an interface; the number is the place in [`Totals`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Counter {
    /// Frames received.
    PacketsIngress,
    /// Frames sent.
    PacketsEgress,
    /// Packets that are about some remote host. Each is in the cache, in a spill or in a record, or in
    /// `MissedRemotes`.
    Charged,
    /// Packets left out of the counters of their remote host because the rings were full.
    MissedRemotes,
    /// Records left out because the ring of records was full.
    MissedRecordsRing,
    /// Records of fragments and RSTs left out because the budget of their remote host was used up.
    MissedRecordsBudget,
}

impl Counter {
    /// All counters, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::PacketsIngress,
        Self::PacketsEgress,
        Self::Charged,
        Self::MissedRemotes,
        Self::MissedRecordsRing,
        Self::MissedRecordsBudget,
    ];
}

/// The counters of one CPU for one interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(serde::Serialize, serde::Deserialize))]
#[repr(C)]
pub struct Totals {
    /// Indexed by [`Counter`].
    pub counters: [u64; Counter::ALL.len()],
    /// Malformed packets, indexed by [`ParseError::index`].
    pub malformed: [u64; ParseError::COUNT],
}

impl Totals {
    /// Nothing counted yet.
    pub const ZERO: Self = Self {
        counters: [0; Counter::ALL.len()],
        malformed: [0; ParseError::COUNT],
    };

    /// Value of one counter.
    #[must_use]
    pub fn value(&self, counter: Counter) -> u64 {
        self.counters.get(counter as usize).copied().unwrap_or(0)
    }

    /// Raises one counter by one.
    #[inline(always)]
    pub fn increment(&mut self, counter: Counter) {
        if let Some(value) = self.counters.get_mut(counter as usize) {
            *value = value.wrapping_add(1);
        }
    }

    /// Counts one malformed packet.
    #[inline(always)]
    pub fn increment_malformed(&mut self, error: ParseError) {
        // The compiler knows that every index is within the bounds and leaves the check out. The verifier before
        // Linux 6.8 has lost sight of the error on the way here, and needs it.
        let index = black_box(error.index());
        if let Some(value) = self.malformed.get_mut(index) {
            *value = value.wrapping_add(1);
        }
    }

    /// Sum of all malformed packets.
    #[must_use]
    pub fn malformed(&self) -> u64 {
        self.malformed.iter().sum()
    }

    /// Adds the counters of another CPU.
    pub fn add(&mut self, other: &Self) {
        let ours = self.counters.iter_mut().chain(&mut self.malformed);
        let theirs = other.counters.iter().chain(&other.malformed);
        for (value, more) in ours.zip(theirs) {
            *value = value.wrapping_add(*more);
        }
    }
}

impl Default for Totals {
    fn default() -> Self {
        Self::ZERO
    }
}

/// What is counted per remote host; the number is the place in [`RemoteCounts`].
///
/// The first twelve are fragments received from the remote host, by protocol and position
/// ([`RemoteCounter::fragment`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum RemoteCounter {
    /// First fragments of TCP.
    FragmentTcpFirst,
    /// Fragments of TCP that are neither first nor last.
    FragmentTcpMiddle,
    /// Last fragments of TCP.
    FragmentTcpLast,
    /// First fragments of UDP.
    FragmentUdpFirst,
    /// Fragments of UDP that are neither first nor last.
    FragmentUdpMiddle,
    /// Last fragments of UDP.
    FragmentUdpLast,
    /// First fragments of `ICMP` or `ICMPv6`.
    FragmentIcmpFirst,
    /// Fragments of `ICMP` or `ICMPv6` that are neither first nor last.
    FragmentIcmpMiddle,
    /// Last fragments of `ICMP` or `ICMPv6`.
    FragmentIcmpLast,
    /// First fragments of any other protocol.
    FragmentOtherFirst,
    /// Fragments of any other protocol that are neither first nor last.
    FragmentOtherMiddle,
    /// Last fragments of any other protocol.
    FragmentOtherLast,
    /// Atomic fragments received (RFC 6946): an IPv6 Fragment header on a whole packet. Those of SYNs and RSTs are in
    /// `AtomicSegmentReceived`.
    FragmentAtomic,
    /// Fragments sent to the remote host, of any protocol and position. Those of SYNs and RSTs are in
    /// `AtomicSegmentSent`.
    FragmentSent,
    /// SYNs sent, every transmission.
    SynSent,
    /// SYNs received, every transmission.
    SynReceived,
    /// SYN-ACKs sent, repeats included.
    SynAckSent,
    /// SYN-ACKs received, repeats included.
    SynAckReceived,
    /// RSTs received with ACK and sequence number 0: the answer to a SYN (RFC 9293, section 3.5.2).
    RstAnsweringSyn,
    /// RSTs received of any other kind.
    RstEstablished,
    /// RSTs sent.
    RstSent,
    /// `ICMP` "fragmentation needed" and `ICMPv6` "packet too big" about packets to this remote host.
    PacketTooBig,
    /// Other `ICMP` and `ICMPv6` errors about packets to this remote host.
    IcmpError,
    /// Of the fragments of TCP received, those with Don't Fragment set (IPv4).
    FragmentDontFragment,
    /// Of the SYNs and RSTs received, those in an atomic fragment.
    AtomicSegmentReceived,
    /// Of the SYNs and RSTs sent, those in an atomic fragment.
    AtomicSegmentSent,
    /// Datagrams whose fragments gave no records because the budget was used up.
    DatagramUnobserved,
    /// Largest first fragment of TCP: the whole IP packet, in octets. A maximum.
    LargestFirstTcpOctets,
    /// Largest first fragment of any other protocol: the whole IP packet, in octets. A maximum.
    LargestFirstOtherOctets,
}

/// Protocols that fragments are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "user", derive(serde::Serialize, serde::Deserialize))]
#[repr(usize)]
pub enum FragmentProtocol {
    /// Protocol 6.
    Tcp,
    /// Protocol 17.
    Udp,
    /// Protocols 1 and 58.
    Icmp,
    /// Any other.
    Other,
}

/// Place of a fragment in its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum FragmentPosition {
    /// Offset 0 and more to come.
    First,
    /// Offset above 0 and more to come.
    Middle,
    /// Offset above 0 and no more to come.
    Last,
}

impl FragmentProtocol {
    /// All protocols, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Tcp, Self::Udp, Self::Icmp, Self::Other];

    /// The group of an IPv4 protocol or IPv6 Next Header number.
    #[inline(always)]
    #[must_use]
    pub const fn of(protocol: u8) -> Self {
        match protocol {
            6 => Self::Tcp,
            17 => Self::Udp,
            1 | 58 => Self::Icmp,
            _ => Self::Other,
        }
    }
}

impl FragmentPosition {
    /// All positions, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::First, Self::Middle, Self::Last];
}

impl RemoteCounter {
    /// Number of counters of one remote host.
    pub const COUNT: usize = Self::LargestFirstOtherOctets as usize + 1;
    /// From here on a counter says more about a packet that an earlier one has counted.
    pub const FIRST_DETAIL: usize = Self::FragmentDontFragment as usize;
    /// From here on a counter is a maximum and not a sum.
    pub const FIRST_MAXIMUM: usize = Self::LargestFirstTcpOctets as usize;

    /// Place of the counter of fragments of one protocol and position.
    #[inline(always)]
    #[must_use]
    pub const fn fragment(protocol: FragmentProtocol, position: FragmentPosition) -> usize {
        protocol as usize * 3 + position as usize
    }

    /// Place of the counter of SYNs and RSTs in atomic fragments that were received, or sent.
    #[inline(always)]
    #[must_use]
    pub const fn atomic_segment(direction: Direction) -> usize {
        match direction {
            Direction::Ingress => Self::AtomicSegmentReceived as usize,
            Direction::Egress => Self::AtomicSegmentSent as usize,
        }
    }

    /// Place of the largest first fragment of one protocol.
    #[inline(always)]
    #[must_use]
    pub const fn largest_first(protocol: FragmentProtocol) -> usize {
        match protocol {
            FragmentProtocol::Tcp => Self::LargestFirstTcpOctets as usize,
            FragmentProtocol::Udp | FragmentProtocol::Icmp | FragmentProtocol::Other => {
                Self::LargestFirstOtherOctets as usize
            }
        }
    }
}

/// Number of words in [`RemoteCounts`]: a power of two, so that the verifier can prove a masked index.
pub const REMOTE_WORDS: usize = 32;

/// Counters of one remote host, as the kernel keeps them: they are spilled before they could wrap. Small, because a
/// flood from many hosts has them copied and cleared for nearly every packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(serde::Serialize, serde::Deserialize))]
#[repr(C, align(8))]
pub struct RemoteCounts {
    /// Indexed by [`RemoteCounter`].
    pub words: [u16; REMOTE_WORDS],
}

impl RemoteCounts {
    /// Nothing counted yet.
    pub const ZERO: Self = Self {
        words: [0; REMOTE_WORDS],
    };

    /// Value of one counter.
    #[must_use]
    pub fn value(&self, counter: RemoteCounter) -> u16 {
        self.words.get(counter as usize).copied().unwrap_or(0)
    }

    /// The counter at a place below [`REMOTE_WORDS`].
    #[inline(always)]
    pub fn at(&mut self, index: usize) -> Option<&mut u16> {
        self.words.get_mut(index & (REMOTE_WORDS - 1))
    }
}

impl Default for RemoteCounts {
    fn default() -> Self {
        Self::ZERO
    }
}

const _: () = assert!(RemoteCounter::COUNT <= REMOTE_WORDS);
