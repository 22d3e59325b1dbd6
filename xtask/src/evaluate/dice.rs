//! Random numbers of the simulation.

use natdiag_common::testkit::Random;

/// A seeded generator with the shapes that the simulation needs.
#[derive(Debug)]
pub(crate) struct Dice(Random);

impl Dice {
    /// The numbers of one remote host.
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        Self(Random::new(
            seed ^ number.wrapping_mul(0xd134_2543_de82_ef95),
        ))
    }

    /// From 0 up to, not including, 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub(crate) fn share(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something happens that has this probability.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        self.share() < probability
    }

    /// Evenly between two numbers.
    pub(crate) fn between(&mut self, (low, high): (f64, f64)) -> f64 {
        low + (high - low) * self.share()
    }

    /// Between two numbers, each order of magnitude as often.
    pub(crate) fn scaled(&mut self, (low, high): (f64, f64)) -> f64 {
        self.between((low.ln(), high.ln())).exp()
    }

    /// A whole number below a bound.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(self.0.next_u64() % u64::from(bound.max(1))).unwrap_or_default()
    }

    /// Any 32 bits.
    pub(crate) fn bits(&mut self) -> u32 {
        self.0.u32()
    }

    /// The place of one of several shares that add up to 1.
    pub(crate) fn one_of(&mut self, shares: impl IntoIterator<Item = f64>) -> usize {
        let mut left = self.share();
        let mut last = 0;
        for (place, share) in shares.into_iter().enumerate() {
            if left < share {
                return place;
            }
            left -= share;
            last = place;
        }
        last
    }

    /// Seconds until the next of events that come so often on average.
    pub(crate) fn until_next(&mut self, mean_s: f64) -> f64 {
        -mean_s * (1.0 - self.share()).ln()
    }
}
