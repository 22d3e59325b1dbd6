//! Every access to the octets of a packet.

use core::hint::black_box;

use aya_ebpf::programs::{TcContext, XdpContext};
use natdiag_common::FrameBytes;

/// No header begins beyond this place: 14 octets of Ethernet, two tags, and the longest chain of extension headers
/// that is read (eight of 2,048 octets). The verifier wants a bound below 65,535.
const MAX_HEADER_OFFSET: usize = 0x4fff;

/// A packet in one run of memory.
pub(crate) struct Frame {
    data: usize,
    data_end: usize,
    wire_len: usize,
}

impl Frame {
    /// The frame that an XDP program looks at.
    #[inline(always)]
    pub(crate) fn of_xdp(ctx: &XdpContext) -> Self {
        let (data, data_end) = (ctx.data(), ctx.data_end());
        Self {
            data,
            data_end,
            wire_len: data_end - data,
        }
    }

    /// The linear part of the packet that a TC program looks at.
    #[inline(always)]
    pub(crate) fn of_skb(ctx: &TcContext) -> Self {
        Self {
            data: ctx.data(),
            data_end: ctx.data_end(),
            wire_len: ctx.len() as usize,
        }
    }

    /// Whether fewer than `len` octets can be read here though there were more on the wire.
    #[inline(always)]
    pub(crate) fn lacks(&self, len: usize) -> bool {
        self.data_end - self.data < len.min(self.wire_len)
    }
}

impl FrameBytes for Frame {
    #[inline(always)]
    fn octets<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        if offset > MAX_HEADER_OFFSET {
            return None;
        }
        let start = self.data + offset;
        if start + N > self.data_end {
            return None;
        }
        // SAFETY: the line above proved `start..start + N` to lie in the packet; `[u8; N]` has alignment 1.
        Some(unsafe { *(start as *const [u8; N]) })
    }

    #[inline(always)]
    fn wire_len(&self) -> usize {
        self.wire_len
    }

    #[inline(always)]
    fn forget_way(&self, offset: usize) -> usize {
        // The verifier knows nothing about the length, so nothing about the sum, nor about the difference.
        black_box(offset.wrapping_add(self.wire_len)).wrapping_sub(self.wire_len)
    }
}
