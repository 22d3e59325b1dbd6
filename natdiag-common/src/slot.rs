//! The per-CPU cache of per-remote counters, and what leaves it.
//!
//! The cache is direct-mapped: a remote host has one slot on each CPU, chosen by [`slot_index`]. When another
//! host needs the slot, its content goes to userspace as a [`Spill`] and the slot starts afresh. Userspace owns
//! the table of remote hosts; a storm from a few hosts never leaves the cache.

use crate::{Address, counter::RemoteCounts};

/// Slots of one CPU. A power of two; at 112 octets each the cache stays within a second-level CPU cache.
pub const SLOTS: u32 = 1024;

/// Records of fragments and RSTs that a slot may give at once.
pub const BUDGET_BURST: u32 = 256;

/// Packets after which a slot is spilled though nobody else wants it, so that no counter can wrap.
pub const SPILL_AFTER: u32 = u16::MAX as u32;

/// Counters of one remote host on one CPU.
///
/// The kernel raises `epoch_tail` first and `epoch_head` last when the slot changes hands, and userspace reads
/// ascending: equal epochs mean that the copy is of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct RemoteSlot {
    /// How often the slot has changed hands; written last.
    pub epoch_head: u32,
    /// Packets counted since then.
    pub packets: u32,
    /// The remote host; all zero where there is none yet.
    pub address: Address,
    /// Its counters.
    pub counts: RemoteCounts,
    /// Records that the slot may still give. It stays when the slot changes hands: a flood from many hosts has
    /// no more budget than one host.
    pub budget: u32,
    /// Low half of the jiffies of the last refill; one record is granted per jiffy.
    pub refilled: u32,
    /// Identification of the datagram whose fragments are being left out.
    pub denied: u32,
    /// Reserved, zero.
    pub reserved: [u32; 2],
    /// How often the slot has changed hands; written first.
    pub epoch_tail: u32,
}

/// The content of a slot that changed hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct Spill {
    /// CPU of the slot.
    pub cpu: u32,
    /// Place of the slot.
    pub slot: u32,
    /// Epoch that has ended.
    pub epoch: u32,
    /// Packets counted in it.
    pub packets: u32,
    /// The remote host.
    pub address: Address,
    /// Its counters.
    pub counts: RemoteCounts,
}

/// Place of a remote host's slot, below [`SLOTS`].
#[inline(always)]
#[must_use]
pub fn slot_index(address: Address) -> u32 {
    // Multiplicative hashing (Knuth): the upper bits of the product depend on all bits of the address.
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let [high, low] = address.halves();
    let product = (high.wrapping_mul(MULTIPLIER) ^ low).wrapping_mul(MULTIPLIER);
    (product >> (u64::BITS - SLOTS.trailing_zeros())) as u32 & (SLOTS - 1)
}

#[cfg(test)]
mod tests;
