//! What verdicts add up to: rates with an upper bound, the matrix of true against named, and the calibration.

use std::collections::BTreeMap;

use serde::Serialize;

/// How often something happened that should not, and how often it may at most.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Bound {
    /// How often it happened.
    pub(crate) happened: u64,
    /// Of how many.
    pub(crate) of: u64,
}

impl Bound {
    /// Adds a case.
    pub(crate) fn add(&mut self, happened: bool) {
        self.happened += u64::from(happened);
        self.of += 1;
    }

    /// The rate that would make so few cases only once in 20 times: the upper end of the 95 % interval (Poisson).
    #[expect(clippy::cast_precision_loss, reason = "counts of cases")]
    pub(crate) fn upper(self) -> f64 {
        let (mut low, mut high) = (0.0, self.happened as f64 * 3.0 + 20.0);
        for _ in 0..100 {
            let middle = f64::midpoint(low, high);
            if at_most(self.happened, middle) > 0.05 {
                low = middle;
            } else {
                high = middle;
            }
        }
        high / self.of.max(1) as f64
    }
}

/// Probability of at most `count` events where `mean` are expected.
#[expect(clippy::cast_precision_loss, reason = "counts of cases")]
fn at_most(count: u64, mean: f64) -> f64 {
    let (mut term, mut sum) = ((-mean).exp(), (-mean).exp());
    for number in 1..=count {
        term *= mean / number as f64;
        sum += term;
    }
    sum
}

/// True troubles against named causes.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Matrix {
    /// For each truth, how often each cause came first; `none` for no finding.
    pub(crate) rows: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Matrix {
    /// Adds a case.
    pub(crate) fn add(&mut self, truth: &str, named: Option<&str>) {
        let named = named.unwrap_or("none");
        let row = self.rows.entry(truth.to_owned()).or_default();
        *row.entry(named.to_owned()).or_default() += 1;
    }
}

/// Findings by confidence.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Calibration {
    /// From the least confidence up.
    pub(crate) bins: Vec<Bin>,
}

/// Findings of about the same confidence.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Bin {
    /// Least confidence.
    pub(crate) from: f64,
    /// Findings.
    pub(crate) findings: u64,
    /// Findings that were right.
    pub(crate) right: u64,
    /// Sum of their confidences.
    pub(crate) claimed: f64,
}

impl Default for Calibration {
    fn default() -> Self {
        let bins = [0.0, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999]
            .map(|from| Bin {
                from,
                findings: 0,
                right: 0,
                claimed: 0.0,
            })
            .into();
        Self { bins }
    }
}

impl Calibration {
    /// The findings of both.
    pub(crate) fn with(&self, other: &Self) -> Self {
        let bins = self.bins.iter().zip(&other.bins).map(|(bin, other)| Bin {
            from: bin.from,
            findings: bin.findings + other.findings,
            right: bin.right + other.right,
            claimed: bin.claimed + other.claimed,
        });
        Self {
            bins: bins.collect(),
        }
    }

    /// Adds a finding.
    pub(crate) fn add(&mut self, confidence: f64, is_right: bool) {
        let bin = self.bins.iter_mut().rfind(|bin| confidence >= bin.from);
        if let Some(bin) = bin {
            bin.findings += 1;
            bin.right += u64::from(is_right);
            bin.claimed += confidence;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_of_many_is_bounded_by_the_rule_of_three() {
        let none = Bound {
            happened: 0,
            of: 300_000,
        };
        assert!((none.upper() * 300_000.0 - 2.9957).abs() < 0.001);
    }

    #[test]
    fn finding_falls_into_its_bin() {
        let mut calibration = Calibration::default();
        calibration.add(0.9899, true);
        calibration.add(0.99, false);
        let seen: Vec<_> = calibration
            .bins
            .iter()
            .filter(|bin| bin.findings > 0)
            .map(|bin| (bin.from.to_string(), bin.right))
            .collect();
        assert_eq!(seen, [("0.98".to_owned(), 1), ("0.99".to_owned(), 0)]);
    }
}
