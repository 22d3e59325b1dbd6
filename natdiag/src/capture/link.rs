//! What stands before everything else in a capture (www.tcpdump.org/linktypes.html): which way the packet went and by
//! which interface, where that is said, and what it carries. An Ethernet frame that [`natdiag_common::packet::parse`]
//! reads by itself is left to it; anything else is taken off, so that the IP header comes first.

mod nflog;
mod pktap;
#[cfg(test)]
mod tests;

use super::{
    encapsulation::{Carried, behind, in_ethernet, in_ppp, in_pppoe},
    interface::Interface,
    protocol::Protocol,
};
use natdiag_common::{
    Direction, FrameBytes, Layer, LinkType, ParseError, frame::CapturedFrame, wire::ethernet,
};

/// Octets of the address family that stands before the packet.
const FAMILY_LEN: usize = 4;
/// Octets of a cooked header.
const COOKED_LEN: usize = 16;
/// Octets of a cooked header, version 2.
const COOKED_V2_LEN: usize = 20;
/// Octets of a header of Solaris.
const IPNET_LEN: usize = 24;
/// `ARPHRD_LOOPBACK` of `linux/if_arp.h`: each packet is seen twice there, as it is sent and as it arrives.
const LOOPBACK: u16 = 772;

/// A header that natdiag knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkHeader {
    /// Ethernet II, or LLC.
    Ethernet,
    /// None.
    RawIp,
    /// An address family, in the byte order of the machine that captured or in network byte order.
    Family,
    /// `LINUX_SLL`: `| packet type | ARPHRD | address length | address, 8 octets | protocol |`.
    Cooked,
    /// `LINUX_SLL2`: `| protocol | 0 | interface, 4 octets | ARPHRD | packet type | address length | address |`.
    CookedV2,
    /// PPP, in frames like those of HDLC or without, or Cisco's HDLC.
    Ppp,
    /// PPP behind an octet that is not 0 where the packet was sent, or the same in place of the address of HDLC.
    PppWithDirection,
    /// `PPPoE` without Ethernet.
    PppOe,
    /// `NFLOG` of Linux: what a firewall rule has logged.
    Nflog,
    /// `PKTAP` of Darwin: the link header of each packet is told before it.
    Pktap,
    /// `IPNET` of Solaris: `| version | family | hook, 2 octets | length | interface | group | zones |`, each of four
    /// octets from the length on, in network byte order.
    Ipnet,
}

/// What a link header says, and what stands behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened<'a> {
    /// Which way the packet went.
    pub(super) direction: Option<Direction>,
    /// Which interface it was seen at.
    #[cfg_attr(not(test), expect(dead_code, reason = "interfaces are not told apart"))]
    pub(super) interface: Option<Interface>,
    /// What it carries.
    pub(super) content: Result<Content<'a>, ParseError>,
}

/// What a frame carries.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content<'a> {
    /// What the parser of packets reads, and what that begins with.
    Packet(CapturedFrame<'a>, LinkType),
    /// Anything else.
    Other(Protocol),
}

impl LinkHeader {
    /// The header by its number in the list of link types.
    pub(super) const fn of(link_type: u32) -> Option<Self> {
        match link_type {
            1 => Some(Self::Ethernet),
            // 12 is the number of DLT_RAW on Linux and Darwin, which some programs write into files, and 14 on OpenBSD.
            12 | 14 | 101 | 228 | 229 => Some(Self::RawIp),
            0 | 108 => Some(Self::Family),
            113 => Some(Self::Cooked),
            276 => Some(Self::CookedV2),
            // 104 is Cisco's HDLC.
            9 | 50 | 104 => Some(Self::Ppp),
            166 | 204 => Some(Self::PppWithDirection),
            51 => Some(Self::PppOe),
            226 => Some(Self::Ipnet),
            239 => Some(Self::Nflog),
            258 => Some(Self::Pktap),
            _ => None,
        }
    }

    /// Reads the header.
    pub(super) fn open(self, frame: CapturedFrame<'_>) -> Opened<'_> {
        match self {
            Self::Ethernet => Opened::silent(ethernet_frame(frame)),
            Self::RawIp => Opened::silent(Ok(Content::Packet(frame, LinkType::RawIp))),
            Self::Family => Opened::silent(behind_family(frame)),
            Self::Cooked => cooked(frame),
            Self::CookedV2 => cooked_v2(frame),
            Self::Ppp => Opened::silent(content(frame, in_ppp(&frame, 0))),
            Self::PppWithDirection => ppp_with_direction(frame),
            Self::PppOe => Opened::silent(content(frame, in_pppoe(&frame, 0))),
            Self::Nflog => nflog::open(frame),
            Self::Pktap => pktap::open(frame),
            Self::Ipnet => ipnet(frame),
        }
    }
}

impl<'a> Opened<'a> {
    /// What is behind a header that says nothing else.
    const fn silent(content: Result<Content<'a>, ParseError>) -> Self {
        Self {
            direction: None,
            interface: None,
            content,
        }
    }

    /// A header that natdiag does not know.
    pub(super) const fn of_unknown(link_type: u32) -> Self {
        Self::silent(Ok(Content::Other(Protocol::Link(link_type))))
    }

    /// A header that ends too early.
    const fn truncated() -> Self {
        Self::silent(Err(Layer::Ethernet.truncated()))
    }
}

fn ethernet_frame(frame: CapturedFrame<'_>) -> Result<Content<'_>, ParseError> {
    match ethernet::parse(&frame) {
        Ok((ethernet::TYPE_IPV4 | ethernet::TYPE_IPV6, _)) => {
            Ok(Content::Packet(frame, LinkType::Ethernet))
        }
        Ok(_) | Err(_) => content(frame, in_ethernet(&frame)),
    }
}

/// `AF_INET` is 2 everywhere; `AF_INET6` is 10 on Linux, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on Darwin.
fn behind_family(frame: CapturedFrame<'_>) -> Result<Content<'_>, ParseError> {
    let family = frame.octets(0).ok_or(Layer::Ethernet.truncated())?;
    match family {
        [2 | 10 | 24 | 28 | 30, 0, 0, 0] | [0, 0, 0, 2 | 10 | 24 | 28 | 30] => {
            Ok(raw_ip(frame, FAMILY_LEN))
        }
        [_, _, 0, 0] => Ok(Content::Other(Protocol::Family(u32::from_le_bytes(family)))),
        _ => Ok(Content::Other(Protocol::Family(u32::from_be_bytes(family)))),
    }
}

fn cooked(frame: CapturedFrame<'_>) -> Opened<'_> {
    let Some(header) = frame.octets::<COOKED_LEN>(0) else {
        return Opened::truncated();
    };
    let [_, packet_type, high, low, ..] = header;
    let hardware = u16::from_be_bytes([high, low]);
    let [.., high, low] = header;
    Opened {
        direction: cooked_direction(packet_type, hardware),
        interface: None,
        content: content(
            frame,
            behind(&frame, u16::from_be_bytes([high, low]), COOKED_LEN),
        ),
    }
}

fn cooked_v2(frame: CapturedFrame<'_>) -> Opened<'_> {
    let Some(header) = frame.octets::<COOKED_V2_LEN>(0) else {
        return Opened::truncated();
    };
    let [
        high,
        low,
        _,
        _,
        a,
        b,
        c,
        d,
        hardware_high,
        hardware_low,
        packet_type,
        ..,
    ] = header;
    let hardware = u16::from_be_bytes([hardware_high, hardware_low]);
    Opened {
        direction: cooked_direction(packet_type, hardware),
        interface: Some(Interface::Index(u32::from_be_bytes([a, b, c, d]))),
        content: content(
            frame,
            behind(&frame, u16::from_be_bytes([high, low]), COOKED_V2_LEN),
        ),
    }
}

/// `PACKET_HOST`, `PACKET_BROADCAST`, `PACKET_MULTICAST` and `PACKET_OUTGOING` of `linux/if_packet.h`. What was for
/// another host went neither way; and what this host sends to itself goes both.
const fn cooked_direction(packet_type: u8, hardware: u16) -> Option<Direction> {
    match packet_type {
        _ if hardware == LOOPBACK => None,
        0..=2 => Some(Direction::Ingress),
        4 => Some(Direction::Egress),
        _ => None,
    }
}

fn ppp_with_direction(frame: CapturedFrame<'_>) -> Opened<'_> {
    let Some([sent, _]) = frame.octets(0) else {
        return Opened::truncated();
    };
    // The control field of HDLC follows, where the octet stands in place of its address.
    let start = match frame.octets(1) {
        Some([0x03, _]) => 2,
        _ => 1,
    };
    Opened {
        direction: Some(if sent == 0 {
            Direction::Ingress
        } else {
            Direction::Egress
        }),
        interface: None,
        content: content(frame, in_ppp(&frame, start)),
    }
}

/// Family and hook of `sys/dlpi.h` (`dl_ipnetinfo_t`): 0 is received, 1 sent, and 2 comes from another zone of this
/// machine.
fn ipnet(frame: CapturedFrame<'_>) -> Opened<'_> {
    let Some(header) = frame.octets::<IPNET_LEN>(0) else {
        return Opened::truncated();
    };
    let [_, family, high, low, _, _, _, _, a, b, c, d, ..] = header;
    Opened {
        direction: match u16::from_be_bytes([high, low]) {
            0 => Some(Direction::Ingress),
            1 => Some(Direction::Egress),
            _ => None,
        },
        interface: Some(Interface::Index(u32::from_be_bytes([a, b, c, d]))),
        content: match family {
            2 => content(frame, behind(&frame, ethernet::TYPE_IPV4, IPNET_LEN)),
            26 => content(frame, behind(&frame, ethernet::TYPE_IPV6, IPNET_LEN)),
            _ => Ok(Content::Other(Protocol::Family(family.into()))),
        },
    }
}

/// What a walk has found.
fn content(
    frame: CapturedFrame<'_>,
    carried: Result<Carried, ParseError>,
) -> Result<Content<'_>, ParseError> {
    Ok(match carried? {
        Carried::Ip(offset) => raw_ip(frame, offset),
        Carried::Other(protocol) => Content::Other(protocol),
    })
}

/// The packet behind `offset`, which has been read.
fn raw_ip(frame: CapturedFrame<'_>, offset: usize) -> Content<'_> {
    Content::Packet(rest(frame, offset), LinkType::RawIp)
}

/// What is left of a frame behind `offset`.
fn rest(frame: CapturedFrame<'_>, offset: usize) -> CapturedFrame<'_> {
    CapturedFrame {
        octets: frame.octets.get(offset..).unwrap_or_default(),
        wire_len: frame.wire_len.saturating_sub(offset),
    }
}
