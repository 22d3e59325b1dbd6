//! Probabilities of series of outcomes, as natural logarithms.

use crate::analysis::evidence::Outcomes;

/// What is believed about a rate of drops before anything was seen: as if so many had been dropped and answered
/// (a beta distribution).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Imagined drops.
    pub(crate) dropped: f64,
    /// Imagined answers.
    pub(crate) answered: f64,
}

impl Rate {
    /// A rate as if so many had been dropped and answered.
    pub(crate) const fn new(dropped: f64, answered: f64) -> Self {
        Self { dropped, answered }
    }
}

/// Loss on a path is mostly small: as if 1 of 10 had been lost before.
pub(crate) const LOSS: Rate = Rate::new(1.0, 9.0);

/// Logarithm of the probability of this very series of outcomes where all share one unknown rate.
pub(crate) fn ln_series(rate: Rate, outcomes: Outcomes) -> f64 {
    ln_beta(
        rate.dropped + count(outcomes.dropped),
        rate.answered + count(outcomes.answered),
    ) - ln_beta(rate.dropped, rate.answered)
}

/// Logarithm of the probability of this very series where each is dropped with a known probability.
pub(crate) fn ln_known(probability: f64, outcomes: Outcomes) -> f64 {
    count(outcomes.dropped) * probability.ln() + count(outcomes.answered) * (1.0 - probability).ln()
}

/// Logarithm of a weighted sum of probabilities, of which logarithms are given.
pub(crate) fn ln_mixture(parts: &[(f64, f64)]) -> f64 {
    let largest = parts
        .iter()
        .map(|(weight, ln)| weight.ln() + ln)
        .fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    let sum: f64 = parts
        .iter()
        .map(|(weight, ln)| (weight.ln() + ln - largest).exp())
        .sum();
    largest + sum.ln()
}

/// Probabilities that add up to 1, of logarithms of numbers proportional to them.
pub(crate) fn normalise(lns: &[f64]) -> Vec<f64> {
    let whole = ln_mixture(&lns.iter().map(|ln| (1.0, *ln)).collect::<Vec<_>>());
    lns.iter().map(|ln| (ln - whole).exp()).collect()
}

/// Logarithm of the beta function.
fn ln_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "beyond 2^53 SYNs a rounded count does as well"
)]
fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    }

    #[test]
    fn one_outcome_has_the_mean_of_the_rate() {
        let rate = Rate {
            dropped: 1.0,
            answered: 9.0,
        };
        close(
            ln_series(
                rate,
                Outcomes {
                    dropped: 1,
                    answered: 0,
                },
            ),
            0.1_f64.ln(),
        );
        close(
            ln_series(
                rate,
                Outcomes {
                    dropped: 0,
                    answered: 1,
                },
            ),
            0.9_f64.ln(),
        );
        // 1/10 * 2/11 * 9/12, whatever the order.
        close(
            ln_series(
                rate,
                Outcomes {
                    dropped: 2,
                    answered: 1,
                },
            ),
            (0.1 * 2.0 / 11.0 * 0.75_f64).ln(),
        );
    }

    #[test]
    fn probabilities_add_up() {
        close(
            ln_mixture(&[(0.5, 0.2_f64.ln()), (0.5, 0.4_f64.ln())]),
            0.3_f64.ln(),
        );
        let shares = normalise(&[-2000.0, -2000.0, f64::NEG_INFINITY]);
        close(shares[0], 0.5);
        close(shares.iter().sum(), 1.0);
    }
}
