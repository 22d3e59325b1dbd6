//! The maps, and typed access to them.

use aya_ebpf::{
    bindings::BPF_RB_NO_WAKEUP,
    btf_maps::{Array, PerCpuArray, ProgramArray, RingBuf},
    macros::btf_map,
    maps::ring_buf::RingBufEntry,
};
use natdiag_common::{
    counter::Totals,
    record::Record,
    slot::{RemoteSlot, SLOTS, Spill},
};

use crate::headers::Headers;

/// Octets of each ring unless userspace sets another size when it loads.
const RING_LEN: usize = 1 << 24;

#[btf_map]
static TOTALS: PerCpuArray<Totals, 1> = PerCpuArray::new();

#[btf_map]
static REMOTE_SLOTS: PerCpuArray<RemoteSlot, { SLOTS as usize }> = PerCpuArray::new();

#[btf_map]
static SPILLS: RingBuf<Spill, RING_LEN> = RingBuf::new();

#[btf_map]
static RECORDS: RingBuf<Record, RING_LEN> = RingBuf::new();

/// Nobody reads it but the program that wrote it.
#[btf_map]
static HEADERS: PerCpuArray<Headers, 1> = PerCpuArray::new();

/// Written by userspace: one connection in so many is drawn. Zero, which is none, until then.
#[btf_map]
static SAMPLE_ONE_IN: Array<u32, 1> = Array::new();

// One for each type of program: the kernel keeps them apart.

#[btf_map]
pub(crate) static SAMPLER_XDP: ProgramArray<1> = ProgramArray::new();

#[btf_map]
pub(crate) static SAMPLER_XDP_MB: ProgramArray<1> = ProgramArray::new();

#[btf_map]
pub(crate) static SAMPLER_TC_IN: ProgramArray<1> = ProgramArray::new();

#[btf_map]
pub(crate) static SAMPLER_TC_OUT: ProgramArray<1> = ProgramArray::new();

/// One connection in so many is drawn; none where it is zero.
#[inline(always)]
pub(crate) fn sample_one_in() -> u32 {
    SAMPLE_ONE_IN.get(0).copied().unwrap_or_default()
}

/// This CPU's counters.
#[inline(always)]
pub(crate) fn totals() -> Option<&'static mut Totals> {
    let totals = TOTALS.get_ptr_mut(0)?;
    // SAFETY: the map returned the pointer; a program is not interrupted by another that uses this CPU's entry.
    Some(unsafe { &mut *totals })
}

/// One of this CPU's slots.
#[inline(always)]
pub(crate) fn remote_slot(index: u32) -> Option<&'static mut RemoteSlot> {
    let slot = REMOTE_SLOTS.get_ptr_mut(index)?;
    // SAFETY: the map returned the pointer; a program is not interrupted by another that uses this CPU's entry.
    Some(unsafe { &mut *slot })
}

/// Where this CPU lays down the headers of a packet.
#[inline(always)]
pub(crate) fn headers() -> Option<*mut Headers> {
    HEADERS.get_ptr_mut(0)
}

/// Makes room for a spill, whose every field must be set before it is submitted. `None` means that the ring is full.
#[inline(always)]
pub(crate) fn reserve_spill() -> Option<Entry<Spill>> {
    SPILLS.reserve(0).map(Entry)
}

/// Makes room for a record, whose every field must be set before it is submitted. `None` means that the ring is full.
#[inline(always)]
pub(crate) fn reserve_record() -> Option<Entry<Record>> {
    RECORDS.reserve(0).map(Entry)
}

/// Room in a ring, for a type that is made of integers.
///
/// Not a closure that fills it: LLVM makes a function of that, and copies everything it needs to the stack for it, in
/// part without a value, which the verifier may refuse.
pub(crate) struct Entry<T: 'static>(RingBufEntry<T>);

impl<T> Entry<T> {
    /// What is to be filled.
    #[inline(always)]
    pub(crate) fn content(&mut self) -> &mut T {
        // SAFETY: the ring's memory is readable, and any octets are a value of integers.
        unsafe { &mut *self.0.as_mut_ptr() }
    }

    /// Hands it to userspace, which looks for it by itself.
    #[inline(always)]
    pub(crate) fn submit(self) {
        self.0.submit(u64::from(BPF_RB_NO_WAKEUP));
    }
}
