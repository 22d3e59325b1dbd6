//! Charges a packet to its remote host, in this CPU's cache of per-remote counters.

use core::ptr::write_volatile;

use aya_ebpf::helpers::{bpf_get_smp_processor_id, bpf_jiffies64};
use natdiag_common::{
    Address,
    classify::{Keep, Tally},
    counter::{Counter, RemoteCounter, RemoteCounts, Totals},
    packet::PacketMeta,
    slot::{BUDGET_BURST, RemoteSlot, SPILL_AFTER, slot_index},
};

use crate::maps;

/// Adds a packet to its remote host's counters. Returns whether a record of it is within the budget.
#[inline(always)]
pub(crate) fn charge(totals: &mut Totals, packet: &PacketMeta, tally: &Tally, keep: Keep) -> bool {
    let index = slot_index(tally.remote);
    let Some(slot) = maps::remote_slot(index) else {
        return false;
    };
    if (slot.address != tally.remote || slot.packets >= SPILL_AFTER)
        && !hand_over(slot, index, tally.remote)
    {
        totals.increment(Counter::MissedRemotes);
        return true;
    }
    slot.packets += 1;
    add(slot, tally.counter, 1);
    if tally.dont_fragment {
        add(slot, RemoteCounter::FragmentDontFragment as usize, 1);
    }
    if tally.maximum != 0
        && let Some(maximum) = slot.counts.at(tally.maximum)
        && *maximum < tally.first_octets
    {
        *maximum = tally.first_octets;
    }
    if keep == Keep::WithinBudget {
        return grant(slot, packet);
    }
    true
}

#[inline(always)]
fn add(slot: &mut RemoteSlot, counter: usize, amount: u32) {
    if let Some(value) = slot.counts.at(counter) {
        *value = value.wrapping_add(amount);
    }
}

/// Spills what the slot holds and gives it to another remote host. `false` means that the ring of spills is full:
/// the slot stays as it was.
#[inline(always)]
fn hand_over(slot: &mut RemoteSlot, index: u32, remote: Address) -> bool {
    if slot.packets != 0 {
        let submitted = maps::submit_spill(|spill| {
            // SAFETY: the helper takes nothing and returns a number.
            spill.cpu = unsafe { bpf_get_smp_processor_id() };
            spill.slot = index;
            spill.epoch = slot.epoch_head;
            spill.packets = slot.packets;
            spill.address = slot.address;
            spill.counts = slot.counts;
        });
        if !submitted {
            return false;
        }
    }
    let epoch = slot.epoch_head.wrapping_add(1);
    // SAFETY: both are fields of a map entry. Volatile, so that the order that readers rely on stays.
    unsafe { write_volatile(&raw mut slot.epoch_tail, epoch) };
    slot.packets = 0;
    slot.address = remote;
    slot.counts = RemoteCounts::ZERO;
    // SAFETY: as above.
    unsafe { write_volatile(&raw mut slot.epoch_head, epoch) };
    true
}

/// Takes one record from the budget, or refuses. The fragments of one datagram are granted or refused together, as
/// long as they are not mingled with those of others.
#[inline(always)]
fn grant(slot: &mut RemoteSlot, packet: &PacketMeta) -> bool {
    let datagram = packet.fragment.map(|_| packet.identification);
    // SAFETY: the helper takes nothing and returns a number.
    let jiffies = unsafe { bpf_jiffies64() } as u32;
    let earned = jiffies.wrapping_sub(slot.refilled);
    // Once the whole budget has been earned again, the same identification is another datagram's.
    if datagram == Some(slot.denied) && slot.budget == 0 && earned < BUDGET_BURST {
        return false;
    }
    slot.refilled = jiffies;
    let available = slot.budget.saturating_add(earned).min(BUDGET_BURST);
    if available == 0 {
        slot.budget = 0;
        if let Some(datagram) = datagram {
            slot.denied = datagram;
            add(slot, RemoteCounter::DatagramUnobserved as usize, 1);
        }
        return false;
    }
    slot.budget = available - 1;
    true
}
