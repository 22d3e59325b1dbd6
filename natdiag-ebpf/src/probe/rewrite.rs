//! Changes of a TCP header. The checksum follows each (RFC 1624).

use aya_ebpf::{helpers::bpf_ktime_get_ns, programs::TcContext};

use crate::segment::{Segment, Timestamps};

/// Place of the checksum in a TCP header.
const CHECKSUM_OFFSET: usize = 16;
/// Kind and length of the option with timestamps (RFC 7323, section 3.2).
const TIMESTAMPS_OPTION: [u8; 2] = [8, 10];
/// Four options that say nothing.
const NO_OPERATIONS: [u8; 4] = [1; 4];

/// Takes the timestamps out of a segment.
#[inline(always)]
pub(crate) fn strip(ctx: &TcContext, segment: &Segment, timestamps: Timestamps) -> Option<()> {
    let Timestamps {
        offset,
        tsval,
        tsecr,
    } = timestamps;
    replace(ctx, segment, offset, TIMESTAMPS_OPTION, [1; 2])?;
    replace(ctx, segment, offset + 2, tsval.to_be_bytes(), NO_OPERATIONS)?;
    replace(ctx, segment, offset + 6, tsecr.to_be_bytes(), NO_OPERATIONS)
}

/// Writes other octets at `offset`, two or four, and corrects the checksum.
#[inline(always)]
pub(crate) fn replace<const N: usize>(
    ctx: &TcContext,
    segment: &Segment,
    offset: usize,
    old: [u8; N],
    new: [u8; N],
) -> Option<()> {
    ctx.store(offset, &new, 0).ok()?;
    let is_odd = !(offset - segment.offset).is_multiple_of(2);
    ctx.l4_csum_replace(
        segment.offset + CHECKSUM_OFFSET,
        summand(old, is_odd),
        summand(new, is_odd),
        // The low bits of the flags say how many octets changed.
        N as u64,
    )
    .ok()
}

/// Octets as a number for the sum. An option may begin at an odd place, where the sum wants them swapped.
#[inline(always)]
fn summand<const N: usize>(octets: [u8; N], is_odd: bool) -> u64 {
    let number = match octets.as_slice() {
        [a, b] if is_odd => u32::from(u16::from_ne_bytes([*b, *a])),
        [a, b] => u32::from(u16::from_ne_bytes([*a, *b])),
        [a, b, c, d] if is_odd => u32::from_ne_bytes([*b, *a, *d, *c]),
        [a, b, c, d] => u32::from_ne_bytes([*a, *b, *c, *d]),
        _ => 0,
    };
    u64::from(number)
}

/// The monotonic time.
#[inline(always)]
pub(crate) fn now_ns() -> u64 {
    // SAFETY: the helper takes nothing and returns a number.
    unsafe { bpf_ktime_get_ns() }
}
