//! Packets that a capture shows again. A mirror port sees them on their way in and on their way out, files of several
//! interfaces are joined, or one is joined to itself. Whoever sends something again waits for longer first, so that a
//! packet is known by all that it has in common with one of about the same time: identifications alone tell nothing
//! where the sender leaves them at 0, and IPv6 has none.

use std::hash::{BuildHasher, Hash, Hasher};

use natdiag_common::{
    Direction, FrameBytes,
    packet::{PacketMeta, Transport},
    wire::{icmp, tcp},
};

use crate::seed::Seed;
use crate::{event::Timestamp, recent::Recent};

/// Longest time between two looks at one packet, in nanoseconds. Retransmissions take longer: 200 ms at least where a
/// timer brings them (`TCP_RTO_MIN`, include/net/tcp.h), a round trip where acknowledgments do.
const APART_NS: u64 = 10_000_000;
/// Packets remembered, to know a file that is joined to itself. Twice as many take 40 MB; few captures have them.
const REMEMBERED: usize = 1 << 19;
/// Where the checksum stands in a TCP header. It may be left to the network card, which is behind one of the two places
/// where a packet is seen.
const TCP_CHECKSUM_WORD: usize = 16;

/// Packets that were shown, and when they were seen.
#[derive(Debug)]
pub(super) struct Shown {
    times: Recent<u64, Timestamp>,
    hash: Seed,
}

impl Shown {
    /// Whether this packet was shown before, going the same way. Asked of segments and `ICMP` errors: what comes twice
    /// of a datagram in fragments is no matter.
    pub(super) fn has<F: FrameBytes + ?Sized>(
        &mut self,
        frame: &F,
        packet: &PacketMeta,
        direction: Direction,
        time: Timestamp,
    ) -> bool {
        let Some(len) = header_len(frame, packet) else {
            return false;
        };
        let mut hasher = self.hash.build_hasher();
        direction.hash(&mut hasher);
        packet.source(frame).hash(&mut hasher);
        packet.destination(frame).hash(&mut hasher);
        // Routers between the two places count down the time to live, and nothing else.
        (packet.identification, packet.total_len).hash(&mut hasher);
        let is_tcp = matches!(packet.transport, Transport::Tcp { .. });
        for at in (0..len).step_by(4) {
            let Some([a, b, c, d]) = frame.octets(packet.payload_offset + at) else {
                break;
            };
            let is_checksum = is_tcp && at == TCP_CHECKSUM_WORD;
            let [a, b] = if is_checksum { [0; 2] } else { [a, b] };
            u32::from_ne_bytes([a, b, c, d]).hash(&mut hasher);
        }
        let key = hasher.finish();
        if let Some(before) = self.times.get(key)
            && time.since(before).max(before.since(time)) <= APART_NS
        {
            return true;
        }
        self.times.insert(key, time);
        false
    }
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            times: Recent::new(REMEMBERED),
            hash: Seed::default(),
        }
    }
}

/// Octets of the header by which a packet is known.
fn header_len<F: FrameBytes + ?Sized>(frame: &F, packet: &PacketMeta) -> Option<usize> {
    if packet.fragment.is_some() {
        return None;
    }
    match packet.transport {
        Transport::Tcp { .. } => {
            let header = tcp::parse(frame, packet.payload_offset, packet.payload_len).ok()?;
            Some(header.data_offset_octets as usize)
        }
        // The packet that it quotes, as far as every error does (RFC 792).
        Transport::PacketTooBig | Transport::IcmpError => Some(icmp::HEADER_LEN + 28),
        Transport::Udp | Transport::Other | Transport::Absent => None,
    }
}

#[cfg(test)]
mod tests {
    use natdiag_common::{
        LinkType, packet,
        testkit::{Payload, Segment, tcp},
    };

    use super::*;

    /// Whether a capture that shows the first frame and, `apart_us` later, the second has shown one packet twice.
    fn is_again(first: &[u8], second: &[u8], apart_us: i64) -> bool {
        const START_US: i64 = 1_000_000_000;
        let mut shown = Shown::default();
        let mut has = |frame: &[u8], us: i64| {
            let packet = packet::parse(frame, LinkType::Ethernet).unwrap().unwrap();
            let time = Timestamp(u64::try_from(us * 1000).unwrap());
            shown.has(frame, &packet, Direction::Egress, time)
        };
        assert!(!has(first, START_US));
        has(second, START_US + apart_us)
    }

    fn segment() -> Segment {
        tcp()
            .seq(7)
            .ack(9)
            .ports(40_000, 443)
            .raw_options(&[1, 1])
            .timestamps(100, 200)
            .data_len(30)
    }

    fn v4(segment: &Segment, identification: u16, ttl: u8) -> Vec<u8> {
        segment
            .in_ipv4([192, 0, 2, 1].into(), [203, 0, 113, 80].into())
            .identification(identification)
            .ttl(ttl)
            .frame()
    }

    fn v6(segment: &Segment) -> Vec<u8> {
        let (from, to) = ("2001:db8:1::10", "2001:db8:2::80");
        segment
            .in_ipv6(from.parse().unwrap(), to.parse().unwrap())
            .frame()
    }

    #[test]
    fn a_packet_without_an_identification_is_known_again() {
        let segment = segment();
        for (name, first, second) in [
            ("IPv4", v4(&segment, 5, 64), v4(&segment, 5, 64)),
            ("identification 0", v4(&segment, 0, 64), v4(&segment, 0, 64)),
            ("behind a router", v4(&segment, 0, 64), v4(&segment, 0, 63)),
            ("IPv6", v6(&segment), v6(&segment)),
        ] {
            for apart_us in [0, 5, 1000, 3000, -3000] {
                assert!(
                    is_again(&first, &second, apart_us),
                    "{name}, {apart_us} us apart"
                );
            }
            assert!(!is_again(&first, &second, 200_000), "{name}, sent again");
        }
    }

    #[test]
    fn what_differs_is_another_packet() {
        let other_clock = tcp()
            .seq(7)
            .ack(9)
            .ports(40_000, 443)
            .raw_options(&[1, 1])
            .timestamps(101, 200)
            .data_len(30);
        for (name, other) in [
            ("a timestamp", v4(&other_clock, 5, 64)),
            ("an identification", v4(&segment(), 6, 64)),
            ("a sequence number", v4(&segment().seq(8), 5, 64)),
            ("a length", v4(&segment().data_len(31), 5, 64)),
            ("the family", v6(&segment())),
        ] {
            assert!(!is_again(&v4(&segment(), 5, 64), &other, 5), "{name}");
        }
    }
}
