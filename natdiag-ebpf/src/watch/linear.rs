//! Brings a packet's headers into one run of memory, which is all that a TC program can read directly, and leaves
//! alone the many packets whose headers are there and only their data is elsewhere.
//!
//! This comes before the packet is read, and is not tried when reading has failed: to read twice squares the ways that
//! the verifier follows, and before Linux 6.8 it refuses the loop ("back-edge").

use aya_ebpf::programs::TcContext;
use natdiag_common::{
    FrameBytes as _, LinkType,
    wire::{ethernet, icmp, ipv4, ipv6, tcp, udp},
};
use natdiag_ebpf::{frame::Frame, link};

/// Most octets of headers that are brought together.
const HEADERS_LEN: u32 = 256;
/// First octet of an IPv4 header of five words.
const IPV4_WITHOUT_OPTIONS: u8 = 0x45;

/// The packet, with its headers readable if that can be had.
#[inline(always)]
pub(crate) fn with_headers(ctx: &TcContext) -> Frame {
    let frame = Frame::of_skb(ctx);
    if frame.lacks(HEADERS_LEN as usize) {
        let len = usual_headers_len(&frame, link::link_type());
        return with_octets(ctx, &frame, len.unwrap_or(HEADERS_LEN as usize));
    }
    frame
}

/// The packet, with so many of its octets readable if that can be had.
#[inline(always)]
pub(crate) fn with_octets(ctx: &TcContext, frame: &Frame, len: usize) -> Frame {
    if frame.lacks(len) {
        // Where it fails the packet is as it was, and what can be seen of it is counted.
        let _ = ctx.pull_data(HEADERS_LEN.min(ctx.len()));
    }
    // Also where nothing lacked: to the verifier both ways are then one.
    Frame::of_skb(ctx)
}

/// Octets up to the end of the transport header, where no tag, option or extension header may come before it.
#[inline(always)]
fn usual_headers_len(frame: &Frame, link: LinkType) -> Option<usize> {
    let offset = match link {
        LinkType::Ethernet => ethernet::HEADER_LEN,
        LinkType::RawIp => 0,
    };
    if link == LinkType::Ethernet {
        let ether_type = u16::from_be_bytes(frame.octets(ethernet::TYPE_OFFSET)?);
        if !matches!(ether_type, ethernet::TYPE_IPV4 | ethernet::TYPE_IPV6) {
            return None;
        }
    }
    let [version, _, _, _, _, _, next_header, _, _, protocol] = frame.octets(offset)?;
    let (protocol, transport) = match version {
        IPV4_WITHOUT_OPTIONS => (protocol, offset + ipv4::MIN_HEADER_LEN),
        _ if version >> 4 == 6 => (next_header, offset + ipv6::HEADER_LEN),
        _ => return None,
    };
    match protocol {
        tcp::PROTOCOL => Some(transport + tcp::MIN_HEADER_LEN),
        udp::PROTOCOL => Some(transport + udp::HEADER_LEN),
        icmp::PROTOCOL_V4 | icmp::PROTOCOL_V6 => Some(transport + icmp::HEADER_LEN),
        _ => None,
    }
}
