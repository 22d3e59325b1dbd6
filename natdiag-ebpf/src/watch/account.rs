//! One remote host's place in this CPU's cache: its budget of records, and its counters.

use core::ptr::write_volatile;

use aya_ebpf::helpers::{bpf_get_smp_processor_id, bpf_jiffies64};
use natdiag_common::{
    Address,
    classify::Tally,
    counter::{RemoteCounter, RemoteCounts},
    packet::PacketMeta,
    slot::{BUDGET_BURST, RemoteSlot, SPILL_AFTER, slot_index},
};

use crate::maps;

/// The slot of a remote host, which another host may hold.
pub(crate) struct Account {
    slot: &'static mut RemoteSlot,
    index: u32,
}

/// Whether a packet may give a record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grant {
    /// It may.
    Given,
    /// The budget is used up.
    Refused,
    /// The budget is used up, and this is the first fragment of its datagram that meets with that.
    RefusedDatagram,
}

impl Account {
    /// The account of a remote host. There always is one; the verifier does not know that.
    #[inline(always)]
    pub(crate) fn of(remote: Address) -> Option<Self> {
        let index = slot_index(remote);
        let slot = maps::remote_slot(index)?;
        Some(Self { slot, index })
    }

    /// Takes one record from the budget, or refuses. The fragments of one datagram are granted or refused together,
    /// as long as they are not mingled with those of others.
    #[inline(always)]
    pub(crate) fn grant(&mut self, packet: &PacketMeta) -> Grant {
        let slot = &mut *self.slot;
        let datagram = packet.part().map(|_| packet.identification);
        // SAFETY: the helper takes nothing and returns a number.
        let jiffies = unsafe { bpf_jiffies64() } as u32;
        let earned = jiffies.wrapping_sub(slot.refilled);
        // Once the whole budget has been earned again, the same identification is another datagram's.
        if datagram == Some(slot.denied) && slot.budget == 0 && earned < BUDGET_BURST {
            return Grant::Refused;
        }
        slot.refilled = jiffies;
        let available = slot.budget.saturating_add(earned).min(BUDGET_BURST);
        if available == 0 {
            slot.budget = 0;
            return match datagram {
                Some(datagram) => {
                    slot.denied = datagram;
                    Grant::RefusedDatagram
                }
                None => Grant::Refused,
            };
        }
        slot.budget = available - 1;
        Grant::Given
    }

    /// Adds a packet to the remote host's counters. `false` means that another host holds the slot and the ring of
    /// spills is full: nothing has changed.
    #[inline(always)]
    pub(crate) fn charge(&mut self, tally: &Tally, grant: Grant) -> bool {
        if (self.slot.address != tally.remote || self.slot.packets >= SPILL_AFTER)
            && !self.hand_over(tally.remote)
        {
            return false;
        }
        self.slot.packets += 1;
        self.add(tally.counter);
        if tally.detail != 0 {
            self.add(tally.detail);
        }
        if grant == Grant::RefusedDatagram {
            self.add(RemoteCounter::DatagramUnobserved as usize);
        }
        if tally.maximum != 0
            && let Some(maximum) = self.slot.counts.at(tally.maximum)
            && *maximum < tally.first_octets
        {
            *maximum = tally.first_octets;
        }
        true
    }

    #[inline(always)]
    fn add(&mut self, counter: usize) {
        if let Some(value) = self.slot.counts.at(counter) {
            *value = value.wrapping_add(1);
        }
    }

    /// Spills what the slot holds and gives it to another remote host, but for the budget.
    #[inline(always)]
    fn hand_over(&mut self, remote: Address) -> bool {
        let slot = &mut *self.slot;
        if slot.packets != 0 {
            let Some(mut entry) = maps::reserve_spill() else {
                return false;
            };
            let spill = entry.content();
            // SAFETY: the helper takes nothing and returns a number.
            spill.cpu = unsafe { bpf_get_smp_processor_id() };
            spill.slot = self.index;
            spill.epoch = slot.epoch_head;
            spill.packets = slot.packets;
            spill.address = slot.address;
            spill.counts = slot.counts;
            entry.submit();
        }
        let epoch = slot.epoch_head.wrapping_add(1);
        // SAFETY: both are fields of a map entry. Volatile, so that the order that readers rely on stays.
        unsafe { write_volatile(&raw mut slot.epoch_tail, epoch) };
        slot.packets = 0;
        slot.address = remote;
        slot.counts = RemoteCounts::ZERO;
        // SAFETY: the field is one of a map entry. Volatile, so that the order that readers rely on stays.
        unsafe { write_volatile(&raw mut slot.epoch_head, epoch) };
        true
    }
}
