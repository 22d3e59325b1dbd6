//! How large the fragments of a remote host are.

use natdiag_common::counter::FragmentPosition;
use serde::{Deserialize, Serialize};

use crate::event::FragmentPart;

/// Fragments by position and by the length of the whole packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FragmentSizes {
    counts: [[u32; Self::BUCKETS]; FragmentPosition::ALL.len()],
}

impl FragmentSizes {
    /// The largest packet of each bucket but the last, in octets: finer where MTUs lie.
    pub const UP_TO_OCTETS: [u32; 8] = [128, 256, 512, 1024, 1280, 1400, 1480, 1500];
    /// Buckets: one for each of these, and one for what is larger.
    pub const BUCKETS: usize = Self::UP_TO_OCTETS.len() + 1;

    /// Adds a fragment. Atomic ones are whole packets and are left out.
    pub fn add(&mut self, part: FragmentPart, total_len_octets: u32) {
        let position = match (part.offset_octets, part.more) {
            (0, true) => FragmentPosition::First,
            (0, false) => return,
            (_, true) => FragmentPosition::Middle,
            (_, false) => FragmentPosition::Last,
        };
        let bucket = Self::UP_TO_OCTETS.partition_point(|up_to| *up_to < total_len_octets);
        let counts = self.counts.get_mut(position as usize);
        if let Some(count) = counts.and_then(|counts| counts.get_mut(bucket)) {
            *count = count.saturating_add(1);
        }
    }

    /// Fragments at one position, by bucket.
    #[must_use]
    pub fn of(&self, position: FragmentPosition) -> [u32; Self::BUCKETS] {
        self.counts
            .get(position as usize)
            .copied()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragment_counts_at_its_position_and_size() {
        let mut sizes = FragmentSizes::default();
        let part = |offset_octets, more| FragmentPart {
            offset_octets,
            more,
            data_octets: 8,
        };
        for (part, octets) in [
            (part(0, true), 1396),
            (part(0, true), 1400),
            (part(1376, true), 1401),
            (part(2752, false), 9000),
            (part(0, false), 100),
        ] {
            sizes.add(part, octets);
        }
        assert_eq!(
            sizes.of(FragmentPosition::First),
            [0, 0, 0, 0, 0, 2, 0, 0, 0]
        );
        assert_eq!(
            sizes.of(FragmentPosition::Middle),
            [0, 0, 0, 0, 0, 0, 1, 0, 0]
        );
        assert_eq!(
            sizes.of(FragmentPosition::Last),
            [0, 0, 0, 0, 0, 0, 0, 0, 1]
        );
    }
}
