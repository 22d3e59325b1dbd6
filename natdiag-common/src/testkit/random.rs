//! Random frames, the same for the same seed: mostly well-formed, of every kind that natdiag tells apart.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{
    CLIENT, CLIENT_V6, IcmpMessage, Ipv4, Ipv6, Packet, Payload, echo_request, ethernet,
    fragmentation_needed, icmp, packet::IpHeader, packet_too_big, raw, tcp, time_exceeded, udp,
    unreachable,
};
use crate::LinkType;

/// Remote hosts of random frames: few enough to meet again, enough to want the same slots.
const REMOTES: u64 = 2000;

/// A generator of random numbers and frames (`SplitMix64`, Steele, Lea and Flood 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts at a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `bound`, which is above 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next_u64() % bound).unwrap_or(0)
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One octet.
    pub fn octet(&mut self) -> u8 {
        let [octet, ..] = self.next_u64().to_be_bytes();
        octet
    }

    /// Two octets.
    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.octet(), self.octet()])
    }

    /// Four octets.
    pub fn u32(&mut self) -> u32 {
        u32::from(self.u16()) << 16 | u32::from(self.u16())
    }

    /// Any octets, fewer than `bound`.
    pub fn octets(&mut self, bound: usize) -> Vec<u8> {
        let len = self.below(bound);
        (0..len).map(|_| self.octet()).collect()
    }

    /// A frame of any kind, well-formed but for a length field once in a while.
    pub fn frame(&mut self, link: LinkType) -> Vec<u8> {
        if self.once_in(40) {
            let octets = self.octets(64);
            return match link {
                LinkType::Ethernet => ethernet(self.u16(), &octets),
                LinkType::RawIp => octets,
            };
        }
        if self.once_in(2) {
            let packet = self.ipv4();
            self.finish(packet, link)
        } else {
            let packet = self.ipv6();
            self.finish(packet, link)
        }
    }

    /// Damages a frame in a few places: octets, its end, or a length that headers rely on.
    pub fn mutate(&mut self, frame: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            // Headers are in front.
            let reach = frame.len().min(80);
            let place = self.below(reach);
            match (self.below(6), frame.get_mut(place)) {
                (0, Some(octet)) => *octet ^= 1 << self.below(8),
                (1, Some(octet)) => *octet = self.octet(),
                (2, Some(octet)) => *octet = *self.choose(&[0, 1, 4, 6, 0x45, 0x7f, 0x80, 0xff]),
                (3, _) => frame.truncate(self.below(frame.len() + 1)),
                (4, _) => frame.extend(self.octets(64)),
                (_, Some(_)) => {
                    let inserted = self.octets(9);
                    frame.splice(place..place, inserted);
                }
                (_, None) => {}
            }
        }
    }

    fn choose<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        #[expect(clippy::indexing_slicing, reason = "`below` keeps the index inside")]
        &choices[self.below(choices.len())]
    }

    fn remote(&mut self) -> u16 {
        // Squared: some hosts come often, most seldom.
        let place = self.next_u64() % REMOTES * (self.next_u64() % REMOTES) / REMOTES;
        u16::try_from(place).unwrap_or(0)
    }

    fn ipv4(&mut self) -> Packet<Ipv4> {
        let [high, low] = self.remote().to_be_bytes();
        let remote = Ipv4Addr::new(198, 18, high, low);
        let (source, destination) = if self.once_in(2) {
            (remote, CLIENT)
        } else {
            (CLIENT, remote)
        };
        let mut packet = self.payload_v4(destination).in_ipv4(source, destination);
        packet = packet.ttl(self.octet()).identification(self.u16());
        if self.once_in(3) {
            packet = packet.dont_fragment();
        }
        if self.once_in(8) {
            let options = self.octets(41);
            packet = packet.options(&options);
        }
        if self.once_in(30) {
            let octets = packet.octets().len();
            let wrong = self.length_like(octets);
            packet = packet.total_len(wrong);
        }
        if self.once_in(60) {
            packet = packet.ihl(self.octet());
        }
        packet
    }

    fn ipv6(&mut self) -> Packet<Ipv6> {
        let remote = Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, self.remote());
        let (source, destination) = if self.once_in(2) {
            (remote, CLIENT_V6)
        } else {
            (CLIENT_V6, remote)
        };
        let mut packet = self.payload_v6(destination).in_ipv6(source, destination);
        packet = packet.hop_limit(self.octet()).identification(self.u32());
        while self.once_in(3) {
            packet = match self.below(10) {
                0 | 1 => packet.hop_by_hop(),
                2 => packet.routing(),
                3 | 4 => packet.destination_options(),
                5 => packet.mobility(),
                6 => packet.authentication(),
                7 => packet.atomic_fragment(),
                8 => packet.extension(60, 2, 24),
                _ => {
                    let (len, octets) = (self.octet() % 8, self.below(64));
                    packet.extension(*self.choose(&[0, 43, 51, 60, 135, 139, 140]), len, octets)
                }
            };
        }
        if self.once_in(30) {
            let octets = packet.octets().len();
            let wrong = self.length_like(octets);
            packet = packet.payload_len(wrong);
        }
        packet
    }

    /// A length that is near `octets`, or far from it.
    fn length_like(&mut self, octets: usize) -> u16 {
        let near = u16::try_from(octets).unwrap_or(u16::MAX);
        match self.below(4) {
            0 => 0,
            1 => near.saturating_sub(self.u16() % 64),
            2 => near.saturating_add(self.u16() % 64),
            _ => self.u16(),
        }
    }

    fn payload_v4(&mut self, destination: Ipv4Addr) -> Box<dyn Payload> {
        let quoted = self.quoted(|segment| segment.in_ipv4(CLIENT, destination).octets());
        let mtu = self.u16();
        self.payload(fragmentation_needed(mtu, &quoted), &quoted)
    }

    fn payload_v6(&mut self, destination: Ipv6Addr) -> Box<dyn Payload> {
        let quoted = self.quoted(|segment| segment.in_ipv6(CLIENT_V6, destination).octets());
        let mtu = self.u32();
        self.payload(packet_too_big(mtu, &quoted), &quoted)
    }

    /// What an error quotes: a packet that is often cut off.
    fn quoted(&mut self, in_ip: impl FnOnce(&dyn Payload) -> Vec<u8>) -> Vec<u8> {
        let mut quoted = in_ip(&tcp().seq(self.u32()).ack(self.u32()).data_len(100));
        if self.once_in(2) {
            quoted.truncate(self.below(80));
        }
        quoted
    }

    fn payload(&mut self, too_big: IcmpMessage, quoted: &[u8]) -> Box<dyn Payload> {
        let data = if self.once_in(4) { 1200 } else { 40 };
        let data = self.below(data);
        match self.below(16) {
            0..8 => self.segment(),
            8 | 9 => Box::new(udp().data_len(data)),
            10 => Box::new(udp().data_len(data).len_field(self.u16() % 12)),
            11 => Box::new(too_big),
            12 => Box::new(unreachable(quoted)),
            13 => Box::new(time_exceeded(quoted)),
            14 if self.once_in(2) => Box::new(echo_request(self.u16(), self.u16(), data)),
            14 => Box::new(icmp(self.octet() % 16, self.octet() % 8).quoting(quoted)),
            _ => Box::new(raw(self.octet(), &self.octets(64))),
        }
    }

    fn segment(&mut self) -> Box<dyn Payload> {
        let flags = match self.below(4) {
            0 => self.octet(),
            1 => 0x10,
            _ => *self.choose(&[0x02, 0x12, 0x11, 0x04, 0x14, 0xc2]),
        };
        let mut segment = tcp().ports(self.u16(), 443).ack(self.u32()).flags(flags);
        segment = segment.window(self.u16());
        if self.once_in(2) {
            segment = segment.seq(if self.once_in(2) { 0 } else { self.u32() });
        }
        if self.once_in(2) {
            segment = segment.mss(self.u16()).sack_permitted();
            segment = segment.timestamps(self.u32(), self.u32()).window_scale(7);
        } else if self.once_in(3) {
            segment = segment.raw_options(&self.octets(41));
        }
        if self.once_in(20) {
            segment = segment.data_offset_words(self.octet() % 16);
        }
        if self.once_in(3) {
            segment = segment.data_len(self.below(600));
        }
        Box::new(segment)
    }

    fn finish<H: IpHeader>(&mut self, mut packet: Packet<H>, link: LinkType) -> Vec<u8> {
        if self.once_in(3) {
            let units = if self.once_in(2) { 180 } else { 0x1fff };
            let offset = u16::try_from(self.below(units) * 8).unwrap_or(0);
            let offset = if self.once_in(3) { 0 } else { offset };
            packet = packet.fragment(offset, self.once_in(2));
            if self.once_in(4) {
                packet = packet.payload_cut_to(self.below(32));
            }
        }
        if link == LinkType::RawIp {
            return packet.octets();
        }
        while self.once_in(6) {
            packet = if self.once_in(2) {
                packet.vlan(5)
            } else {
                packet.service_vlan(6)
            };
        }
        let mut frame = packet.frame();
        // Ethernet pads frames to 60 octets.
        if self.once_in(2) {
            frame.resize(frame.len().max(60), 0);
        }
        frame
    }
}
