//! The only way to read a packet.

/// Octets of one frame, counted from its first header.
pub trait FrameBytes {
    /// Returns the `N` octets at `offset`, or `None` if the frame ends before them.
    fn octets<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;

    /// Length of the frame on the wire in octets, which is more than can be read where a capture cut it.
    fn wire_len(&self) -> usize;

    /// Returns `offset`. A reader inside a BPF program hides from the verifier where it came from: what follows is
    /// then verified once, and not again for each way that leads there.
    #[inline(always)]
    fn forget_way(&self, offset: usize) -> usize {
        offset
    }
}

impl FrameBytes for [u8] {
    #[inline(always)]
    fn octets<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.get(offset..)?.first_chunk::<N>().copied()
    }

    #[inline(always)]
    fn wire_len(&self) -> usize {
        self.len()
    }
}

/// A frame of which a capture may have kept only the beginning.
#[derive(Clone, Copy, Debug)]
pub struct CapturedFrame<'a> {
    /// What the capture kept.
    pub octets: &'a [u8],
    /// Length of the frame on the wire in octets.
    pub wire_len: usize,
}

impl CapturedFrame<'_> {
    /// Whether the capture kept less than was on the wire.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.octets.len() < self.wire_len
    }
}

impl FrameBytes for CapturedFrame<'_> {
    fn octets<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.octets.octets(offset)
    }

    fn wire_len(&self) -> usize {
        self.wire_len.max(self.octets.len())
    }
}
