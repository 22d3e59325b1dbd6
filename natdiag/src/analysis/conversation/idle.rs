//! Silences before flights, and whether the connection was still alive after them: who forgets idle connections lets
//! live what was idle for less than its limit, and nothing else.

use serde::{Deserialize, Serialize};

/// Silences of each kind that are remembered one by one.
const REMEMBERED: usize = 64;

/// Silences after which a flight was taken, and after which it was not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idle {
    /// The longest after which connections lived, in nanoseconds, the longest first.
    lived: Vec<u64>,
    /// How many lived.
    lived_count: u64,
    /// The shortest after which they did not, the shortest first.
    died: Vec<u64>,
    /// How many did not.
    died_count: u64,
}

impl Idle {
    pub(super) fn live(&mut self, silence_ns: u64) {
        self.lived_count += 1;
        let place = self.lived.partition_point(|known| *known >= silence_ns);
        self.lived.insert(place, silence_ns);
        self.lived.truncate(REMEMBERED);
    }

    pub(super) fn die(&mut self, silence_ns: u64) {
        self.died_count += 1;
        let place = self.died.partition_point(|known| *known <= silence_ns);
        self.died.insert(place, silence_ns);
        self.died.truncate(REMEMBERED);
    }

    /// Takes back that a connection died.
    pub(super) fn revive(&mut self, silence_ns: u64) {
        self.died_count = self.died_count.saturating_sub(1);
        if let Some(place) = self.died.iter().position(|known| *known == silence_ns) {
            self.died.remove(place);
        }
    }

    /// Connections that lived after a silence of a second or more.
    #[must_use]
    pub const fn lived(&self) -> u64 {
        self.lived_count
    }

    /// Connections that did not.
    #[must_use]
    pub const fn died(&self) -> u64 {
        self.died_count
    }

    /// The longest silence after which one lived, in nanoseconds.
    #[must_use]
    pub fn longest_lived_ns(&self) -> Option<u64> {
        self.lived.first().copied()
    }

    /// The shortest silence after which one died, in nanoseconds.
    #[must_use]
    pub fn shortest_died_ns(&self) -> Option<u64> {
        self.died.first().copied()
    }

    /// How many died and lived after silences below a limit, and after longer ones: `[died, lived]` each.
    #[must_use]
    pub fn split(&self, limit_ns: u64) -> ([u64; 2], [u64; 2]) {
        let count = |all: &[u64]| all.iter().filter(|silence| **silence >= limit_ns).count() as u64;
        // Of the dead the shortest are remembered: those forgotten were idle for longer.
        let forgotten = self.died_count - self.died.len() as u64;
        let died_above = count(&self.died) + forgotten;
        let lived_above = count(&self.lived);
        (
            [self.died_count - died_above, self.lived_count - lived_above],
            [died_above, lived_above],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_parts_what_lived_from_what_died() {
        let mut idle = Idle::default();
        for silence in [30, 5, 120] {
            idle.live(silence);
        }
        for silence in [400, 300, 350] {
            idle.die(silence);
        }
        assert_eq!(idle.longest_lived_ns(), Some(120));
        assert_eq!(idle.shortest_died_ns(), Some(300));
        assert_eq!(idle.split(200), ([0, 3], [3, 0]));
        assert_eq!(idle.split(60), ([0, 2], [3, 1]));
        idle.revive(300);
        assert_eq!((idle.died(), idle.shortest_died_ns()), (2, Some(350)));
    }

    #[test]
    fn of_many_those_nearest_to_the_limit_are_remembered() {
        let mut idle = Idle::default();
        for silence in 0..1000 {
            idle.live(silence);
            idle.die(5000 + silence);
        }
        assert_eq!(
            (idle.lived.len(), idle.died.len()),
            (REMEMBERED, REMEMBERED)
        );
        assert_eq!(idle.split(2000), ([0, 1000], [1000, 0]));
        assert_eq!(idle.longest_lived_ns(), Some(999));
    }
}
