//! SYNs that were refused, and by whom: port by port, and those that were opened all the same. Counters only; `verdict`
//! weighs them.

use std::{collections::VecDeque, net::IpAddr};

use serde::{Deserialize, Serialize};

/// Ports whose refusals are told apart; a host that refuses more is scanned.
const MAX_PORTS: usize = 16;
/// Refused SYNs that are remembered one by one: as many as SYNs are.
const MAX_NEWEST: usize = crate::analysis::fates::recent::RECENT_SYNS;

/// Refusals of one port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRefusals {
    /// The port.
    pub port: u16,
    /// SYNs that a RST answered.
    pub by_reset: u64,
    /// SYNs that a RST answered which came from another distance than the host's own packets.
    pub by_other: u64,
    /// SYNs that an `ICMP` error answered.
    pub by_error: u64,
}

/// One refused SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Its number among the SYNs to this remote host.
    pub number: u64,
    /// Its port.
    pub port: u16,
    /// Whether the RST came from another distance than the host's own packets.
    pub is_by_other: bool,
}

/// SYNs to one remote host that were refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalSums {
    ports: Vec<PortRefusals>,
    newest: VecDeque<Refusal>,
    /// Connections that a RST refused and that the host opened all the same.
    pub opened: u64,
    /// Such connections whose RST came from another distance than the host's own packets.
    pub opened_by_other: u64,
    /// SYNs that an `ICMP` error answered which says that no way leads there.
    pub no_way: u64,
    /// Who said so last.
    pub reporter: Option<IpAddr>,
}

impl RefusalSums {
    /// Counts a SYN that a RST refused.
    pub(crate) fn note(&mut self, refusal: Refusal) {
        if let Some(port) = self.port_mut(refusal.port) {
            port.by_reset += 1;
            port.by_other += u64::from(refusal.is_by_other);
        }
        if self.newest.len() >= MAX_NEWEST {
            self.newest.pop_front();
        }
        self.newest.push_back(refusal);
    }

    /// Counts a SYN that an `ICMP` error refused, whatever the error says.
    pub(crate) fn note_error(&mut self, port: u16) {
        if let Some(port) = self.port_mut(port) {
            port.by_error += 1;
        }
    }

    /// Takes back the refusal of a connection that the host opened all the same.
    pub(crate) fn take_back(&mut self, refusal: Refusal) {
        if let Some(port) = self.port_mut(refusal.port) {
            port.by_reset = port.by_reset.saturating_sub(1);
            port.by_other = port.by_other.saturating_sub(u64::from(refusal.is_by_other));
        }
        self.newest.retain(|known| *known != refusal);
    }

    /// Ports with refusals. A scan has more than are told apart.
    #[must_use]
    pub fn ports(&self) -> &[PortRefusals] {
        &self.ports
    }

    /// Whether a SYN with this number was refused by a RST.
    #[must_use]
    pub fn has_refused(&self, number: u64) -> bool {
        let place = self
            .newest
            .binary_search_by_key(&number, |refusal| refusal.number);
        place.is_ok() || self.newest.iter().any(|refusal| refusal.number == number)
    }

    fn port_mut(&mut self, port: u16) -> Option<&mut PortRefusals> {
        if let Some(place) = self.ports.iter().position(|known| known.port == port) {
            return self.ports.get_mut(place);
        }
        if self.ports.len() >= MAX_PORTS {
            return None;
        }
        self.ports.push(PortRefusals {
            port,
            ..PortRefusals::default()
        });
        self.ports.last_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSAL: Refusal = Refusal {
        number: 7,
        port: 443,
        is_by_other: true,
    };

    #[test]
    fn refusal_that_is_taken_back_leaves_nothing() {
        let mut refusals = RefusalSums::default();
        refusals.note(REFUSAL);
        assert!(refusals.has_refused(7));
        refusals.take_back(REFUSAL);
        assert!(!refusals.has_refused(7));
        assert_eq!(
            (refusals.ports()[0].by_reset, refusals.ports()[0].by_other),
            (0, 0)
        );
    }

    #[test]
    fn scan_fills_no_memory() {
        let mut refusals = RefusalSums::default();
        for port in 0..5000 {
            refusals.note(Refusal {
                number: port.into(),
                port,
                ..REFUSAL
            });
        }
        assert_eq!(refusals.ports().len(), MAX_PORTS);
        assert!(!refusals.has_refused(0) && refusals.has_refused(4999));
    }
}
