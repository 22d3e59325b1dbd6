//! A glance at a frame: whether it is one of the many that nobody asks about, and else how little is left to find out.
//!
//! It only looks where each header has its place, without tag and options, and reads them as [`parse`](super::parse)
//! does: where it is sure, it is right.

use super::{PacketMeta, parse_ipv4, parse_payload};
use crate::{
    FrameBytes, LinkType,
    wire::{ethernet, ipv4, ipv6},
};

/// First octet of an IPv4 header of five words.
const IPV4_WITHOUT_OPTIONS: u8 = 0x45;

/// What a glance tells about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glance {
    /// It carries a well-formed packet that is not [notable](PacketMeta::is_notable).
    Ordinary,
    /// It carries a notable one.
    Notable(PacketMeta),
    /// [`parse`](super::parse) has to tell.
    Unclear,
}

/// Looks at a frame.
#[inline(always)]
pub fn glance<F: FrameBytes + ?Sized>(frame: &F, link: LinkType) -> Glance {
    let frame = &Unmeasured(frame);
    let seen = match link {
        LinkType::Ethernet => match frame.octets(ethernet::TYPE_OFFSET).map(u16::from_be_bytes) {
            Some(ethernet::TYPE_IPV4) => glance_ipv4(frame, ethernet::HEADER_LEN),
            Some(ethernet::TYPE_IPV6) => glance_ipv6(frame, ethernet::HEADER_LEN),
            _ => None,
        },
        LinkType::RawIp => glance_ipv4(frame, 0).or_else(|| glance_ipv6(frame, 0)),
    };
    seen.unwrap_or(Glance::Unclear)
}

#[inline(always)]
fn glance_ipv4<F: FrameBytes + ?Sized>(frame: &F, offset: usize) -> Option<Glance> {
    let [version_and_length, _] = frame.octets(offset)?;
    if version_and_length != IPV4_WITHOUT_OPTIONS {
        return None;
    }
    let header = ipv4::parse(frame, offset).ok()?;
    if !header.more_fragments && header.fragment_offset_octets == 0 {
        let room = header.total_len - header.header_len_octets;
        let payload_offset = offset + ipv4::MIN_HEADER_LEN;
        let transport = parse_payload(frame, header.protocol, payload_offset, room).ok()?;
        if !transport.is_notable() {
            return Some(Glance::Ordinary);
        }
    }
    // Again, as the many should not carry along what only the few need.
    parse_ipv4(frame, offset).ok().map(Glance::Notable)
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

/// A frame of unknown length. Lengths that headers leave out, and merged packets have, are not for a glance.
struct Unmeasured<'a, F: ?Sized>(&'a F);

impl<F: FrameBytes + ?Sized> FrameBytes for Unmeasured<'_, F> {
    #[inline(always)]
    fn octets<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.0.octets(offset)
    }

    #[inline(always)]
    fn wire_len(&self) -> usize {
        0
    }
}
