//! Puts what comes through a ring into the order of its times.
//!
//! CPUs write to one ring, each with a clock reading of its own shortly before; and what was seen on the way in may
//! wait for what was seen on the way out. So entries are held back for a while and sorted.

use std::vec;

/// How long an entry is held back: a CPU of a virtual machine may be taken away between the reading of the clock and
/// the writing of the entry.
pub const HOLD_BACK_NS: u64 = 5_000_000;

/// Entries for which room is kept: more than are held back but after a wait.
const USUALLY_HELD: usize = 1 << 16;

/// What was seen at some time.
pub(super) trait Timed {
    /// When, in nanoseconds of `CLOCK_MONOTONIC`.
    fn time_ns(&self) -> u64;
}

/// Entries that wait for older ones.
#[derive(Debug)]
pub(super) struct Order<T> {
    held: Vec<T>,
}

impl<T> Default for Order<T> {
    fn default() -> Self {
        Self { held: Vec::new() }
    }
}

impl<T: Timed> Order<T> {
    /// Takes an entry from the ring.
    pub(super) fn push(&mut self, entry: T) {
        self.held.push(entry);
    }

    /// Makes room for so many that are not given out.
    pub(super) fn make_room(&mut self, entries: usize) {
        self.held.reserve_exact(entries);
    }

    /// Entries that were not given out yet.
    pub(super) fn waiting(&self) -> usize {
        self.held.len()
    }

    /// Gives the entries up to a time, in order, at most so many. `before_ns` is when the ring began to be read; what
    /// it still holds may be as old as the newest entry taken.
    pub(super) fn release(
        &mut self,
        before_ns: u64,
        ring_is_empty: bool,
        limit: usize,
    ) -> vec::Drain<'_, T> {
        // Room that only a long wait has needed.
        self.held.shrink_to(self.held.len().max(USUALLY_HELD));
        self.held.sort_by_key(Timed::time_ns);
        let newest_ns = self.held.last().map_or(0, Timed::time_ns);
        let limit_ns = if ring_is_empty {
            before_ns
        } else {
            newest_ns.min(before_ns)
        };
        let limit_ns = limit_ns.saturating_sub(HOLD_BACK_NS);
        let ready = self
            .held
            .partition_point(|entry| entry.time_ns() <= limit_ns);
        self.held.drain(..ready.min(limit))
    }
}

#[cfg(test)]
mod tests {
    use natdiag_common::record::Record;

    use super::*;

    const MS: u64 = 1_000_000;

    fn at(time_ns: u64) -> Record {
        Record {
            time_ns,
            ..Record::ZERO
        }
    }

    fn times(records: impl Iterator<Item = Record>) -> Vec<u64> {
        records.map(|record| record.time_ns).collect()
    }

    #[test]
    fn records_come_in_the_order_of_their_times() {
        let mut order = Order::default();
        order.held.extend([at(30 * MS), at(10 * MS), at(20 * MS)]);
        assert_eq!(
            times(order.release(100 * MS, true, usize::MAX)),
            [10 * MS, 20 * MS, 30 * MS]
        );
    }

    #[test]
    fn records_beyond_the_limit_come_the_next_time() {
        let mut order = Order::default();
        order.held.extend([at(30 * MS), at(10 * MS), at(20 * MS)]);
        assert_eq!(times(order.release(100 * MS, true, 2)), [10 * MS, 20 * MS]);
        order.held.push(at(25 * MS));
        assert_eq!(times(order.release(100 * MS, true, 2)), [25 * MS, 30 * MS]);
    }

    #[test]
    fn young_records_wait_for_older_ones() {
        let mut order = Order::default();
        order.held.push(at(98 * MS));
        assert_eq!(times(order.release(100 * MS, true, usize::MAX)), [0_u64; 0]);
        order.held.push(at(97 * MS));
        assert_eq!(
            times(order.release(110 * MS, true, usize::MAX)),
            [97 * MS, 98 * MS]
        );
    }

    #[test]
    fn records_wait_while_older_ones_may_still_be_in_the_ring() {
        let mut order = Order::default();
        order.held.extend([at(10 * MS), at(12 * MS)]);
        assert_eq!(
            times(order.release(100 * MS, false, usize::MAX)),
            [0_u64; 0]
        );
        assert_eq!(
            times(order.release(100 * MS, true, usize::MAX)),
            [10 * MS, 12 * MS]
        );
    }
}
