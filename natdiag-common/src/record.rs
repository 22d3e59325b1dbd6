//! What is kept of one packet: its headers, at fixed places, for the ring buffer.

use crate::{
    Address, Direction, FrameBytes,
    classify::Tally,
    counter::{FragmentProtocol, RemoteCounter},
    packet::{PacketMeta, Transport},
    wire::{icmp, ipv4, ipv6, tcp},
};

/// Most octets of an excerpt: 40 of TCP options; or the header of an `ICMP` error, the IPv6 header that it quotes,
/// and the ports and sequence number behind that.
pub const EXCERPT_LEN: usize = 56;

/// Bits of [`Record::flags`].
pub mod flag {
    /// The packet is a fragment; `fragment_offset_octets` is set.
    pub const FRAGMENT: u8 = 1;
    /// More Fragments.
    pub const MORE_FRAGMENTS: u8 = 2;
    /// Don't Fragment.
    pub const DONT_FRAGMENT: u8 = 4;
    /// There is a TCP header.
    pub const TCP: u8 = 8;
    /// The packet is an `ICMP` or `ICMPv6` error.
    pub const ICMP_ERROR: u8 = 16;
}

/// Stands for no counter in [`Record::counter`].
pub const NO_COUNTER: u8 = u8::MAX;

/// Headers of one packet. Integers are in the machine's own byte order; what is absent is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Record {
    /// When the packet was seen, nanoseconds of `CLOCK_MONOTONIC` (`bpf_ktime_get_ns`).
    pub time_ns: u64,
    /// Source address.
    pub source: Address,
    /// Destination address.
    pub destination: Address,
    /// Length of the whole IP packet in octets.
    pub total_len: u32,
    /// Identification of IPv4 or of the Fragment header.
    pub identification: u32,
    /// Octets of a TCP segment's data; or of the datagram that a fragment carries, unless that is all of it.
    pub data_len: u32,
    /// TCP sequence number.
    pub seq: u32,
    /// TCP acknowledgment number.
    pub ack: u32,
    /// TCP source port.
    pub source_port: u16,
    /// TCP destination port.
    pub destination_port: u16,
    /// TCP window, not scaled.
    pub window: u16,
    /// Fragment offset in octets.
    pub fragment_offset_octets: u16,
    /// Bits of [`flag`].
    pub flags: u8,
    /// TCP flags.
    pub tcp_flags: u8,
    /// [`Direction`].
    pub direction: u8,
    /// Protocol number.
    pub protocol: u8,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// 4 or 6.
    pub version: u8,
    /// Octets used of the excerpt.
    pub excerpt_len: u8,
    /// Place in [`RemoteCounts`](crate::counter::RemoteCounts) of the counter of its remote host that the packet adds
    /// to, or [`NO_COUNTER`]. Nothing else counts the packet.
    pub counter: u8,
    /// Reserved, zero.
    pub reserved: [u8; 4],
    /// TCP options as on the wire, or an `ICMP` error from its first octet. Words of four octets; the rest is zero.
    pub excerpt: [[u8; 4]; EXCERPT_LEN / 4],
}

impl Record {
    /// Octets of a record: there is no padding.
    pub const SIZE: usize = 8 + 2 * 16 + 5 * 4 + 4 * 2 + 12 + EXCERPT_LEN;

    /// A record of nothing.
    pub const ZERO: Self = Self {
        time_ns: 0,
        source: Address::UNSPECIFIED,
        destination: Address::UNSPECIFIED,
        total_len: 0,
        identification: 0,
        data_len: 0,
        seq: 0,
        ack: 0,
        source_port: 0,
        destination_port: 0,
        window: 0,
        fragment_offset_octets: 0,
        flags: 0,
        tcp_flags: 0,
        direction: 0,
        protocol: 0,
        ttl: 0,
        version: 0,
        excerpt_len: 0,
        counter: NO_COUNTER,
        reserved: [0; 4],
        excerpt: [[0; 4]; EXCERPT_LEN / 4],
    };

    /// Makes the record of a packet, seen at `time_ns`.
    #[must_use]
    pub fn new<F: FrameBytes + ?Sized>(
        frame: &F,
        packet: &PacketMeta,
        tally: Option<Tally>,
        direction: Direction,
        time_ns: u64,
    ) -> Self {
        let mut record = Self::ZERO;
        record.fill(frame, packet, tally, direction, time_ns);
        record
    }

    /// Sets every field, in place: a copy on the way would not fit the stack of a BPF program.
    #[inline(always)]
    pub fn fill<F: FrameBytes + ?Sized>(
        &mut self,
        frame: &F,
        packet: &PacketMeta,
        tally: Option<Tally>,
        direction: Direction,
        time_ns: u64,
    ) {
        self.time_ns = time_ns;
        self.source = packet.source(frame).unwrap_or_default();
        self.destination = packet.destination(frame).unwrap_or_default();
        self.total_len = packet.total_len;
        self.identification = packet.identification;
        self.direction = direction as u8;
        self.protocol = packet.protocol;
        self.ttl = packet.ttl;
        self.version = packet.version;
        self.counter = tally.map_or(NO_COUNTER, |tally| tally.counter as u8);
        self.reserved = [0; 4];
        self.flags = if packet.dont_fragment {
            flag::DONT_FRAGMENT
        } else {
            0
        };
        self.data_len = 0;
        self.fragment_offset_octets = 0;
        let excerpt = self.fill_transport(frame, packet);
        if let Some(fragment) = packet.fragment {
            self.flags |= flag::FRAGMENT
                | if fragment.more {
                    flag::MORE_FRAGMENTS
                } else {
                    0
                };
            self.fragment_offset_octets = fragment.offset_octets;
        }
        if let Some(part) = packet.part() {
            self.data_len = part.data_octets;
        }
        self.copy_excerpt(frame, excerpt);
    }

    /// Sets what depends on the payload's header. Returns where the excerpt begins and its length.
    #[inline(always)]
    fn fill_transport<F: FrameBytes + ?Sized>(
        &mut self,
        frame: &F,
        packet: &PacketMeta,
    ) -> (usize, u32) {
        if let Transport::Tcp { .. } = packet.transport
            && let Ok(header) = tcp::parse(frame, packet.payload_offset, packet.payload_len)
        {
            self.flags |= flag::TCP;
            self.data_len = packet.payload_len - header.data_offset_octets;
            self.seq = header.seq.0;
            self.ack = header.ack.0;
            self.source_port = header.source_port;
            self.destination_port = header.destination_port;
            self.window = header.window;
            self.tcp_flags = header.flags;
            let options_len = header.data_offset_octets - tcp::MIN_HEADER_LEN as u32;
            return (packet.payload_offset + tcp::MIN_HEADER_LEN, options_len);
        }
        self.seq = 0;
        self.ack = 0;
        self.source_port = 0;
        self.destination_port = 0;
        self.window = 0;
        self.tcp_flags = 0;
        if packet.transport.is_icmp_error() {
            self.flags |= flag::ICMP_ERROR;
            return (packet.payload_offset, packet.payload_len);
        }
        (0, 0)
    }

    /// Copies the whole words of the `len` octets at `offset`, as far as they fit and the frame goes. The rest is zero.
    #[inline(always)]
    fn copy_excerpt<F: FrameBytes + ?Sized>(&mut self, frame: &F, (offset, len): (usize, u32)) {
        self.excerpt = [[0; 4]; EXCERPT_LEN / 4];
        // Options of SYNs, and of segments with timestamps: a check and a copy instead of one for each word.
        if len == 20 && self.copy_whole_excerpt::<20, F>(frame, offset)
            || len == 12 && self.copy_whole_excerpt::<12, F>(frame, offset)
        {
            return;
        }
        self.excerpt_len = 0;
        for (word, place) in self.excerpt.iter_mut().zip((0u8..).step_by(4)) {
            // The verifier follows each way on from here: to leave makes them as many as there are words, to go on with
            // nothing to copy would double them with each.
            if u32::from(place) + 4 > len {
                return;
            }
            let Some(octets) = frame.octets(offset + usize::from(place)) else {
                return;
            };
            *word = octets;
            self.excerpt_len = place + 4;
        }
    }

    /// Copies an excerpt of a length that is frequent. `false` if the frame ends before.
    #[inline(always)]
    fn copy_whole_excerpt<const N: usize, F: FrameBytes + ?Sized>(
        &mut self,
        frame: &F,
        offset: usize,
    ) -> bool {
        let excerpt = self.excerpt.as_flattened_mut().first_chunk_mut::<N>();
        let (Some(excerpt), Some(octets)) = (excerpt, frame.octets(offset)) else {
            return false;
        };
        *excerpt = octets;
        self.excerpt_len = N as u8;
        true
    }

    /// What the packet adds to which remote host; the same as what [`classify`](crate::classify::classify) said.
    #[must_use]
    pub fn tally(&self) -> Option<Tally> {
        let is = |bits: u8| self.flags & bits != 0;
        let ingress = self.direction == Direction::Ingress as u8;
        let is_fragment_received = is(flag::FRAGMENT) && ingress;
        let is_first = is(flag::MORE_FRAGMENTS) && self.fragment_offset_octets == 0;
        let counter = usize::from(self.counter);
        let counts_a_segment = counter > RemoteCounter::FragmentSent as usize;
        let detail = if is(flag::FRAGMENT) && counts_a_segment {
            RemoteCounter::atomic_segment(if ingress {
                Direction::Ingress
            } else {
                Direction::Egress
            })
        } else if is_fragment_received && is(flag::DONT_FRAGMENT) && self.protocol == tcp::PROTOCOL
        {
            RemoteCounter::FragmentDontFragment as usize
        } else {
            0
        };
        let (maximum, first_octets) = if is_fragment_received && is_first {
            (
                RemoteCounter::largest_first(FragmentProtocol::of(self.protocol)),
                self.total_len.min(u32::from(u16::MAX)) as u16,
            )
        } else {
            (0, 0)
        };
        let remote = if is(flag::ICMP_ERROR) && !is(flag::FRAGMENT) {
            self.quoted_destination()?
        } else if ingress {
            self.source
        } else {
            self.destination
        };
        (self.counter != NO_COUNTER).then_some(Tally {
            remote,
            counter,
            detail,
            maximum,
            first_octets,
        })
    }

    /// Destination of the packet that an `ICMP` error quotes.
    fn quoted_destination(&self) -> Option<Address> {
        let quoted = self.excerpt().get(icmp::HEADER_LEN..)?;
        if self.version == 4 {
            let address = quoted.get(ipv4::DESTINATION_OFFSET..)?.first_chunk()?;
            Some(Address::from_ipv4(*address))
        } else {
            let address = quoted.get(ipv6::DESTINATION_OFFSET..)?.first_chunk()?;
            Some(Address::from_octets(*address))
        }
    }

    /// The octets of the excerpt in use.
    #[must_use]
    pub fn excerpt(&self) -> &[u8] {
        let octets = self.excerpt.as_flattened();
        octets
            .get(..usize::from(self.excerpt_len))
            .unwrap_or(octets)
    }
}

#[cfg(test)]
mod tests;
