//! How the connections to one remote host have fared, for whoever compares two spans of time.

use crate::analysis::fates::SynSums;

/// Connections to one remote host, since the watch began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fares {
    /// Connections whose fate is known.
    pub connections: u64,
    /// Those that failed or came late, or whose response did not come.
    pub failed: u64,
    /// TCP packets of the remote host that came in fragments.
    pub fragmented: u64,
    /// Whether the remote host drops SYNs without timestamps because it remembers timestamps.
    pub drops_without_timestamps: bool,
    /// Whether it may turn out to: most SYNs without timestamps were dropped so far, for whatever reason.
    pub may_drop_without_timestamps: bool,
}

impl Fares {
    /// No connection.
    pub const NONE: Self = Self {
        connections: 0,
        failed: 0,
        fragmented: 0,
        drops_without_timestamps: false,
        may_drop_without_timestamps: false,
    };

    /// What the evidence about SYNs says, beside so many packets in fragments.
    pub(super) fn of(syns: Option<&SynSums>, fragmented: u64) -> Self {
        let Some(syns) = syns else {
            return Self {
                fragmented,
                ..Self::NONE
            };
        };
        let connections = syns.connections;
        let holes: u64 = syns.holes.iter().map(|(_, holes)| holes).sum();
        let all = connections.failed + connections.late + connections.clean;
        let failed = connections.failed + connections.late + syns.unanswered_requests + holes;
        let without = syns.armed_without_timestamps;
        let all_without = without.plus(syns.without_timestamps);
        Self {
            connections: all,
            failed: failed.min(all),
            fragmented,
            drops_without_timestamps: without.dropped >= LEAST_DROPS
                && without.dropped > without.answered,
            may_drop_without_timestamps: all_without.dropped > all_without.answered,
        }
    }

    /// What came since then.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            connections: self.connections.saturating_sub(earlier.connections),
            failed: self.failed.saturating_sub(earlier.failed),
            fragmented: self.fragmented.saturating_sub(earlier.fragmented),
            drops_without_timestamps: self.drops_without_timestamps,
            may_drop_without_timestamps: self.may_drop_without_timestamps,
        }
    }
}

/// Dropped SYNs without timestamps from which on it is no chance.
const LEAST_DROPS: u64 = 3;
