//! What the connections to a remote host have come to, by the fates of all their SYNs.

use serde::{Deserialize, Serialize};

/// Connections by the fates of all their SYNs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// No SYN of theirs was answered.
    pub failed: u64,
    /// None was dropped.
    pub clean: u64,
    /// Some were dropped before one was answered.
    pub late: u64,
}

/// What a connection's SYNs have come to, for [`Connections`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionFates {
    /// Dropped SYNs that count.
    pub dropped: u32,
    /// Answered SYNs that count.
    pub answered: u32,
}

impl Connections {
    /// Moves one connection from what it was to what it is.
    pub fn settle(&mut self, from: ConnectionFates, to: ConnectionFates) {
        if let Some(cell) = self.cell(from) {
            *cell = cell.saturating_sub(1);
        }
        if let Some(cell) = self.cell(to) {
            *cell += 1;
        }
    }

    fn cell(&mut self, fates: ConnectionFates) -> Option<&mut u64> {
        match (fates.dropped, fates.answered) {
            (0, 0) => None,
            (0, _) => Some(&mut self.clean),
            (_, 0) => Some(&mut self.failed),
            _ => Some(&mut self.late),
        }
    }
}
