//! A whole TCP segment: its header, its ends, and where its timestamps are.

use aya_ebpf::programs::TcContext;
use natdiag_common::{
    Address, FrameBytes, LinkType,
    packet::{self, Transport},
    wire::tcp,
};
use natdiag_ebpf::frame::Frame;

/// Most options that are read; Linux puts its timestamps third.
const MAX_OPTIONS: usize = 6;
/// Most octets of headers that a packet is made linear for.
const HEADERS_LEN: u32 = 128;
const END_OF_LIST: u8 = 0;
const NO_OPERATION: u8 = 1;
const TIMESTAMPS: u8 = 8;

/// Place of the checksum in a TCP header.
const CHECKSUM_OFFSET: usize = 16;

/// A TCP segment that is no fragment.
pub(crate) struct Segment {
    pub(crate) source: Address,
    pub(crate) destination: Address,
    pub(crate) header: tcp::Header,
    /// Octets of data.
    pub(crate) data_len: u32,
    /// Sequence number behind the last octet, SYN and FIN included.
    pub(crate) end: u32,
    /// Where the checksum is in the frame.
    pub(crate) checksum_offset: usize,
    /// Where the timestamps are in the frame.
    pub(crate) timestamps_offset: Option<usize>,
    /// The sender's clock, and its echo of the receiver's.
    pub(crate) timestamps: Option<[u32; 2]>,
}

impl Segment {
    /// Reads the headers of a packet.
    #[inline(always)]
    pub(crate) fn read(ctx: &TcContext) -> Option<Self> {
        let _ = ctx.pull_data(HEADERS_LEN.min(ctx.len()));
        let frame = Frame::of_skb(ctx);
        let packet = packet::parse(&frame, LinkType::Ethernet).ok()??;
        let Transport::Tcp { .. } = packet.transport else {
            return None;
        };
        if packet.fragment.is_some() {
            return None;
        }
        let at = packet.payload_offset;
        let header = tcp::parse(&frame, at, packet.payload_len).ok()?;
        let data_len = packet.payload_len - header.data_offset_octets;
        let counted = |flag: u8| u32::from(header.flags & flag != 0);
        let end = header.seq.0.wrapping_add(data_len) + counted(tcp::SYN) + counted(tcp::FIN);
        let timestamps = timestamps(
            &frame,
            at + tcp::MIN_HEADER_LEN,
            at + header.data_offset_octets as usize,
        );
        Some(Self {
            source: packet.source(&frame)?,
            destination: packet.destination(&frame)?,
            data_len,
            end,
            checksum_offset: at + CHECKSUM_OFFSET,
            timestamps_offset: timestamps.map(|(offset, _)| offset),
            timestamps: timestamps.map(|(_, values)| values),
            header,
        })
    }

    /// Whether a flag is set.
    #[inline(always)]
    pub(crate) const fn has(&self, flag: u8) -> bool {
        self.header.flags & flag != 0
    }

    /// Writes another number at `offset` of the frame, and corrects the checksum.
    #[inline(always)]
    pub(crate) fn replace(&self, ctx: &TcContext, offset: usize, old: u32, new: u32) -> Option<()> {
        let (old, new) = (old.to_be_bytes(), new.to_be_bytes());
        ctx.store(offset, &new, 0).ok()?;
        // An option may begin at an odd place, where the sum wants
        // its octets swapped.
        let (old, new) = if (offset + self.checksum_offset).is_multiple_of(2) {
            (old, new)
        } else {
            (swapped(old), swapped(new))
        };
        // The low bits of the flags say how many octets changed.
        ctx.l4_csum_replace(
            self.checksum_offset,
            u64::from(u32::from_ne_bytes(old)),
            u64::from(u32::from_ne_bytes(new)),
            4,
        )
        .ok()
    }
}

#[inline(always)]
const fn swapped([a, b, c, d]: [u8; 4]) -> [u8; 4] {
    [b, a, d, c]
}

/// Where the values of the option with timestamps begin, and what they are.
#[inline(always)]
fn timestamps(frame: &Frame, mut at: usize, end: usize) -> Option<(usize, [u32; 2])> {
    for _ in 0..MAX_OPTIONS {
        if at >= end {
            return None;
        }
        let [kind, len] = frame.octets(at)?;
        match kind {
            END_OF_LIST => return None,
            NO_OPERATION => at += 1,
            TIMESTAMPS => {
                let tsval = u32::from_be_bytes(frame.octets(at + 2)?);
                let tsecr = u32::from_be_bytes(frame.octets(at + 6)?);
                return Some((at + 2, [tsval, tsecr]));
            }
            _ if len < 2 => return None,
            _ => at += len as usize,
        }
    }
    None
}
