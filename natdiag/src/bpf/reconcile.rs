//! Puts together what is resident in the kernel's cache and what has been spilled from it, and counts nothing twice.
//! Pure; the order in which the two are read is that of [`super::counters`].
//!
//! A slot lives in epochs, one per remote host. Epoch 0 holds nothing; each later one ends with a spill. So the epoch
//! that is open in userspace's books is the one after the last spill, and a resident copy of a later one has to wait
//! for a spill that is on its way.

use natdiag_common::{
    Address,
    counter::{RemoteCounter, RemoteCounts},
    slot::{RemoteSlot, SLOTS, Spill},
};
use serde::{Deserialize, Serialize};

/// What came to a remote host's counters since the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Increment {
    /// The remote host.
    pub remote: Address,
    /// Sums that came, and maxima as they are.
    pub counts: RemoteCounts,
}

/// What has been merged of each slot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reconciler {
    books: Vec<Book>,
    counted: u64,
}

/// What has been merged of one slot.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Book {
    /// The epoch that is open.
    open: u32,
    /// What has been merged of it.
    merged: RemoteCounts,
}

impl Book {
    /// Nothing is merged of this epoch yet.
    const fn of_epoch(open: u32) -> Self {
        Self {
            open,
            merged: RemoteCounts::ZERO,
        }
    }
}

/// Whether an epoch is later than another; they wrap.
const fn is_ahead(epoch: u32, other: u32) -> bool {
    epoch.wrapping_sub(other).cast_signed() > 0
}

impl Reconciler {
    /// Opens the books for the slots of so many CPUs.
    #[must_use]
    pub fn new(cpus: usize) -> Self {
        Self {
            books: vec![Book::of_epoch(1); cpus * SLOTS as usize],
            counted: 0,
        }
    }

    /// Takes a spill: its epoch is closed. `None` where nothing has come, or where the slot does not exist.
    pub fn spilled(&mut self, spill: &Spill) -> Option<Increment> {
        let book = self.book(spill.cpu as usize, spill.slot as usize)?;
        let before = if book.open == spill.epoch {
            book.merged
        } else {
            RemoteCounts::ZERO
        };
        // One that was given up as lost may come all the same.
        if !is_ahead(book.open, spill.epoch) {
            *book = Book::of_epoch(spill.epoch.wrapping_add(1));
        }
        self.increment(spill.address, &before, &spill.counts)
    }

    /// Takes a copy of what is resident in a slot. `None` where nothing has come, or where the copy cannot be told
    /// from another host's.
    pub fn resident(&mut self, cpu: usize, place: usize, slot: &RemoteSlot) -> Option<Increment> {
        let book = self.book(cpu, place)?;
        if slot.epoch_head != slot.epoch_tail || slot.epoch_head != book.open {
            return None;
        }
        let before = book.merged;
        book.merged = slot.counts;
        self.increment(slot.address, &before, &slot.counts)
    }

    /// Gives up the spills that were to come before what a copy shows: whoever has taken them is gone. Returns `false`
    /// where the copy is of two hosts, so that it cannot be said.
    pub fn give_up_before(&mut self, cpu: usize, place: usize, slot: &RemoteSlot) -> bool {
        let is_whole = slot.epoch_head == slot.epoch_tail;
        if let Some(book) = self.book(cpu, place)
            && is_whole
            && is_ahead(slot.epoch_head, book.open)
        {
            *book = Book::of_epoch(slot.epoch_head);
        }
        is_whole
    }

    /// Packets merged so far. With those missed they are all that the kernel has charged to somebody.
    #[must_use]
    pub const fn counted(&self) -> u64 {
        self.counted
    }

    fn book(&mut self, cpu: usize, place: usize) -> Option<&mut Book> {
        let in_cpu = place < SLOTS as usize;
        in_cpu
            .then(|| self.books.get_mut(cpu * SLOTS as usize + place))
            .flatten()
    }

    fn increment(
        &mut self,
        remote: Address,
        before: &RemoteCounts,
        after: &RemoteCounts,
    ) -> Option<Increment> {
        let mut counts = *after;
        let sums = counts.words.iter_mut().zip(&before.words);
        for (sum, before) in sums.take(RemoteCounter::FIRST_MAXIMUM) {
            *sum = sum.wrapping_sub(*before);
        }
        let packets = counts.words.iter().take(RemoteCounter::FIRST_DETAIL);
        let packets: u64 = packets.map(|count| u64::from(*count)).sum();
        self.counted += packets;
        (after != before).then_some(Increment { remote, counts })
    }
}

#[cfg(test)]
mod tests;
