//! When SYNs were dropped: fates second by second, so that drops in spells are told from drops at random.

use std::collections::VecDeque;

use crate::analysis::fates::{Fate, Outcomes};
use serde::{Deserialize, Serialize};

/// Seconds with SYNs that are remembered: what fails in spells shows it within half a minute of traffic.
const MAX_SPELLS: usize = 32;

/// SYNs sent to one remote host within one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spell {
    /// The second, since 1970.
    pub second: u64,
    /// What became of them.
    pub outcomes: Outcomes,
}

/// The last seconds in which SYNs were sent to one remote host, the newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spells {
    recent: VecDeque<Spell>,
}

impl Spells {
    /// Adds to the SYNs of one second with one fate.
    pub(super) fn add(&mut self, second: u64, fate: Fate, amount: i64) {
        let place = self.recent.iter().rposition(|spell| spell.second <= second);
        let is_new = place.is_some() || self.recent.is_empty();
        let known = place.and_then(|place| self.recent.get_mut(place));
        match known.filter(|spell| spell.second == second) {
            Some(spell) => spell.outcomes.add(fate, amount),
            // A SYN settled after its second has been forgotten comes too late to say anything.
            None if amount > 0 && is_new => {
                let mut outcomes = Outcomes::default();
                outcomes.add(fate, amount);
                let place = place.map_or(0, |place| place + 1);
                self.recent.insert(place, Spell { second, outcomes });
                if self.recent.len() > MAX_SPELLS {
                    self.recent.pop_front();
                }
            }
            None => {}
        }
    }

    /// The seconds with decided SYNs, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Spell> {
        self.recent
            .iter()
            .copied()
            .filter(|spell| spell.outcomes.total() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fate_that_changes_moves_within_its_second() {
        let mut spells = Spells::default();
        spells.add(5, Fate::Dropped, 1);
        spells.add(6, Fate::Answered, 1);
        spells.add(5, Fate::Dropped, -1);
        spells.add(5, Fate::Answered, 1);
        let seen: Vec<_> = spells
            .iter()
            .map(|spell| {
                (
                    spell.second,
                    spell.outcomes.dropped,
                    spell.outcomes.answered,
                )
            })
            .collect();
        assert_eq!(seen, [(5, 0, 1), (6, 0, 1)]);
    }

    #[test]
    fn only_the_last_seconds_are_kept() {
        let mut spells = Spells::default();
        for second in 0..100 {
            spells.add(second, Fate::Dropped, 1);
        }
        spells.add(3, Fate::Answered, 1);
        assert_eq!(spells.iter().count(), MAX_SPELLS);
        assert_eq!(
            spells.iter().next().unwrap().second,
            100 - MAX_SPELLS as u64
        );
    }
}
