//! Connections that are looked at segment by segment, from their first to their last, because their four-tuples were
//! drawn: all of them, or one in a power of two, whoever they belong to. One code for the BPF programs and for the
//! host.

use crate::{
    Address, Direction, FrameBytes, LinkType,
    follow::{FlowEnds, FollowedSegment},
    packet::{PacketMeta, Transport},
    wire::{
        ethernet, ipv4, ipv6,
        seq::{SeqNumber, TsVal},
        tcp,
    },
};

/// Octets of the two ports, which TCP begins with.
const PORTS_LEN: usize = 4;

/// Bits of [`Sample::bits`].
mod bit {
    pub(super) const INGRESS: u8 = 1;
    pub(super) const LARGE: u8 = 2;
    pub(super) const FIRST_FRAGMENT: u8 = 4;
    pub(super) const TSVAL: u8 = 8;
}

/// A segment of a connection that was drawn. Integers are in the machine's own byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Sample {
    /// When it was seen, nanoseconds of `CLOCK_MONOTONIC` (`bpf_ktime_get_ns`).
    pub time_ns: u64,
    /// Our address.
    pub local: Address,
    /// The remote host's address.
    pub remote: Address,
    /// Our port.
    pub local_port: u16,
    /// The remote host's port.
    pub remote_port: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgment number.
    pub ack: u32,
    /// Octets of data.
    pub data_octets: u32,
    /// Timestamp, if there is one.
    pub tsval: u32,
    /// Window as on the wire.
    pub window: u16,
    /// The eight flags.
    pub tcp_flags: u8,
    /// What else is true of it.
    pub bits: u8,
}

impl Sample {
    /// Octets of a sample: there is no padding.
    pub const SIZE: usize = 8 + 2 * Address::LEN + 2 * 2 + 4 * 4 + 4;

    /// Sets every field, in place.
    #[inline(always)]
    pub fn fill(
        &mut self,
        direction: Direction,
        ends: FlowEnds,
        segment: &FollowedSegment,
        time_ns: u64,
    ) {
        let flag = |is_so, bit| if is_so { bit } else { 0 };
        self.time_ns = time_ns;
        self.local = ends.local;
        self.remote = ends.remote;
        self.local_port = ends.local_port;
        self.remote_port = ends.remote_port;
        self.seq = segment.seq.0;
        self.ack = segment.ack.0;
        self.data_octets = segment.data_octets;
        self.tsval = segment.tsval.map_or(0, |tsval| tsval.0);
        self.window = segment.window;
        self.tcp_flags = segment.flags;
        self.bits = flag(matches!(direction, Direction::Ingress), bit::INGRESS)
            | flag(segment.is_large, bit::LARGE)
            | flag(segment.is_first_fragment, bit::FIRST_FRAGMENT)
            | flag(segment.tsval.is_some(), bit::TSVAL);
    }

    /// Which way it went.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        if self.bits & bit::INGRESS != 0 {
            Direction::Ingress
        } else {
            Direction::Egress
        }
    }

    /// Its connection.
    #[must_use]
    pub const fn ends(&self) -> FlowEnds {
        FlowEnds {
            local: self.local,
            remote: self.remote,
            local_port: self.local_port,
            remote_port: self.remote_port,
        }
    }

    /// The segment.
    #[must_use]
    pub fn segment(&self) -> FollowedSegment {
        FollowedSegment {
            seq: SeqNumber(self.seq),
            ack: SeqNumber(self.ack),
            flags: self.tcp_flags,
            window: self.window,
            data_octets: self.data_octets,
            is_large: self.bits & bit::LARGE != 0,
            is_first_fragment: self.bits & bit::FIRST_FRAGMENT != 0,
            tsval: (self.bits & bit::TSVAL != 0).then_some(TsVal(self.tsval)),
        }
    }
}

/// How many connections are drawn: one in a power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    doublings: u32,
}

impl Share {
    /// Every connection.
    pub const ALL: Self = Self { doublings: 0 };
    /// The smallest share: one connection in a million.
    pub const LEAST: Self = Self { doublings: 20 };

    /// One in two to the power of `doublings`, at least the smallest share.
    #[must_use]
    pub const fn one_in_power(doublings: u32) -> Self {
        if doublings > Self::LEAST.doublings {
            Self::LEAST
        } else {
            Self { doublings }
        }
    }

    /// One connection in so many is drawn.
    #[must_use]
    pub const fn one_in(self) -> u32 {
        1 << self.doublings
    }

    /// The power of two.
    #[must_use]
    pub const fn doublings(self) -> u32 {
        self.doublings
    }
}

/// Whether a connection with this hash is drawn where one in so many is: a power of two, or zero for none at all.
#[inline(always)]
#[must_use]
pub const fn is_drawn(hash: u32, one_in: u32) -> bool {
    // No hash is without its upper bit, so that zero less one draws nothing.
    hash & one_in.wrapping_sub(1) == 0
}

/// What can be told of a packet without reading more than where each header has its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    /// A segment of the connection with this hash.
    Segment(u32),
    /// No segment.
    Other,
    /// It must be read in full.
    Unclear,
}

/// The hash of a connection, the same for both directions. A larger share draws all that a smaller one does.
#[inline(always)]
#[must_use]
pub fn hash(ends: &FlowEnds) -> u32 {
    mix(
        tail(ends.local).wrapping_add(tail(ends.remote)),
        u32::from(ends.local_port) + u32::from(ends.remote_port),
    )
}

/// Which connection a packet belongs to, where nothing stands between the headers of link, IP and TCP.
#[inline(always)]
pub fn plain<F: FrameBytes + ?Sized>(frame: &F, link: LinkType) -> Plain {
    let seen = match link {
        LinkType::Ethernet => plain_ethernet(frame),
        LinkType::RawIp => plain_ip(frame, 0),
    };
    seen.unwrap_or(Plain::Unclear)
}

#[inline(always)]
fn plain_ethernet<F: FrameBytes + ?Sized>(frame: &F) -> Option<Plain> {
    match u16::from_be_bytes(frame.octets(ethernet::TYPE_OFFSET)?) {
        ethernet::TYPE_IPV4 | ethernet::TYPE_IPV6 => plain_ip(frame, ethernet::HEADER_LEN),
        ether_type if ethernet::is_vlan(ether_type) => None,
        _ => Some(Plain::Other),
    }
}

#[inline(always)]
fn plain_ip<F: FrameBytes + ?Sized>(frame: &F, offset: usize) -> Option<Plain> {
    /// More Fragments, and the offset.
    const FRAGMENT_BITS: u16 = 0x3fff;
    // Two octets: the verifier does not accept one that is compared with the end of the packet by itself.
    let [version, _] = frame.octets(offset)?;
    if version == ipv4::WITHOUT_OPTIONS {
        let header: [u8; ipv4::MIN_HEADER_LEN + PORTS_LEN] = frame.octets(offset)?;
        let header = header.as_slice();
        let fragment = u16::from_be_bytes(header.octets(ipv4::FRAGMENT_OFFSET)?);
        let [protocol] = header.octets(ipv4::PROTOCOL_OFFSET)?;
        if protocol != tcp::PROTOCOL {
            return Some(Plain::Other);
        }
        if fragment & FRAGMENT_BITS != 0 {
            return None;
        }
        let tails = [ipv4::SOURCE_OFFSET, ipv4::DESTINATION_OFFSET];
        return plain_hash(header, tails, ipv4::MIN_HEADER_LEN);
    }
    if version >> 4 != 6 {
        return None;
    }
    let header: [u8; ipv6::HEADER_LEN + PORTS_LEN] = frame.octets(offset)?;
    let header = header.as_slice();
    let [next_header] = header.octets(ipv6::NEXT_HEADER_OFFSET)?;
    if next_header != tcp::PROTOCOL {
        return (!ipv6::is_extension(next_header)).then_some(Plain::Other);
    }
    let tails = [ipv6::SOURCE_OFFSET, ipv6::DESTINATION_OFFSET].map(|it| it + 12);
    plain_hash(header, tails, ipv6::HEADER_LEN)
}

/// The hash from the last four octets of both addresses, and the ports.
#[inline(always)]
fn plain_hash(header: &[u8], [source, destination]: [usize; 2], ports: usize) -> Option<Plain> {
    let source = u32::from_ne_bytes(header.octets(source)?);
    let destination = u32::from_ne_bytes(header.octets(destination)?);
    let [a, b, c, d] = header.octets(ports)?;
    let ports = u32::from(u16::from_be_bytes([a, b])) + u32::from(u16::from_be_bytes([c, d]));
    Some(Plain::Segment(mix(source.wrapping_add(destination), ports)))
}

/// The ends of the connection that a packet belongs to. `None` is one without a TCP header.
#[inline(always)]
pub fn ends<F: FrameBytes + ?Sized>(
    frame: &F,
    packet: &PacketMeta,
    direction: Direction,
    [source_port, destination_port]: [u16; 2],
) -> Option<FlowEnds> {
    let Transport::Tcp { .. } = packet.transport else {
        return None;
    };
    let (source, destination) = (packet.source(frame)?, packet.destination(frame)?);
    Some(match direction {
        Direction::Ingress => FlowEnds {
            local: destination,
            remote: source,
            local_port: destination_port,
            remote_port: source_port,
        },
        Direction::Egress => FlowEnds {
            local: source,
            remote: destination,
            local_port: source_port,
            remote_port: destination_port,
        },
    })
}

/// The last four octets of an address.
#[inline(always)]
const fn tail(address: Address) -> u32 {
    let [_, _, _, _, _, _, _, _, _, _, _, _, a, b, c, d] = address.octets();
    u32::from_ne_bytes([a, b, c, d])
}

/// Multiplicative hashing (Knuth): the upper bits of the product depend on all bits. The uppermost bit of the hash is
/// set.
#[inline(always)]
const fn mix(addresses: u32, ports: u32) -> u32 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    const ALWAYS: u32 = 1 << 31;
    let all = (addresses as u64) << 32 | ports as u64;
    (all.wrapping_mul(MULTIPLIER) >> 40) as u32 | ALWAYS
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use super::*;
    use crate::{
        follow, packet,
        testkit::{Payload as _, Segment, tcp},
    };

    fn frame(v6: bool, ports: [u16; 2]) -> Vec<u8> {
        let segment: Segment = tcp().ports(ports[0], ports[1]).seq(7).ack(9).data_len(5);
        if v6 {
            let [a, b] = ["2001:db8::1", "2001:db8::2"].map(|it| it.parse().unwrap());
            segment.in_ipv6(a, b).frame()
        } else {
            let [a, b] = [[10, 0, 0, 1], [198, 51, 100, 80]].map(Ipv4Addr::from);
            segment.in_ipv4(a, b).frame()
        }
    }

    #[test]
    fn plain_packet_has_the_hash_of_its_connection_in_both_directions() {
        for v6 in [false, true] {
            let octets = frame(v6, [40_000, 443]);
            let octets = octets.as_slice();
            let packet = packet::parse(octets, LinkType::Ethernet).unwrap().unwrap();
            let (_, ports) = follow::segment(octets, &packet, 60).unwrap();
            let Plain::Segment(plain) = plain(octets, LinkType::Ethernet) else {
                panic!("{v6}");
            };
            let ours = ends(octets, &packet, Direction::Egress, ports).unwrap();
            let theirs = ends(octets, &packet, Direction::Ingress, ports).unwrap();
            assert_eq!((hash(&ours), hash(&theirs)), (plain, plain), "{v6}");
        }
    }

    #[test]
    fn what_is_not_plain_is_read_in_full() {
        let unclear = |v6, place: usize, octet: u8| {
            let mut octets = frame(v6, [1, 2]);
            octets[place] = octet;
            assert_eq!(
                plain(octets.as_slice(), LinkType::Ethernet),
                Plain::Unclear,
                "{place}"
            );
        };
        // A tag, options, a fragment, an extension header.
        unclear(false, 12, 0x81);
        unclear(false, 14, 0x46);
        unclear(false, 20, 0x20);
        unclear(true, 20, 0);
        assert_eq!(plain([0; 3].as_slice(), LinkType::Ethernet), Plain::Unclear);
    }

    #[test]
    fn what_is_no_segment_is_passed_over() {
        for (v6, place) in [(false, 23), (true, 20)] {
            let mut octets = frame(v6, [1, 2]);
            octets[place] = 17;
            assert_eq!(plain(octets.as_slice(), LinkType::Ethernet), Plain::Other);
        }
        let mut arp = frame(false, [1, 2]);
        arp[13] = 6;
        assert_eq!(plain(arp.as_slice(), LinkType::Ethernet), Plain::Other);
    }

    #[test]
    fn nothing_is_drawn_where_one_in_zero_is() {
        for port in 1..2000 {
            let octets = frame(false, [port, 443]);
            let Plain::Segment(hash) = plain(octets.as_slice(), LinkType::Ethernet) else {
                panic!("{port}");
            };
            assert!(!is_drawn(hash, 0));
            assert!(is_drawn(hash, 1));
        }
    }

    #[test]
    fn share_is_that_of_all_connections_within_chance() {
        for doublings in [1, 3, 6] {
            let share = Share::one_in_power(doublings);
            let drawn = (0..64_000_u32)
                .filter(|number| {
                    let octets = frame(false, [1024 + (number % 64_000) as u16, 443]);
                    match plain(octets.as_slice(), LinkType::Ethernet) {
                        Plain::Segment(hash) => is_drawn(hash, share.one_in()),
                        Plain::Other | Plain::Unclear => false,
                    }
                })
                .count();
            let want = 64_000 / share.one_in() as usize;
            assert!(drawn.abs_diff(want) * 10 < want, "{drawn} of {want}");
        }
        assert_eq!(Share::one_in_power(99), Share::LEAST);
        assert_eq!(Share::ALL.one_in(), 1);
    }

    #[test]
    fn sample_gives_back_its_segment() {
        let segment = FollowedSegment {
            seq: SeqNumber(1),
            ack: SeqNumber(2),
            flags: tcp::ACK,
            window: 3,
            data_octets: 1400,
            is_large: true,
            is_first_fragment: false,
            tsval: Some(TsVal(4)),
        };
        let ends = FlowEnds {
            local: Address::from_ipv4([10, 0, 0, 1]),
            remote: Address::from_ipv4([10, 0, 0, 2]),
            local_port: 40_000,
            remote_port: 443,
        };
        for direction in [Direction::Ingress, Direction::Egress] {
            let mut sample = Sample {
                time_ns: 0,
                local: Address::default(),
                remote: Address::default(),
                local_port: 0,
                remote_port: 0,
                seq: 0,
                ack: 0,
                data_octets: 0,
                tsval: 0,
                window: 0,
                tcp_flags: 0,
                bits: 0,
            };
            sample.fill(direction, ends, &segment, 77);
            assert_eq!(sample.ends(), ends);
            assert_eq!(sample.segment(), segment);
            assert_eq!(sample.direction(), direction);
            assert_eq!(size_of::<Sample>(), Sample::SIZE);
        }
    }
}
