//! Hosts behind the NAT: their addresses, their clocks, and whether the watcher sees them.

use std::net::Ipv4Addr;

use crate::evaluate::{dice::Dice, mix};

/// How a client makes timestamps.
#[derive(Clone, Copy, Debug)]
pub(super) enum Clock {
    Fixed(u32),
    PerConnection,
    None,
}

/// A host behind the NAT.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    /// The address that the watcher sees.
    pub(super) address: Ipv4Addr,
    /// The address that the server sees.
    pub(super) seen_as: u32,
    pub(super) clock: Clock,
    /// Whether it passes the watcher.
    pub(super) is_seen: bool,
}

impl Client {
    /// Draws one, as seen from one of [`mix::VANTAGES`].
    pub(super) fn draw(dice: &mut Dice, vantage: usize, number: u32) -> Self {
        let (address, seen_as) = match vantage {
            0 => (Ipv4Addr::new(203, 0, 113, 1), 1),
            1 => (
                Ipv4Addr::from_bits((203 << 24) + (113 << 8) + 10 + number),
                10 + number,
            ),
            _ => (Ipv4Addr::from_bits((10 << 24) + 2 + number), 1),
        };
        let clock = match dice.one_of(mix::CLOCKS) {
            0 => Clock::Fixed(dice.bits()),
            1 => Clock::PerConnection,
            _ => Clock::None,
        };
        Self {
            address,
            seen_as,
            clock,
            is_seen: vantage != 2 || number == 0 || !dice.happens(mix::UNSEEN),
        }
    }
}
