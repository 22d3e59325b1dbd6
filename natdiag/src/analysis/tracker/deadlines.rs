//! When each SYN's time to be answered is over. Nearly all have the same time, so that they come in their order and a
//! queue does for them; only the others need a search.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque, binary_heap::PeekMut},
};

use serde::{Deserialize, Serialize};

use super::FourTuple;
use crate::event::Timestamp;

/// Until when one SYN may be answered. Ordered by that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Deadline {
    /// The time.
    pub(super) due: Timestamp,
    /// Its connection,
    pub(super) tuple: FourTuple,
    /// told from others with the same four-tuple.
    pub(super) id: u64,
    /// Its place among the SYNs of the connection.
    pub(super) place: usize,
}

/// All that are still to come.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Deadlines {
    /// In their order.
    usual: VecDeque<Deadline>,
    unusual: BinaryHeap<Reverse<Deadline>>,
}

impl Deadlines {
    /// Adds one; `is_usual` says that it is as far away as most are.
    pub(super) fn push(&mut self, deadline: Deadline, is_usual: bool) {
        if is_usual && self.usual.back().is_none_or(|last| *last <= deadline) {
            self.usual.push_back(deadline);
        } else {
            self.unusual.push(Reverse(deadline));
        }
    }

    /// Takes out the first, if its time has come.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Deadline> {
        let unusual = self.unusual.peek_mut();
        let is_next = |usual: &Deadline| unusual.as_ref().is_none_or(|other| *usual <= other.0);
        if self.usual.front().is_some_and(is_next) {
            return self.usual.pop_front_if(|first| first.due <= now);
        }
        let unusual = unusual.filter(|first| first.0.due <= now)?;
        Some(PeekMut::pop(unusual).0)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn deadlines_come_in_their_order_however_far_away_they_are() {
        let mut deadlines = Deadlines::default();
        for (due, is_usual) in [
            (5, true),
            (30, false),
            (7, true),
            (6, false),
            // As usual, but late.
            (4, true),
            (7, true),
            (9, true),
        ] {
            deadlines.push(deadline(due), is_usual);
        }
        let due: Vec<_> = std::iter::from_fn(|| deadlines.pop_due(Timestamp(7))).collect();
        assert_eq!(due, [4, 5, 6, 7, 7].map(deadline));
        let due: Vec<_> = std::iter::from_fn(|| deadlines.pop_due(Timestamp(99))).collect();
        assert_eq!(due, [9, 30].map(deadline));
    }

    fn deadline(due: u64) -> Deadline {
        let nobody: IpAddr = "192.0.2.1".parse().unwrap();
        Deadline {
            due: Timestamp(due),
            tuple: FourTuple {
                local: nobody,
                local_port: 1,
                remote: nobody,
                remote_port: 2,
            },
            id: 1,
            place: 0,
        }
    }
}
