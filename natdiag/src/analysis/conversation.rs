//! The middle of connections: whether what we send is taken, how soon, and how idle the connection was before. Captures show
//! all connections; where not all are looked at, those that are were chosen by their four-tuples alone.

mod evidence;
mod flight;
mod idle;
mod one;
mod round_trip;
#[cfg(test)]
mod tests;

pub use self::{
    evidence::{ConversationEvidence, Data, Flights},
    flight::FlightFate,
    idle::Idle,
    round_trip::RoundTrips,
};

use std::collections::HashMap;

use natdiag_common::{
    Address, Direction,
    follow::{FlowEnds, FollowedSegment},
};
use serde::{Deserialize, Serialize};

use self::one::Conversation;
use crate::{
    seed::Seed,
    {event::Timestamp, recent::Recent},
};

/// Connections looked at at once, at least; at most twice as many.
const CONNECTIONS: usize = 1 << 16;
/// Remote hosts whose evidence is kept.
const REMOTES: usize = 1 << 16;

/// Connections under way, and what those of each remote host have shown.
#[derive(Debug, Serialize, Deserialize)]
pub struct Conversations {
    #[serde(skip, default = "none_open")]
    open: Recent<FlowEnds, Conversation>,
    remotes: HashMap<Address, ConversationEvidence, Seed>,
}

impl Default for Conversations {
    fn default() -> Self {
        Self {
            open: none_open(),
            remotes: HashMap::default(),
        }
    }
}

fn none_open() -> Recent<FlowEnds, Conversation> {
    Recent::new(CONNECTIONS)
}

impl Conversations {
    /// What the connections with a remote host have shown.
    #[must_use]
    pub fn get(&self, remote: Address) -> Option<&ConversationEvidence> {
        self.remotes.get(&remote)
    }

    /// Forgets a remote host.
    pub fn forget(&mut self, remote: Address) {
        self.remotes.remove(&remote);
    }

    /// Connections that were let go for younger ones before they had ended.
    #[must_use]
    pub const fn let_go(&self) -> u64 {
        self.open.forgotten()
    }

    /// Takes a segment.
    pub fn segment(
        &mut self,
        direction: Direction,
        ends: &FlowEnds,
        segment: &FollowedSegment,
        now: Timestamp,
    ) {
        let Self { open, remotes } = self;
        let has_room = remotes.len() < REMOTES || remotes.contains_key(&ends.remote);
        if !has_room {
            return;
        }
        let conversation = open.get_or_default(*ends);
        let evidence = remotes.entry(ends.remote).or_default();
        match direction {
            Direction::Egress => conversation.sent(segment, now, evidence),
            Direction::Ingress => conversation.received(segment, now, evidence),
        }
        if conversation.is_over() {
            open.remove(ends);
        }
    }
}
