//! Gives a host a clock of its own: a base on every timestamp that it sends, taken off every echo it receives.
//! With `net.ipv4.tcp_timestamps=2` its timestamps are then the machine's clock plus the base, as those of hosts
//! are that booted at different times.

use aya_ebpf::{Global, helpers::bpf_ktime_get_ns, programs::TcContext};
use natdiag_common::{Address, wire::tcp};

use crate::segment::Segment;

/// What the host's clock is ahead of the machine's, in its ticks of 1 ms.
#[unsafe(no_mangle)]
static CLOCK_BASE: Global<u32> = Global::new(0);

/// Whether the base differs from destination to destination, as that of Linux 4.11 to 6.17 does: 1 if so.
#[unsafe(no_mangle)]
static CLOCK_PER_DESTINATION: Global<u8> = Global::new(0);

/// When the host boots again, in nanoseconds of the machine's clock; 0 if never.
#[unsafe(no_mangle)]
static REBOOT_AT_NS: Global<u64> = Global::new(0);

/// The base from then on.
#[unsafe(no_mangle)]
static REBOOTED_BASE: Global<u32> = Global::new(0);

/// Spreads addresses that differ little over all 32 bits (Knuth's multiplicative hash).
const SPREAD: u32 = 0x9e37_79b1;

/// Adds the base to `TSval`.
#[inline(always)]
pub(crate) fn sent(ctx: &TcContext) -> Option<()> {
    let segment = Segment::read(ctx)?;
    let [tsval, _] = segment.timestamps?;
    let new = tsval.wrapping_add(base(&segment.destination));
    segment.replace(ctx, segment.timestamps_offset?, tsval, new)
}

/// Takes the base off `TSecr`.
#[inline(always)]
pub(crate) fn received(ctx: &TcContext) -> Option<()> {
    let segment = Segment::read(ctx)?;
    if !segment.has(tcp::ACK) {
        return None;
    }
    let [_, tsecr] = segment.timestamps?;
    let new = tsecr.wrapping_sub(base(&segment.source));
    segment.replace(ctx, segment.timestamps_offset? + 4, tsecr, new)
}

/// The base towards a remote host.
#[inline(always)]
fn base(remote: &Address) -> u32 {
    let reboot_at_ns = REBOOT_AT_NS.load();
    // SAFETY: the helper takes nothing and returns a number.
    let base = if reboot_at_ns != 0 && unsafe { bpf_ktime_get_ns() } >= reboot_at_ns {
        REBOOTED_BASE.load()
    } else {
        CLOCK_BASE.load()
    };
    if CLOCK_PER_DESTINATION.load() == 0 {
        return base;
    }
    let [.., a, b, c, d] = remote.octets();
    // The base takes part, so that two hosts differ by something else towards each destination.
    let mixed = u32::from_be_bytes([a, b, c, d]) ^ base;
    base.wrapping_add(mixed.wrapping_mul(SPREAD))
}
