//! Where a whole TCP segment has its parts.

use aya_ebpf::programs::TcContext;
use natdiag_common::{
    Direction, FrameBytes,
    packet::{self, Transport},
    probe::WireEnds,
    wire::tcp,
};

use crate::{frame::Frame, maps};

/// Most options that are read; Linux puts its timestamps third.
const MAX_OPTIONS: usize = 6;
/// Most octets of headers that a packet is made linear for: Ethernet, two tags, IPv6 and the longest TCP header.
const HEADERS_LEN: u32 = 128;
const END_OF_LIST: u8 = 0;
const NO_OPERATION: u8 = 1;
const TIMESTAMPS: u8 = 8;

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
        let packet = packet::parse(&frame, maps::link_type()).ok()??;
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

    /// Whether a flag is set.
    #[inline(always)]
    pub(crate) const fn has(&self, flag: u8) -> bool {
        self.header.flags & flag != 0
    }
}

#[inline(always)]
fn timestamps(frame: &Frame, mut at: usize, end: usize) -> Option<Timestamps> {
    for _ in 0..MAX_OPTIONS {
        if at >= end {
            return None;
        }
        let [kind, len] = frame.octets(at)?;
        match kind {
            END_OF_LIST => return None,
            NO_OPERATION => at += 1,
            TIMESTAMPS => {
                return Some(Timestamps {
                    offset: at,
                    tsval: u32::from_be_bytes(frame.octets(at + 2)?),
                    tsecr: u32::from_be_bytes(frame.octets(at + 6)?),
                });
            }
            _ if len < 2 => return None,
            _ => at += len as usize,
        }
    }
    None
}
