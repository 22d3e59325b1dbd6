//! Puts together what is resident in the kernel's cache and what has been spilled from it, and counts nothing twice.
//! Pure; the order in which the two are read is that of [`super::maps`].
//!
//! A slot lives in epochs, one per remote host. Epoch 0 holds nothing; each later one ends with a spill. So the epoch
//! that is open in userspace's books is the one after the last spill, and a resident copy of a later one has to wait
//! for a spill that is on its way.

use natdiag_common::{
    Address,
    counter::{RemoteCounter, RemoteCounts},
    slot::{RemoteSlot, SLOTS, Spill},
};

/// What came to a remote host's counters since the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Increment {
    /// The remote host.
    pub remote: Address,
    /// Sums that came, and maxima as they are.
    pub counts: RemoteCounts,
}

/// What has been merged of each slot.
#[derive(Debug)]
pub struct Reconciler {
    books: Vec<Book>,
    counted: u64,
}

/// What has been merged of one slot.
#[derive(Clone, Copy, Debug)]
struct Book {
    /// The epoch that is open.
    open: u32,
    /// What has been merged of it.
    merged: RemoteCounts,
}

impl Reconciler {
    /// Opens the books for the slots of so many CPUs.
    #[must_use]
    pub fn new(cpus: usize) -> Self {
        let empty = Book {
            open: 1,
            merged: RemoteCounts::ZERO,
        };
        Self {
            books: vec![empty; cpus * SLOTS as usize],
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
        *book = Book {
            open: spill.epoch.wrapping_add(1),
            merged: RemoteCounts::ZERO,
        };
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
