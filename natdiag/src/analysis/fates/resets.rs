//! What set the RSTs of one remote host apart from its other packets. Counters only; `verdict` weighs them.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most combinations of signals that are counted apart.
const MAX_KINDS: usize = 128;

/// Bits of what was observed about one reset connection. The baseline is the SYN-ACK of the same connection.
pub mod signal {
    /// Its time to live tells another distance than that of the SYN-ACK: another machine sent it.
    pub const OTHER_TTL: u8 = 1;
    /// Don't Fragment is not as in the SYN-ACK, or it has an identification where the SYN-ACK has none, or no ACK and
    /// yet a window.
    pub const OTHER_HEADER: u8 = 2;
    /// Several RSTs came with different sequence numbers: somebody guesses.
    pub const STEPPED: u8 = 4;
    /// The remote host went on with the connection: it has not sent that RST.
    pub const WENT_ON: u8 = 8;
    /// It carries no ACK: it answers a segment of a connection that its sender does not know
    /// (RFC 9293, section 3.5.2). A socket that is closed in a hurry sends RST and ACK.
    pub const BARE: u8 = 16;
    /// The connection was older than a request and its response take.
    pub const OLD: u8 = 32;
    /// The connection was opened before we looked: only the host's other connections tell what its packets look like,
    /// and how old it was is known only where it was old.
    pub const BEFORE: u8 = 64;
    /// Nothing had come from the host but its SYN-ACK, and the connection was young.
    pub const FIRST: u8 = 128;
}

/// Resets of connections to one remote host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetSums {
    /// Reset connections by their signals.
    kinds: BTreeMap<u8, u64>,
    /// Connections that a bare RST ended right after the handshake, before an octet of data from the remote host.
    pub aborted_handshakes: u64,
    /// Connections that a RST of this very host ended, in place of the host behind it that holds them.
    pub own: u64,
    /// The youngest connection that was reset, in nanoseconds.
    pub youngest_reset_ns: Option<u64>,
}

impl ResetSums {
    /// Moves a reset connection from some signals to others.
    pub(crate) fn settle(&mut self, from: Option<u8>, to: u8) {
        if let Some(count) = from.and_then(|from| self.kinds.get_mut(&from)) {
            *count = count.saturating_sub(1);
        }
        if self.kinds.len() < MAX_KINDS || self.kinds.contains_key(&to) {
            *self.kinds.entry(to).or_default() += 1;
        }
    }

    /// Reset connections.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.kinds.values().sum()
    }

    /// Reset connections with this signal.
    #[must_use]
    pub fn with(&self, signal: u8) -> u64 {
        self.kinds()
            .filter(|(signals, _)| signals & signal != 0)
            .map(|(_, count)| count)
            .sum()
    }

    /// Signals and how many connections had just these.
    pub fn kinds(&self) -> impl Iterator<Item = (u8, u64)> {
        self.kinds.iter().map(|(signals, count)| (*signals, *count))
    }
}
