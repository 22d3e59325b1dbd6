//! How many packets a natdiag that was killed had taken out of the kernel's rings and not saved. Pure.
//!
//! They are in the kernel's total and nowhere else, so they are what is left of the total when everything else is taken
//! from it. While traffic goes on, packets that came between the two readings are left as well: never fewer are left
//! than were lost, and just as many in a moment without a packet. So the least of many readings is what was lost, once
//! it has come up again and again.

use serde::{Deserialize, Serialize};

/// Readings before which nothing is said, and how often the least must have come up.
const MIN_READINGS: u32 = 20;
const MIN_TIMES: u32 = 5;

/// What was lost, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lost {
    known: u64,
    search: Option<Search>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Search {
    readings: u32,
    least: u64,
    times: u32,
}

impl Lost {
    /// Nothing was lost.
    pub(super) const NOTHING: Self = Self {
        known: 0,
        search: None,
    };

    /// Something may have been lost, more than is known so far.
    #[must_use]
    pub(super) fn and_more(self) -> Self {
        Self {
            search: Some(Search::default()),
            ..self
        }
    }

    /// Packets that are known to be lost.
    #[must_use]
    pub(super) const fn packets(&self) -> u64 {
        self.known
    }

    /// Whether it is still being found out.
    #[must_use]
    pub(super) const fn is_open(&self) -> bool {
        self.search.is_some()
    }

    /// Takes a reading: what is left of the total beyond what is known to be lost.
    pub(super) fn read(&mut self, left: u64) {
        let Some(search) = &mut self.search else {
            return;
        };
        search.readings = search.readings.saturating_add(1);
        if search.readings == 1 || left < search.least {
            (search.least, search.times) = (left, 1);
        } else if left == search.least {
            search.times += 1;
        }
        if search.readings >= MIN_READINGS && search.times >= MIN_TIMES {
            let least = search.least;
            self.settle(least);
        }
    }

    /// Takes a reading while nothing comes: it is what was lost.
    pub(super) fn settle(&mut self, left: u64) {
        if self.search.take().is_some() {
            self.known += left;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_reading_counts_once_it_has_come_up_often_enough() {
        let mut lost = Lost::NOTHING.and_more();
        for reading in 0..MIN_READINGS + 3 {
            assert_eq!((lost.packets(), lost.is_open()), (0, true), "{reading}");
            // Traffic goes on, and rests at every fifth reading.
            lost.read(if reading % 5 == 2 {
                7
            } else {
                8 + u64::from(reading)
            });
        }
        assert_eq!((lost.packets(), lost.is_open()), (7, false));
        lost.read(0);
        lost.settle(3);
        assert_eq!(lost.packets(), 7);
    }

    #[test]
    fn a_second_loss_adds_to_the_first() {
        let mut lost = Lost::NOTHING.and_more();
        lost.settle(7);
        lost = lost.and_more();
        lost.settle(2);
        assert_eq!((lost.packets(), lost.is_open()), (9, false));
    }

    #[test]
    fn nothing_is_lost_where_nothing_is_left() {
        let mut lost = Lost::NOTHING.and_more();
        for _ in 0..MIN_READINGS {
            lost.read(0);
        }
        assert_eq!(lost, Lost::NOTHING);
    }
}
