//! Every access to the octets of a packet.

use core::ptr::read_volatile;

use aya_ebpf::programs::{TcContext, XdpContext};
use natdiag_common::FrameBytes;

/// All bits of an offset. No header begins beyond octet 0x4fff: 14 octets of Ethernet, two tags, and the longest chain
/// of extension headers that is read (eight of 2,048 octets). The verifier wants a bound below 65,535.
pub const OFFSET_MASK: usize = 0x7fff;

/// A packet in one run of memory.
pub struct Frame {
    data: usize,
    data_end: usize,
    wire_len: usize,
}

impl Frame {
    /// The frame that an XDP program looks at.
    #[must_use]
    #[inline(always)]
    pub fn of_xdp(ctx: &XdpContext) -> Self {
        let (data, data_end) = (ctx.data(), ctx.data_end());
        Self {
            data,
            data_end,
            wire_len: data_end - data,
        }
    }

    /// The linear part of the packet that a TC program looks at.
    #[must_use]
    #[inline(always)]
    pub fn of_skb(ctx: &TcContext) -> Self {
        // Volatile, so that LLVM does not merge two readings: it would do arithmetic on the merged pointers that the
        // verifier refuses.
        // SAFETY: the context of a program is readable.
        let (data, data_end) = unsafe {
            let skb = ctx.skb.skb;
            (
                read_volatile(&raw const (*skb).data),
                read_volatile(&raw const (*skb).data_end),
            )
        };
        Self {
            data: data as usize,
            data_end: data_end as usize,
            wire_len: ctx.len() as usize,
        }
    }

    /// Whether fewer than `len` octets can be read here though there were more on the wire.
    #[must_use]
    #[inline(always)]
    pub fn lacks(&self, len: usize) -> bool {
        self.data_end - self.data < len.min(self.wire_len)
    }
}

impl FrameBytes for Frame {
    #[inline(always)]
    fn octets<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        // A mask rather than a comparison, whose result the verifier before Linux 6.8 forgets when the compiler keeps
        // the offset on the stack.
        let start = self.data + (offset & OFFSET_MASK);
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
        // The verifier knows nothing about the difference of the pointers, so nothing about any of these bits. They are
        // zero, which LLVM does not know either.
        let zero = self.data_end.wrapping_sub(self.data) >> 32;
        offset ^ zero
    }
}
