//! The middle of connections: whether what we send is taken, how soon, and how idle the connection was before. Captures
//! show all connections; where not all are looked at, those that are were chosen by their four-tuples alone.

mod flight;
mod idle;
mod one;
mod round_trip;
mod sums;
#[cfg(test)]
mod tests;

pub use self::{
    flight::FlightFate,
    idle::Idle,
    round_trip::RoundTrips,
    sums::{ConversationSums, Data, Flights},
};

use std::collections::HashMap;

use natdiag_common::{
    Address, Direction,
    follow::{FlowEnds, FollowedSegment},
    wire::tcp::{ACK, RST, SYN},
};
use serde::{Deserialize, Serialize};

use self::one::Conversation;
use crate::{
    seed::Seed,
    {event::Timestamp, recent::Recent},
};

/// Connections looked at at once, at least; at most twice as many.
const CONNECTIONS: usize = 1 << 16;
/// Remote hosts whose sums are kept.
const REMOTES: usize = 1 << 16;

/// Connections under way, and what those of each remote host have shown.
#[derive(Debug, Serialize, Deserialize)]
pub struct Conversations {
    #[serde(skip, default = "none_open")]
    open: Recent<FlowEnds, Conversation>,
    remotes: HashMap<Address, ConversationSums, Seed>,
    data_segments: u64,
}

impl Default for Conversations {
    fn default() -> Self {
        Self {
            open: none_open(),
            remotes: HashMap::default(),
            data_segments: 0,
        }
    }
}

fn none_open() -> Recent<FlowEnds, Conversation> {
    Recent::new(CONNECTIONS)
}

impl Conversations {
    /// What the connections with a remote host have shown.
    #[must_use]
    pub fn get(&self, remote: Address) -> Option<&ConversationSums> {
        self.remotes.get(&remote)
    }

    /// Remote hosts whose connections have shown what calls for an explanation, in order.
    pub fn with_symptoms(&self) -> impl Iterator<Item = Address> {
        let has_symptom = |address: &&Address| {
            let sums = self.get(**address);
            sums.is_some_and(|sums| sums.symptoms() > 0)
        };
        let mut remotes: Vec<Address> = self.remotes.keys().filter(has_symptom).copied().collect();
        remotes.sort_unstable();
        remotes.into_iter()
    }

    /// Takes the sums of a remote host that somebody else has made.
    pub fn state(&mut self, remote: Address, sums: ConversationSums) {
        if self.has_room_for(remote) {
            self.remotes.insert(remote, sums);
        }
    }

    fn has_room_for(&self, remote: Address) -> bool {
        self.remotes.len() < REMOTES || self.remotes.contains_key(&remote)
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

    /// Segments with data that were looked at.
    #[must_use]
    pub const fn data_segments(&self) -> u64 {
        self.data_segments
    }

    /// Takes a segment.
    pub fn segment(
        &mut self,
        direction: Direction,
        ends: &FlowEnds,
        segment: &FollowedSegment,
        now: Timestamp,
    ) {
        self.data_segments += u64::from(segment.data_octets > 0);
        if !self.has_room_for(ends.remote) {
            return;
        }
        let Self { open, remotes, .. } = self;
        let is_ours = direction == Direction::Egress;
        let is_opened_by_them = segment.flags & SYN != 0 && (segment.flags & ACK != 0) == is_ours;
        if is_opened_by_them {
            *open.get_or_default(*ends) = Conversation::of_theirs();
            return;
        }
        // Anybody can forge what is received: only what we send makes a connection and its host known.
        let makes_known = is_ours && segment.flags & RST == 0;
        let opens = is_ours && segment.flags & SYN != 0;
        let is_known = match open.get_mut(ends) {
            Some(known) => opens || !known.is_of_theirs(),
            None => makes_known,
        };
        if !is_known {
            if let Some(sums) = remotes.get_mut(&ends.remote).filter(|_| !is_ours) {
                sums.heard = Some(now);
            }
            return;
        }
        let conversation = open.get_or_default(*ends);
        let sums = remotes.entry(ends.remote).or_default();
        match direction {
            Direction::Egress => conversation.sent(segment, now, sums),
            Direction::Ingress => conversation.received(segment, now, sums),
        }
        if conversation.is_over() {
            open.remove(ends);
        }
    }
}
