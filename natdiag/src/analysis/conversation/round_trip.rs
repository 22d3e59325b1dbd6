//! Times from data to its acknowledgment, as a histogram: buckets one percent wide, of which a host fills a few.

use serde::{Deserialize, Serialize};

/// Buckets in each doubling.
const PER_OCTAVE: f64 = 64.0;
/// Buckets that one host may fill; what fits none goes to the nearest.
const MAX_BUCKETS: usize = 192;

/// Round-trip times of one remote host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundTrips {
    /// Bucket and how many times fell into it, by bucket.
    buckets: Vec<(u16, u32)>,
}

impl RoundTrips {
    pub(super) fn add(&mut self, ns: u64) {
        let bucket = bucket(ns);
        let place = self.buckets.partition_point(|(known, _)| *known < bucket);
        let is_known = self
            .buckets
            .get(place)
            .is_some_and(|(known, _)| *known == bucket);
        if !is_known && self.buckets.len() < MAX_BUCKETS {
            self.buckets.insert(place, (bucket, 0));
        }
        let nearest = place.min(self.buckets.len().saturating_sub(1));
        if let Some((_, count)) = self.buckets.get_mut(nearest) {
            *count = count.saturating_add(1);
        }
    }

    /// How many times were taken.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets
            .iter()
            .map(|(_, count)| u64::from(*count))
            .sum()
    }

    /// The time in nanoseconds that so many percent of all stay below, within one percent.
    #[must_use]
    pub fn percentile_ns(&self, percent: u64) -> Option<u64> {
        let wanted = (self.count() * percent).div_ceil(100).max(1);
        let mut seen = 0;
        self.buckets
            .iter()
            .find(|(_, count)| {
                seen += u64::from(*count);
                seen >= wanted
            })
            .map(|(bucket, _)| middle_ns(*bucket))
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "64 times a binary logarithm of 64 bits is below 4096"
)]
fn bucket(ns: u64) -> u16 {
    (libm::log2(ns.max(1) as f64) * PER_OCTAVE) as u16
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bucket is that of a number of 64 bits"
)]
fn middle_ns(bucket: u16) -> u64 {
    libm::exp2((f64::from(bucket) + 0.5) / PER_OCTAVE) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_within_one_percent() {
        let mut trips = RoundTrips::default();
        assert_eq!(trips.percentile_ns(50), None);
        for ms in 1..=100 {
            trips.add(ms * 1_000_000);
        }
        for percent in [50, 90] {
            let got = trips.percentile_ns(percent).unwrap();
            let want = percent * 1_000_000;
            assert!(got.abs_diff(want) * 100 <= want, "{got} is not {want}");
        }
        assert_eq!(trips.count(), 100);
    }

    #[test]
    fn times_of_any_size_take_bounded_room() {
        let mut trips = RoundTrips::default();
        for number in 0..100_000_u64 {
            trips.add(number * number * 977);
        }
        assert!(trips.buckets.len() <= MAX_BUCKETS);
        assert_eq!(trips.count(), 100_000);
        trips.add(u64::MAX);
        assert_eq!(trips.count(), 100_001);
    }
}
