//! The maps of the programs that follow, and typed access to them.

use aya_ebpf::{
    btf_maps::{Array, PerCpuArray},
    macros::btf_map,
};
use natdiag_common::{
    Address,
    follow::{FLOWS, FollowCounts, FollowedFlow, SUSPECT_SETS, SUSPECTS_PER_SET, suspect_set},
};

/// Written by userspace. All zero is nobody.
#[btf_map]
static SUSPECTS: Array<[Address; SUSPECTS_PER_SET as usize], { SUSPECT_SETS as usize }> =
    Array::new();

#[btf_map]
static FOLLOW_COUNTS: PerCpuArray<FollowCounts, { (SUSPECT_SETS * SUSPECTS_PER_SET) as usize }> =
    PerCpuArray::new();

/// Shared by all CPUs, since the two directions of a connection meet in it. Where two CPUs give one place to two
/// connections at the same moment, what they hold may be mixed up: then a few segments count as repeated.
#[btf_map]
static FLOWS_FOLLOWED: Array<FollowedFlow, { FLOWS as usize }> = Array::new();

/// Place of a host's counters, if it is under suspicion.
#[inline(always)]
pub(crate) fn suspect_place(remote: Address) -> Option<u32> {
    let set = suspect_set(remote);
    let [first, second] = SUSPECTS.get(set)?;
    let wanted = remote.halves();
    if first.halves() == wanted {
        Some(set * SUSPECTS_PER_SET)
    } else if second.halves() == wanted {
        Some(set * SUSPECTS_PER_SET + 1)
    } else {
        None
    }
}

/// This CPU's counters of a suspect.
#[inline(always)]
pub(crate) fn counts(place: u32) -> Option<&'static mut FollowCounts> {
    let counts = FOLLOW_COUNTS.get_ptr_mut(place)?;
    // SAFETY: the map returned the pointer; a program is not interrupted by another that uses this CPU's entry.
    Some(unsafe { &mut *counts })
}

/// The place of a connection.
#[inline(always)]
pub(crate) fn flow(place: u32) -> Option<&'static mut FollowedFlow> {
    let flow = FLOWS_FOLLOWED.get_ptr_mut(place)?;
    // SAFETY: the map returned the pointer. Another CPU may write the same entry; any bit pattern is valid.
    Some(unsafe { &mut *flow })
}
