//! The contest of hypotheses about one set of observations: prior times likelihood gives each its share, the best may
//! be named, and the others are ruled out or left. Everything that names a cause goes through here.

use super::likelihood::normalise;
use crate::analysis::diagnosis::{Alternative, Cause};

/// Confidence from which on a cause is named. Below, it is one of several that the evidence does not tell apart.
pub const NAMED: f64 = 0.9;

/// Highest confidence: about one verdict in ten thousand may be due to something that nobody has thought of.
pub const CERTAIN: f64 = 0.9999;

/// Probability up to which a cause counts as ruled out.
pub(crate) const RULED_OUT: f64 = 0.001;

/// Hypotheses with their shares of belief, which add up to 1, in the order in which they were given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Contest<T>(Vec<(T, f64)>);

/// The causes that lost: those that an observation rules out, and those that it leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Alternatives {
    pub(crate) excluded: Vec<Alternative>,
    pub(crate) not_excluded: Vec<Alternative>,
}

impl<T: Copy> Contest<T> {
    /// Weighs hypotheses, each with its prior and the logarithm of its likelihood.
    pub(crate) fn of(hypotheses: impl IntoIterator<Item = (T, f64, f64)>) -> Self {
        let (all, lns): (Vec<T>, Vec<f64>) = hypotheses
            .into_iter()
            .map(|(hypothesis, prior, ln_likelihood)| (hypothesis, prior.ln() + ln_likelihood))
            .unzip();
        Self(all.into_iter().zip(normalise(&lns)).collect())
    }

    /// Each hypothesis with its share.
    pub(crate) fn shares(&self) -> impl Iterator<Item = (T, f64)> {
        self.0.iter().copied()
    }

    /// What the hypotheses of a kind have together.
    pub(crate) fn share_of(&self, is_meant: impl Fn(T) -> bool) -> f64 {
        let meant = self
            .shares()
            .filter(|(hypothesis, _)| is_meant(*hypothesis));
        meant.map(|(_, share)| share).sum()
    }

    /// The likeliest, and its share.
    pub(crate) fn best(&self) -> Option<(T, f64)> {
        self.shares().max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// A contest of these hypotheses with other shares: `change` gets each with its share.
    pub(crate) fn with_shares(&self, change: impl Fn(T, f64) -> f64) -> Self {
        let changed = self
            .shares()
            .map(|(hypothesis, share)| (hypothesis, change(hypothesis, share)));
        Self(changed.collect())
    }

    /// The contest with the hypotheses of one cause put together: the first stands for all, with what they have
    /// together. What names no cause stays as it is.
    pub(crate) fn together(&self, cause: impl Fn(T) -> Option<Cause>) -> Self {
        let mut together = Vec::<(T, f64)>::new();
        for (hypothesis, share) in self.shares() {
            let of = cause(hypothesis);
            let first = together
                .iter_mut()
                .find(|(known, _)| of.is_some() && cause(*known) == of);
            match first {
                Some((_, sum)) => *sum += share,
                None => together.push((hypothesis, share)),
            }
        }
        Self(together)
    }

    /// The causes of all hypotheses that are not `named`, each cause once. `cause` is `None` for what names no cause. A
    /// cause is ruled out where all its hypotheses are; of several that are left the first speaks for it. `why` is
    /// asked with the hypothesis, its share, and whether its cause is ruled out.
    pub(crate) fn alternatives(
        &self,
        named: Option<Cause>,
        cause: impl Fn(T) -> Option<Cause>,
        why: impl Fn(T, f64, bool) -> String,
    ) -> Alternatives {
        self.alternatives_from(RULED_OUT, named, cause, why)
    }

    /// [`alternatives`](Self::alternatives), where a cause counts as ruled out up to another probability than
    /// [`RULED_OUT`].
    pub(crate) fn alternatives_from(
        &self,
        ruled_out: f64,
        named: Option<Cause>,
        cause: impl Fn(T) -> Option<Cause>,
        why: impl Fn(T, f64, bool) -> String,
    ) -> Alternatives {
        let mut alternatives = Alternatives::default();
        for (hypothesis, share) in self.shares() {
            let Some(other) = cause(hypothesis).filter(|other| Some(*other) != named) else {
                continue;
            };
            let of_cause = self.share_of(|it| cause(it) == Some(other));
            let is_excluded = of_cause <= ruled_out;
            let list = if is_excluded {
                &mut alternatives.excluded
            } else {
                &mut alternatives.not_excluded
            };
            let speaks = is_excluded || share > ruled_out;
            if speaks && !list.iter().any(|known| known.cause == other) {
                list.push(Alternative {
                    cause: other,
                    why: why(hypothesis, share, is_excluded),
                });
            }
        }
        alternatives
    }
}

/// What a hypothesis that was not named has for itself where nothing better can be said of it.
pub(crate) fn fits(share: f64) -> String {
    match share {
        NAMED.. => "fits best, and more must be seen before it is named".to_owned(),
        0.01.. => format!("fits what was seen, at {:.0} %", share * 100.0),
        _ => "fits what was seen, at less than 1 %".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_loss_and_queue() -> Contest<u8> {
        Contest::of([(1, 0.5, -1.0), (2, 0.3, -1.0), (3, 0.2, -40.0)])
    }

    #[test]
    fn what_is_left_fits_neither_at_nothing_nor_at_all() {
        for (share, want) in [
            (0.001_1, "fits what was seen, at less than 1 %"),
            (0.4, "fits what was seen, at 40 %"),
            (0.999, "fits best, and more must be seen before it is named"),
        ] {
            assert_eq!(fits(share), want);
        }
    }

    #[test]
    fn shares_are_prior_times_likelihood_and_add_up() {
        let contest = of_loss_and_queue();
        assert!((contest.share_of(|_| true) - 1.0).abs() < 1e-9);
        let (best, share) = contest.best().unwrap();
        assert_eq!(best, 1);
        assert!((share - 0.625).abs() < 1e-9, "{share}");
    }

    #[test]
    fn cause_that_two_hypotheses_share_is_listed_once_and_ruled_out_only_with_both() {
        let cause = |it| match it {
            1 => Some(Cause::PacketLoss),
            _ => Some(Cause::BacklogOverflow),
        };
        let found = of_loss_and_queue()
            .alternatives(Some(Cause::PacketLoss), cause, |it, _, _| it.to_string());
        assert_eq!(found.excluded, []);
        let left = Alternative {
            cause: Cause::BacklogOverflow,
            why: "2".to_owned(),
        };
        assert_eq!(found.not_excluded, [left]);
    }

    #[test]
    fn hypotheses_of_one_cause_together_have_what_each_has() {
        let cause = |it| (it != 3).then_some(Cause::PacketLoss);
        let together = of_loss_and_queue().together(cause);
        let names: Vec<u8> = together.shares().map(|(it, _)| it).collect();
        assert_eq!(names, [1, 3]);
        assert!((together.share_of(|it| it == 1) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn what_no_observation_fits_is_ruled_out() {
        let cause = |it| match it {
            1 => Some(Cause::PacketLoss),
            2 => None,
            _ => Some(Cause::Filtered),
        };
        let found =
            of_loss_and_queue()
                .alternatives(Some(Cause::PacketLoss), cause, |_, share, _| fits(share));
        assert_eq!(found.not_excluded, []);
        assert_eq!(found.excluded.len(), 1);
    }
}
