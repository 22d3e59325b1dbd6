//! Where a whole TCP segment has its parts.

use aya_ebpf::programs::TcContext;
use natdiag_common::{
    Direction, FrameBytes,
    packet::{self, Transport},
    probe::WireEnds,
    wire::tcp,
};
use natdiag_ebpf::{frame::Frame, link};

/// Most options that are read; Linux puts its timestamps third.
const MAX_OPTIONS: usize = 6;
/// Most octets of headers that a packet is made linear for: Ethernet, two tags, IPv6 and the longest TCP header.
const HEADERS_LEN: u32 = 128;
const END_OF_LIST: u8 = 0;
const NO_OPERATION: u8 = 1;
/// Kind and length (RFC 9293, section 3.2; RFC 7323, section 3.2).
const MSS: [u8; 2] = [2, 4];
const TIMESTAMPS: [u8; 2] = [8, 10];

/// A TCP segment that is no fragment.
pub(crate) struct Segment {
    pub(crate) header: tcp::Header,
    pub(crate) ends: WireEnds,
    pub(crate) ttl: u8,
    /// Where the header begins in the frame.
    pub(crate) offset: usize,
    pub(crate) timestamps: Option<Timestamps>,
}

/// The option with timestamps.
#[derive(Clone, Copy)]
pub(crate) struct Timestamps {
    /// Where its kind is in the frame.
    pub(crate) offset: usize,
    pub(crate) tsval: u32,
    pub(crate) tsecr: u32,
}

impl Segment {
    /// Reads the headers of a packet.
    #[inline(always)]
    pub(crate) fn read(ctx: &TcContext, direction: Direction) -> Option<Self> {
        if Frame::of_skb(ctx).lacks(HEADERS_LEN as usize) {
            // Where it fails the packet is as it was, and is not understood.
            let _ = ctx.pull_data(HEADERS_LEN.min(ctx.len()));
        }
        let frame = Frame::of_skb(ctx);
        let packet = packet::parse(&frame, link::link_type()).ok()??;
        let Transport::Tcp { .. } = packet.transport else {
            return None;
        };
        if packet.fragment.is_some() {
            return None;
        }
        let offset = packet.payload_offset;
        let header = tcp::parse(&frame, offset, packet.payload_len).ok()?;
        let (source, destination) = (packet.source(&frame)?, packet.destination(&frame)?);
        let ends = match direction {
            Direction::Ingress => WireEnds {
                local: destination,
                remote: source,
                local_port: header.destination_port,
                remote_port: header.source_port,
                reserved: 0,
            },
            Direction::Egress => WireEnds {
                local: source,
                remote: destination,
                local_port: header.source_port,
                remote_port: header.destination_port,
                reserved: 0,
            },
        };
        let options = offset + tcp::MIN_HEADER_LEN;
        let end = offset + header.data_offset_octets as usize;
        Some(Self {
            ends,
            ttl: packet.ttl,
            offset,
            timestamps: timestamps(&frame, options, end),
            header,
        })
    }

    /// The option with the MSS: where it begins, and the octets of the number.
    #[inline(always)]
    pub(crate) fn mss(&self, ctx: &TcContext) -> Option<(usize, [u8; 2])> {
        let frame = Frame::of_skb(ctx);
        let options = self.offset + tcp::MIN_HEADER_LEN;
        let end = self.offset + self.header.data_offset_octets as usize;
        let at = option(&frame, options, end, MSS)?;
        Some((at, frame.octets(at + 2)?))
    }

    /// Whether a flag is set.
    #[inline(always)]
    pub(crate) const fn has(&self, flag: u8) -> bool {
        self.header.flags & flag != 0
    }
}

#[inline(always)]
fn timestamps(frame: &Frame, options: usize, end: usize) -> Option<Timestamps> {
    let offset = option(frame, options, end, TIMESTAMPS)?;
    Some(Timestamps {
        offset,
        tsval: u32::from_be_bytes(frame.octets(offset + 2)?),
        tsecr: u32::from_be_bytes(frame.octets(offset + 6)?),
    })
}

/// Where the option of a kind begins that has this length.
#[inline(always)]
fn option(frame: &Frame, mut at: usize, end: usize, wanted: [u8; 2]) -> Option<usize> {
    for _ in 0..MAX_OPTIONS {
        if at >= end {
            return None;
        }
        let found: [u8; 2] = frame.octets(at)?;
        let [kind, len] = found;
        match kind {
            END_OF_LIST => return None,
            NO_OPERATION => at += 1,
            _ if found == wanted => return Some(at),
            _ if len < 2 => return None,
            _ => at += len as usize,
        }
    }
    None
}
