//! Medians, and how far they can be trusted.

use serde::Serialize;

/// The median of a sample with the interval that holds the true median in 95 of 100 runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Median {
    #[expect(clippy::struct_field_names, reason = "the report calls it so")]
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Median {
    /// The median of a sample; zeros for an empty one. The interval is that of the sign test: its ends are members
    /// of the sample, and nothing is assumed about how the sample is distributed.
    pub(super) fn of(mut sample: Vec<f64>) -> Self {
        sample.sort_by(f64::total_cmp);
        let at = |place: usize| sample.get(place).copied().unwrap_or_default();
        let last = sample.len().saturating_sub(1);
        let rank = left_out(sample.len());
        Self {
            median: f64::midpoint(at(last / 2), at(sample.len() / 2)),
            low: at(rank),
            high: at(last.saturating_sub(rank)),
        }
    }

    /// The numbers in another unit.
    pub(super) fn times(self, factor: f64) -> Self {
        Self {
            median: self.median * factor,
            low: self.low * factor,
            high: self.high * factor,
        }
    }
}

/// The lowest decile of a sample: what something takes while the machine does little else. Whatever disturbs it,
/// another guest or the other half of the same core, only ever adds; and it does so for seconds, so that a median over
/// rounds tells about the neighbours. 0 for an empty sample.
pub(super) fn undisturbed(sample: &[f64]) -> f64 {
    let mut sample = sample.to_vec();
    sample.sort_by(f64::total_cmp);
    let last = sample.len().saturating_sub(1);
    sample.get(last / 10).copied().unwrap_or_default()
}

/// How many members of a sample may be left out at each end, so that the median lies within the rest with a
/// probability of 95 %: the largest number with P(Binomial(n, 1/2) <= number) of at most 2.5 %, or none.
fn left_out(len: usize) -> usize {
    let mut term = 0.5_f64.powi(i32::try_from(len).unwrap_or(i32::MAX));
    let mut below = 0.0;
    for place in 0..len / 2 {
        below += term;
        if below > 0.025 {
            return place.saturating_sub(1);
        }
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        {
            term *= (len - place) as f64 / (place + 1) as f64;
        }
    }
    len / 2
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these are exact")]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_sample_lies_between_the_middle_two() {
        assert_eq!(Median::of(vec![4.0, 1.0, 3.0, 2.0]).median, 2.5);
        assert_eq!(Median::of(vec![3.0, 1.0, 2.0]).median, 2.0);
    }

    #[test]
    fn the_interval_is_that_of_tables_of_the_sign_test() {
        // Conover, Practical Nonparametric Statistics, table A3: n = 10 leaves out one at each end, n = 30 nine.
        assert_eq!(
            [left_out(5), left_out(6), left_out(10), left_out(30)],
            [0, 0, 1, 9]
        );
    }

    #[test]
    fn a_tenth_of_a_sample_is_below_what_is_undisturbed() {
        let sample: Vec<_> = (0..=30).rev().map(f64::from).collect();
        assert_eq!(undisturbed(&sample), 3.0);
        assert_eq!(undisturbed(&[9.0, 7.0]), 7.0);
    }

    #[test]
    fn an_empty_sample_is_no_harm() {
        assert_eq!(undisturbed(&[]), 0.0);
        assert_eq!(Median::of(Vec::new()).median, 0.0);
    }
}
