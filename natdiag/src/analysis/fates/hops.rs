//! How far away the sender of a packet is, by its time to live: stacks begin with 64, 128 or 255, and each router takes
//! one. Packets of one host may begin with different numbers (a kernel's RST, an application's data), but they pass the
//! same routers.

use serde::{Deserialize, Serialize};

/// Numbers that stacks begin with: Linux, macOS and BSD 64 (RFC 1700), Windows 128, routers and Solaris 255.
const INITIAL: [u8; 3] = [64, 128, 255];
/// Distances that are told apart; what is further counts as so far.
const FURTHEST: u8 = 63;

/// Routers that a packet with this time to live has passed.
#[must_use]
pub fn hops(ttl: u8) -> u8 {
    let initial = INITIAL.into_iter().find(|initial| ttl <= *initial);
    initial.unwrap_or(u8::MAX) - ttl
}

/// Whether a packet with this time to live comes from this very machine, or from one on the same link.
#[must_use]
pub fn is_initial(ttl: u8) -> bool {
    hops(ttl) == 0
}

/// Distances that packets of one host have shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distances(u64);

impl Distances {
    /// Adds that of a packet.
    pub fn note(&mut self, ttl: u8) {
        self.0 |= 1 << hops(ttl).min(FURTHEST);
    }

    /// Whether a packet has shown the distance of this one.
    #[must_use]
    pub fn knows(self, ttl: u8) -> bool {
        self.0 & (1 << hops(ttl).min(FURTHEST)) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_is_counted_from_what_the_stack_began_with() {
        for (ttl, want) in [
            (64, 0),
            (63, 1),
            (128, 0),
            (115, 13),
            (255, 0),
            (243, 12),
            (28, 36),
            (0, 64),
        ] {
            assert_eq!(hops(ttl), want, "{ttl}");
        }
    }

    #[test]
    fn stacks_that_begin_differently_at_one_place_are_as_far_away() {
        let mut distances = Distances::default();
        distances.note(57);
        for (ttl, want) in [(57, true), (121, true), (248, true), (50, false)] {
            assert_eq!(distances.knows(ttl), want, "{ttl}");
        }
    }
}
