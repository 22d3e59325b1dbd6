//! Rewrites segments that carry data, as faulty devices on a path do.

use aya_ebpf::{
    btf_maps::Array, helpers::bpf_get_prandom_u32, macros::btf_map, programs::TcContext,
};

use crate::segment::Segment;

/// What is taken off a timestamp: 100 s, more than any connection of the lab lasts.
const AGE_MS: u32 = 100_000;
/// Every so many connections have old timestamps.
const AGED: u16 = 3;
/// What is added to a sequence number: far outside any window.
const SHIFT: u32 = 1 << 30;
/// One in so many segments is shifted.
const SHIFTED: u32 = 12;
/// Place of the sequence number before that of the checksum.
const FROM_SEQ_TO_CHECKSUM: usize = 12;

/// Segments rewritten.
#[btf_map]
static DAMAGED_SEGMENTS: Array<u64, 1> = Array::new();

/// Makes the timestamps of some connections older than those the receiver has seen.
#[inline(always)]
pub(crate) fn age(ctx: &TcContext) -> Option<()> {
    let segment = Segment::read(ctx)?;
    // Linux gives connections even ports first.
    if segment.data_len == 0 || (segment.header.destination_port >> 1) % AGED != 0 {
        return None;
    }
    let [tsval, _] = segment.timestamps?;
    let old = tsval.wrapping_sub(AGE_MS);
    segment.replace(ctx, segment.timestamps_offset?, tsval, old)?;
    count()
}

/// Puts some segments outside the receiver's window.
#[inline(always)]
pub(crate) fn shift(ctx: &TcContext) -> Option<()> {
    let segment = Segment::read(ctx)?;
    // SAFETY: the helper takes nothing and returns a number.
    if segment.data_len == 0 || unsafe { bpf_get_prandom_u32() } % SHIFTED != 0 {
        return None;
    }
    let seq = segment.header.seq.0;
    let offset = segment.checksum_offset - FROM_SEQ_TO_CHECKSUM;
    segment.replace(ctx, offset, seq, seq.wrapping_add(SHIFT))?;
    count()
}

#[inline(always)]
fn count() -> Option<()> {
    let counter = DAMAGED_SEGMENTS.get_ptr_mut(0)?;
    // SAFETY: the map returned the pointer. Two CPUs may lose a count; that it is not 0 is what matters.
    unsafe { *counter += 1 };
    Some(())
}
