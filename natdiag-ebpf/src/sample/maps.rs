//! The maps of the programs that hand over segments, and typed access to them.

use aya_ebpf::{
    bindings::BPF_RB_NO_WAKEUP,
    btf_maps::{Array, PerCpuArray, RingBuf},
    macros::btf_map,
    maps::ring_buf::RingBufEntry,
};
use natdiag_common::sample::Sample;

/// Userspace looks for samples by itself.
pub(crate) const NO_WAKEUP: u64 = BPF_RB_NO_WAKEUP as u64;

/// Octets of the ring.
const RING_LEN: usize = 1 << 22;

/// Written by userspace: one connection in so many is drawn, as in the map of the programs that watch.
#[btf_map]
static SAMPLE_ONE_IN: Array<u32, 1> = Array::new();

#[btf_map]
static SAMPLES: RingBuf<Sample, RING_LEN> = RingBuf::new();

/// Segments that found no room in the ring.
#[btf_map]
static SAMPLES_MISSED: PerCpuArray<u64, 1> = PerCpuArray::new();

/// One connection in so many is drawn; none where it is zero.
#[inline(always)]
pub(crate) fn one_in() -> u32 {
    SAMPLE_ONE_IN.get(0).copied().unwrap_or_default()
}

/// Makes room for a sample, whose every field must be set before it is submitted. `None` means that the ring is full.
#[inline(always)]
pub(crate) fn reserve() -> Option<RingBufEntry<Sample>> {
    SAMPLES.reserve(0)
}

/// Counts a segment that found no room.
#[inline(always)]
pub(crate) fn count_missed() {
    if let Some(missed) = SAMPLES_MISSED.get_ptr_mut(0) {
        // SAFETY: the map returned the pointer; a program is not interrupted by another that uses this CPU's entry.
        unsafe { *missed += 1 };
    }
}
