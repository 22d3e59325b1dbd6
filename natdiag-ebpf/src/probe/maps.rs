//! The maps of the test's programs, and typed access to them.

use aya_ebpf::{
    btf_maps::{Array, HashMap, LruHashMap, PerCpuArray},
    macros::btf_map,
};
use natdiag_common::probe::{ProbeConnection, RemedyTrial, WireEnds};

/// Entries are made and removed by userspace.
#[btf_map]
static CONNECTIONS: HashMap<u64, ProbeConnection, 256> = HashMap::new();

/// The ends as they are on the wire, where a NAT of this host may have changed them, and the cookie of the socket.
#[btf_map]
static ENDS_ON_WIRE: LruHashMap<WireEnds, u64, 1024> = LruHashMap::new();

/// Written by userspace. All zero is none.
#[btf_map]
static TRIALS: Array<RemedyTrial, 1> = Array::new();

#[btf_map]
static TRIED_SYNS: PerCpuArray<u64, 1> = PerCpuArray::new();

/// The connection of a socket, if it belongs to the test.
#[inline(always)]
pub(crate) fn connection_of_socket(cookie: u64) -> Option<&'static mut ProbeConnection> {
    let connection = CONNECTIONS.get_ptr_mut(cookie)?;
    // SAFETY: the map returned the pointer. The two directions of one connection may write at the same time: all of
    // it is integers, and each is written by one direction.
    Some(unsafe { &mut *connection })
}

/// The connection between these ends, if it belongs to the test.
#[inline(always)]
pub(crate) fn connection_between(ends: &WireEnds) -> Option<&'static mut ProbeConnection> {
    let cookie = ENDS_ON_WIRE.get_ptr(ends)?;
    // SAFETY: the map returned the pointer to an integer.
    connection_of_socket(unsafe { *cookie })
}

/// Notes the ends of a connection.
#[inline(always)]
pub(crate) fn note_ends(ends: &WireEnds, cookie: u64) {
    // Where it fails the answers stay unseen, which userspace notices.
    let _ = ENDS_ON_WIRE.insert(ends, cookie, 0);
}

/// The remedy on trial, if there is one.
#[inline(always)]
pub(crate) fn trial() -> Option<&'static RemedyTrial> {
    TRIALS.get(0)
}

/// Counts a SYN that the trial has changed.
#[inline(always)]
pub(crate) fn count_tried_syn() {
    if let Some(count) = TRIED_SYNS.get_ptr_mut(0) {
        // SAFETY: the map returned the pointer to this CPU's number.
        unsafe { *count += 1 };
    }
}
