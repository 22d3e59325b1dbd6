//! What the answers mean: how sure one of the hypotheses is, by how likely each makes this very series of answered and
//! dropped SYNs.

use super::{connection::Record, hypothesis::Hypothesis, series::Series};
use crate::analysis::{
    diagnosis::Cause,
    verdict::contest::{Alternatives, Contest},
};

/// Probability from which on a test ends: one wrong verdict in a hundred at most, if the likelihoods are right.
pub const ENOUGH: f64 = 0.99;
/// Probability from which on a test ends with `tcp_tw_recycle` where it has seen few SYNs: of lines that lose 40 %, one
/// in 140 would be taken for it by the probability above.
pub const ENOUGH_TO_ACCUSE: f64 = 0.999;
/// Probability below which a cause is ruled out. A test can repeat what speaks against a cause only so often, and so is
/// content with less than a watch.
const RULED_OUT: f64 = 0.01;

/// The probability of each hypothesis.
#[derive(Clone, Debug, PartialEq)]
pub struct Posterior(Contest<Hypothesis>);

impl Posterior {
    /// The probabilities after these connections.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let series = Series::of(record);
        Self(Contest::of(Hypothesis::ALL.map(|hypothesis| {
            let row = hypothesis.row();
            (hypothesis, row.prior, row.ln_likelihood(&series))
        })))
    }

    /// The probability of one hypothesis.
    #[must_use]
    pub fn of_one(&self, hypothesis: Hypothesis) -> f64 {
        self.0.share_of(|known| known == hypothesis)
    }

    /// The probability that `tcp_tw_recycle` is on, of whatever kernel.
    #[must_use]
    pub fn recycle(&self) -> f64 {
        self.0.share_of(Hypothesis::is_recycle)
    }

    /// The probability that no rule drops all SYNs of a kind.
    #[must_use]
    pub fn of_no_rule(&self) -> f64 {
        1.0 - self.0.share_of(|hypothesis| hypothesis.row().is_rule)
    }

    /// The likeliest, and how likely.
    #[must_use]
    pub fn best(&self) -> (Hypothesis, f64) {
        self.0.best().unwrap_or((Hypothesis::Sound, 0.0))
    }

    /// The causes that are not `named`: ruled out, or left.
    pub(super) fn alternatives(&self, named: Cause) -> Alternatives {
        let cause = |hypothesis: Hypothesis| hypothesis.row().cause();
        let whole = self.0.together(cause);
        whole.alternatives_from(
            RULED_OUT,
            Some(named),
            cause,
            |hypothesis, share, is_excluded| match &hypothesis.row().accused {
                Some(accused) if is_excluded => accused.why_excluded.to_owned(),
                _ => format!("{:.0} % likely by what was seen", share * 100.0),
            },
        )
    }
}
