//! A glance at a frame: whether it is one of the many that nobody asks about, and else how little is left to find out.
//!
//! It only looks where each header has its place, without tag and options, and reads them as [`parse`](super::parse)
//! does: where it is sure, it is right. One shortcut does not, and `testkit::invariant` holds it against the rest.

use super::{PacketMeta, parse_ipv4, parse_payload};
use crate::{
    FrameBytes, LinkType,
    wire::{
        ethernet, ipv4, ipv6,
        tcp::{self, FIN, RST, SYN},
        udp,
    },
};

/// Place of the TCP or UDP header, where no tag or option comes before it.
const PAYLOAD_OFFSET: usize = ethernet::HEADER_LEN + ipv4::MIN_HEADER_LEN;
/// Octets up to the end of that of TCP.
const PLAIN_HEADERS_LEN: usize = PAYLOAD_OFFSET + tcp::MIN_HEADER_LEN;
/// `EtherType` of IPv4, and an IPv4 header of five words.
const TYPE_VERSION_IHL: Pattern = Pattern {
    mask: [0xff, 0xff, 0xff, 0],
    value: [0x08, 0x00, ipv4::WITHOUT_OPTIONS, 0],
};
/// Neither More Fragments nor an offset, any time to live, TCP.
const WHOLE_TCP: Pattern = Pattern {
    mask: [0x3f, 0xff, 0, 0xff],
    value: [0, 0, 0, tcp::PROTOCOL],
};
/// Neither More Fragments nor an offset, any time to live, UDP.
const WHOLE_UDP: Pattern = Pattern {
    mask: [0x3f, 0xff, 0, 0xff],
    value: [0, 0, 0, udp::PROTOCOL],
};
/// Octets of the shortest headers that end a packet: IPv4 and UDP.
const SHORTEST_HEADERS_LEN: usize = ipv4::MIN_HEADER_LEN + udp::HEADER_LEN;

/// What four octets must be, in those bits that are set in a mask.
struct Pattern {
    mask: [u8; 4],
    value: [u8; 4],
}

impl Pattern {
    #[inline(always)]
    const fn fits(&self, octets: [u8; 4]) -> bool {
        u32::from_ne_bytes(octets) & u32::from_ne_bytes(self.mask) == u32::from_ne_bytes(self.value)
    }
}

/// What a glance tells about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glance {
    /// It carries a well-formed packet that is not [notable](PacketMeta::is_notable).
    Ordinary,
    /// It carries a TCP segment that opens or closes a connection, and is no fragment.
    Segment(PacketMeta),
    /// It carries a fragment.
    Fragment(PacketMeta),
    /// [`parse`](super::parse) has to tell.
    Unclear,
}

/// Looks at a frame.
#[inline(always)]
pub fn glance<F: FrameBytes + ?Sized>(frame: &F, link: LinkType) -> Glance {
    let seen = match link {
        LinkType::Ethernet => glance_ethernet(frame),
        LinkType::RawIp => glance_raw_ip(frame),
    };
    seen.unwrap_or(Glance::Unclear)
}

#[inline(always)]
fn glance_ethernet<F: FrameBytes + ?Sized>(frame: &F) -> Option<Glance> {
    if let Some(headers) = frame.octets(0)
        && is_ordinary(&headers)
    {
        return Some(Glance::Ordinary);
    }
    let octets: [u8; ethernet::HEADER_LEN + SHORTEST_HEADERS_LEN] = frame.octets(0)?;
    let frame = &Begun { octets, frame };
    match u16::from_be_bytes(frame.octets(ethernet::TYPE_OFFSET)?) {
        ethernet::TYPE_IPV4 => glance_ipv4(frame, ethernet::HEADER_LEN),
        ethernet::TYPE_IPV6 => glance_ipv6(frame, ethernet::HEADER_LEN),
        _ => None,
    }
}

/// Whether this is one of the most frequent packets: IPv4 without options, whole, with TCP that neither opens nor
/// closes a connection, or with UDP. Two words decide nearly everything.
#[inline(always)]
fn is_ordinary(headers: &[u8; PLAIN_HEADERS_LEN]) -> bool {
    let headers = headers.as_slice();
    let (Some(type_version_ihl), Some(total_len), Some(fragment_protocol)) = (
        headers.octets(ethernet::TYPE_OFFSET),
        headers.octets(ethernet::HEADER_LEN + ipv4::TOTAL_LEN_OFFSET),
        headers.octets(ethernet::HEADER_LEN + ipv4::FRAGMENT_OFFSET),
    ) else {
        return false;
    };
    let total_len = u32::from(u16::from_be_bytes(total_len));
    TYPE_VERSION_IHL.fits(type_version_ihl)
        && (WHOLE_TCP.fits(fragment_protocol) && is_ordinary_tcp(headers, total_len)
            || WHOLE_UDP.fits(fragment_protocol) && is_ordinary_udp(headers, total_len))
}

#[inline(always)]
fn is_ordinary_tcp(headers: &[u8], total_len: u32) -> bool {
    let Some([data_offset, flags]) = headers.octets(PAYLOAD_OFFSET + tcp::DATA_OFFSET_OFFSET)
    else {
        return false;
    };
    let header_len = u32::from(data_offset >> 4) * 4;
    flags & (SYN | FIN | RST) == 0
        && header_len >= tcp::MIN_HEADER_LEN as u32
        && ipv4::MIN_HEADER_LEN as u32 + header_len <= total_len
}

#[inline(always)]
fn is_ordinary_udp(headers: &[u8], total_len: u32) -> bool {
    udp::parse(headers, PAYLOAD_OFFSET).is_ok() && total_len >= SHORTEST_HEADERS_LEN as u32
}

#[inline(always)]
fn glance_raw_ip<F: FrameBytes + ?Sized>(frame: &F) -> Option<Glance> {
    let octets: [u8; SHORTEST_HEADERS_LEN] = frame.octets(0)?;
    let frame = &Begun { octets, frame };
    glance_ipv4(frame, 0).or_else(|| glance_ipv6(frame, 0))
}

#[inline(always)]
fn glance_ipv4<F: FrameBytes + ?Sized>(frame: &F, offset: usize) -> Option<Glance> {
    let [version_and_length, _] = frame.octets(offset)?;
    if version_and_length != ipv4::WITHOUT_OPTIONS {
        return None;
    }
    let header = ipv4::parse(frame, offset).ok()?;
    if header.more_fragments || header.fragment_offset_octets != 0 {
        return parse_ipv4(frame, offset).ok().map(Glance::Fragment);
    }
    let room = header.total_len - header.header_len_octets;
    let payload_offset = offset + ipv4::MIN_HEADER_LEN;
    let transport = parse_payload(frame, header.protocol, payload_offset, room).ok()?;
    if !transport.is_notable() {
        return Some(Glance::Ordinary);
    }
    if header.protocol != tcp::PROTOCOL {
        return None;
    }
    // Again, as the many should not carry along what only the few need.
    parse_ipv4(frame, offset).ok().map(Glance::Segment)
}

#[inline(always)]
fn glance_ipv6<F: FrameBytes + ?Sized>(frame: &F, offset: usize) -> Option<Glance> {
    let header = ipv6::parse(frame, offset).ok()?;
    if ipv6::is_extension(header.next_header) {
        return None;
    }
    let room = header.total_len - ipv6::HEADER_LEN as u32;
    let transport =
        parse_payload(frame, header.next_header, offset + ipv6::HEADER_LEN, room).ok()?;
    (!transport.is_notable()).then_some(Glance::Ordinary)
}

/// A frame whose first octets have been read at once, and of unknown length: lengths that headers leave out, and merged
/// packets have, are not for a glance.
struct Begun<'a, F: ?Sized, const LEN: usize> {
    octets: [u8; LEN],
    frame: &'a F,
}

impl<F: FrameBytes + ?Sized, const LEN: usize> FrameBytes for Begun<'_, F, LEN> {
    #[inline(always)]
    fn octets<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        if offset + N <= LEN {
            self.octets.as_slice().octets(offset)
        } else {
            self.frame.octets(offset)
        }
    }

    #[inline(always)]
    fn wire_len(&self) -> usize {
        0
    }
}
