//! `NFLOG`: what a rule of netfilter has logged (`net/netfilter/nfnetlink_log.c`, v6.1).
//!
//! ```text
//! | family | version | group, 2 octets | then attributes: | length, 2 octets | type, 2 octets | value, padded to four |
//! ```
//!
//! Lengths and types are in the byte order of the machine that captured. Types are small, which tells that.

use natdiag_common::{
    Direction, FrameBytes,
    frame::CapturedFrame,
    wire::{ethernet, ipv6},
};

use super::{Content, Opened, Protocol, content, rest};
use crate::capture::{encapsulation::behind, interface::Interface};

/// Octets before the attributes, and before the value of each.
const HEADER_LEN: usize = 4;
/// `NFULA_PACKET_HDR`: `| protocol, 2 octets | hook |`, in network byte order.
const PACKET_HEADER: u16 = 1;
/// `NFULA_IFINDEX_INDEV` and `NFULA_IFINDEX_OUTDEV`: an index in network byte order.
const COMES_IN_BY: u16 = 4;
const LEAVES_BY: u16 = 5;
/// `NFULA_PAYLOAD`.
const PAYLOAD: u16 = 9;
/// `AF_INET` and `AF_INET6` of Linux.
const FAMILY_IPV4: u8 = 2;
const FAMILY_IPV6: u8 = 10;
/// More than the kernel has: no header goes on for ever.
const MAX_ATTRIBUTES: usize = 64;

/// One attribute.
struct Attribute {
    kind: u16,
    /// Where its value begins, and how long it is.
    start: usize,
    len: usize,
}

/// Reads the header.
pub(super) fn open(frame: CapturedFrame<'_>) -> Opened<'_> {
    let Some([family, _]) = frame.octets(0) else {
        return Opened::truncated();
    };
    let mut ether_type = match family {
        FAMILY_IPV4 => Some(ethernet::TYPE_IPV4),
        FAMILY_IPV6 => Some(ethernet::TYPE_IPV6),
        _ => None,
    };
    let (mut hook, mut comes_in_by, mut leaves_by) = (None, None, None);
    let mut offset = HEADER_LEN;
    for _ in 0..MAX_ATTRIBUTES {
        let Some(attribute) = attribute(&frame, offset) else {
            break;
        };
        match attribute.kind {
            PACKET_HEADER => {
                if let Some([high, low, number, _]) = frame.octets(attribute.start) {
                    ether_type = Some(u16::from_be_bytes([high, low]))
                        .filter(|it| *it != 0)
                        .or(ether_type);
                    hook = Some(number);
                }
            }
            COMES_IN_BY => comes_in_by = frame.octets(attribute.start).map(u32::from_be_bytes),
            LEAVES_BY => leaves_by = frame.octets(attribute.start).map(u32::from_be_bytes),
            PAYLOAD => {
                let direction = hook.and_then(direction);
                let index = match direction {
                    Some(Direction::Ingress) => comes_in_by.or(leaves_by),
                    Some(Direction::Egress) | None => leaves_by.or(comes_in_by),
                };
                return Opened {
                    direction,
                    interface: index.map(Interface::Index),
                    content: match ether_type {
                        Some(ether_type) => {
                            let frame = logged(frame, &attribute);
                            content(frame, behind(&frame, ether_type, 0))
                        }
                        None => Ok(Content::Other(Protocol::Family(family.into()))),
                    },
                };
            }
            _ => {}
        }
        offset = attribute.start + attribute.len.next_multiple_of(4);
    }
    Opened::truncated()
}

/// The attribute at `offset`, if one can be there.
fn attribute(frame: &CapturedFrame<'_>, offset: usize) -> Option<Attribute> {
    let [len @ .., a, b] = frame.octets::<4>(offset)?;
    let (len, kind) = if b == 0 {
        (u16::from_le_bytes(len), u16::from_le_bytes([a, b]))
    } else {
        (u16::from_be_bytes(len), u16::from_be_bytes([a, b]))
    };
    Some(Attribute {
        kind,
        start: offset + HEADER_LEN,
        len: usize::from(len).checked_sub(HEADER_LEN)?,
    })
}

/// Hooks of `linux/netfilter.h`: before routing and towards this host, and those of what leaves. What is only forwarded
/// may be seen as either.
const fn direction(hook: u8) -> Option<Direction> {
    match hook {
        0 | 1 => Some(Direction::Ingress),
        3 | 4 => Some(Direction::Egress),
        _ => None,
    }
}

/// The packet that was logged: a rule may have kept less of it than there was (`--nflog-size`), which only the packet
/// tells.
fn logged<'a>(frame: CapturedFrame<'a>, attribute: &Attribute) -> CapturedFrame<'a> {
    let frame = rest(frame, attribute.start);
    let octets = frame.octets.get(..attribute.len).unwrap_or(frame.octets);
    let said = match octets {
        [0x40..=0x4f, _, high, low, ..] => u16::from_be_bytes([*high, *low]).into(),
        [0x60..=0x6f, _, _, _, high, low, ..] => {
            ipv6::HEADER_LEN + usize::from(u16::from_be_bytes([*high, *low]))
        }
        _ => 0,
    };
    CapturedFrame {
        octets,
        wire_len: attribute.len.max(said),
    }
}
