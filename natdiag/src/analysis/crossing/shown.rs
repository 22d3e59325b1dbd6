//! What crossing shows about a remote host: which hosts behind the NAT are hit, and what this host has swallowed.

use std::{collections::BTreeMap, net::IpAddr};

use super::connection::Connection;
use crate::analysis::fates::Outcomes;

/// Clients told apart per remote host.
const MAX_CLIENTS: usize = 64;
/// Connections of one client to one remote host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientConnections {
    /// All.
    pub all: u64,
    /// Those whose SYN had to be sent again, or was never answered.
    pub hit: u64,
}

/// What crossing has shown about one remote host.
#[derive(Clone, Debug, Default)]
pub struct CrossingSums {
    /// First transmissions: swallowed by this host (as dropped), and passed on.
    pub first: Outcomes,
    /// Transmissions of a SYN of which this host had swallowed one.
    pub again: Outcomes,
    /// All that came next after one that was passed on.
    pub after_passed: Outcomes,
    /// All that came next after one that was swallowed.
    pub after_swallowed: Outcomes,
    pub(super) last_swallowed: bool,
    /// Connections answered by another interface than the SYN left by.
    pub astray: u64,
    /// Connections answered by the interface that the SYN left by.
    pub straight: u64,
    /// By the host behind the NAT.
    pub clients: BTreeMap<IpAddr, ClientConnections>,
    /// The source at which SYNs to this host come in.
    pub inside: Option<usize>,
    /// The source by which they leave, or would.
    pub outside: Option<usize>,
}

impl CrossingSums {
    /// Counts a connection as its client's.
    pub(super) fn note_client(&mut self, connection: &mut Connection, client: IpAddr) {
        let has_room = self.clients.len() < MAX_CLIENTS;
        if !has_room && !self.clients.contains_key(&client) {
            return;
        }
        let counts = self.clients.entry(client).or_default();
        if !std::mem::replace(&mut connection.is_counted, true) {
            counts.all += 1;
        }
        let is_hit = connection.transmissions.len() > 1 || connection.answered.is_none();
        if is_hit && !std::mem::replace(&mut connection.is_hit, true) {
            counts.hit += 1;
        }
    }

    /// Counts by which way a connection was answered, once.
    pub(super) fn note_answer(&mut self, connection: &mut Connection) {
        let Some(transmission) = connection.transmissions.last() else {
            return;
        };
        let ways = [
            Some(transmission.first.source),
            transmission.then.map(|then| then.source),
        ];
        if let Some((_, by)) = connection.answered
            && !std::mem::replace(&mut connection.is_noted, true)
        {
            if ways.contains(&Some(by)) {
                self.straight += 1;
            } else {
                self.astray += 1;
            }
        }
    }
}
