//! Gives a host a clock of its own: a base on every timestamp that it sends, taken off every echo it receives.
//! With `net.ipv4.tcp_timestamps=2` its timestamps are then the machine's clock plus the base, as those of hosts
//! are that booted at different times.

use aya_ebpf::{Global, programs::TcContext};
use natdiag_common::wire::tcp;

use crate::segment::Segment;

/// What the host's clock is ahead of the machine's, in its ticks of 1 ms.
#[unsafe(no_mangle)]
static CLOCK_BASE: Global<u32> = Global::new(0);

/// Adds the base to `TSval`.
#[inline(always)]
pub(crate) fn sent(ctx: &TcContext) -> Option<()> {
    let segment = Segment::read(ctx)?;
    let [tsval, _] = segment.timestamps?;
    replace(
        ctx,
        &segment,
        segment.timestamps_offset?,
        tsval,
        tsval.wrapping_add(CLOCK_BASE.load()),
    )
}

/// Takes the base off `TSecr`.
#[inline(always)]
pub(crate) fn received(ctx: &TcContext) -> Option<()> {
    let segment = Segment::read(ctx)?;
    if !segment.has(tcp::ACK) {
        return None;
    }
    let [_, tsecr] = segment.timestamps?;
    replace(
        ctx,
        &segment,
        segment.timestamps_offset? + 4,
        tsecr,
        tsecr.wrapping_sub(CLOCK_BASE.load()),
    )
}

/// Writes another number at `offset`, and corrects the checksum.
#[inline(always)]
fn replace(ctx: &TcContext, segment: &Segment, offset: usize, old: u32, new: u32) -> Option<()> {
    let (old, new) = (old.to_be_bytes(), new.to_be_bytes());
    ctx.store(offset, &new, 0).ok()?;
    // An option may begin at an odd place, where the sum wants
    // its octets swapped.
    let (old, new) = if (offset + segment.checksum_offset).is_multiple_of(2) {
        (old, new)
    } else {
        (swapped(old), swapped(new))
    };
    // The low bits of the flags say how many octets changed.
    ctx.l4_csum_replace(
        segment.checksum_offset,
        u64::from(u32::from_ne_bytes(old)),
        u64::from(u32::from_ne_bytes(new)),
        4,
    )
    .ok()
}

#[inline(always)]
const fn swapped([a, b, c, d]: [u8; 4]) -> [u8; 4] {
    [b, a, d, c]
}
