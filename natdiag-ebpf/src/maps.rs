//! The maps, and typed access to them.

use aya_ebpf::{
    Global,
    bindings::BPF_RB_NO_WAKEUP,
    btf_maps::{PerCpuArray, RingBuf},
    macros::btf_map,
};
use natdiag_common::{
    Direction, LinkType,
    counter::Totals,
    packet::PacketMeta,
    record::Record,
    slot::{RemoteSlot, SLOTS, Spill},
};

use crate::frame::Frame;

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

#[unsafe(no_mangle)]
static LINK_TYPE: Global<u8> = Global::new(LinkType::Ethernet as u8);

/// How the frames of the watched device begin.
#[inline(always)]
pub(crate) fn link_type() -> LinkType {
    if LINK_TYPE.load() == LinkType::RawIp as u8 {
        LinkType::RawIp
    } else {
        LinkType::Ethernet
    }
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
    // SAFETY: as above.
    Some(unsafe { &mut *slot })
}

/// Hands a spill to userspace, once `fill` has set every field. `false` means that the ring is full.
#[inline(always)]
pub(crate) fn submit_spill(fill: impl FnOnce(&mut Spill)) -> bool {
    let Some(mut entry) = SPILLS.reserve(0) else {
        return false;
    };
    // SAFETY: the ring's memory is readable and `Spill` is made of integers.
    fill(unsafe { &mut *entry.as_mut_ptr() });
    entry.submit(u64::from(BPF_RB_NO_WAKEUP));
    true
}

/// Hands a packet's record to userspace. `false` means that the ring is full.
#[inline(always)]
pub(crate) fn submit_record(
    frame: &Frame,
    packet: &PacketMeta,
    direction: Direction,
    at_ns: u64,
) -> bool {
    let Some(mut entry) = RECORDS.reserve(0) else {
        return false;
    };
    // SAFETY: the ring's memory is readable and `Record` is made of integers; `fill` sets every field.
    let record = unsafe { &mut *entry.as_mut_ptr() };
    record.fill(frame, packet, direction, at_ns);
    entry.submit(u64::from(BPF_RB_NO_WAKEUP));
    true
}
