//! What becomes of SYNs, and sums of it.

use serde::{Deserialize, Serialize};

/// What became of one SYN transmission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// Nothing yet.
    Pending,
    /// The server took it, or refused it with a RST or an `ICMP` error.
    Answered,
    /// Silence: it was sent again, or time ran out.
    Dropped,
    /// It cannot be known.
    Undecided,
}

/// Dropped and answered SYNs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Dropped.
    pub dropped: u64,
    /// Answered.
    pub answered: u64,
}

impl Outcomes {
    /// Both together.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.dropped + self.answered
    }

    /// What is left without another.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self {
            dropped: self.dropped.saturating_sub(other.dropped),
            answered: self.answered.saturating_sub(other.answered),
        }
    }

    /// Sum with another.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            dropped: self.dropped + other.dropped,
            answered: self.answered + other.answered,
        }
    }

    /// Counts one more.
    pub const fn count(&mut self, is_dropped: bool) {
        if is_dropped {
            self.dropped += 1;
        } else {
            self.answered += 1;
        }
    }

    pub(super) fn add(&mut self, fate: Fate, amount: i64) {
        let cell = match fate {
            Fate::Dropped => &mut self.dropped,
            Fate::Answered => &mut self.answered,
            Fate::Pending | Fate::Undecided => return,
        };
        *cell = cell.saturating_add_signed(amount);
    }
}
