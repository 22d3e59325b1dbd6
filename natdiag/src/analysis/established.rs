//! What established connections of remote hosts under suspicion have shown, live and from captures.

use std::collections::HashMap;

use natdiag_common::{
    Address, Direction,
    follow::{
        FLOWS, FlowEnds, FollowCounter, FollowCounts, FollowedFlow, FollowedSegment, flow_place,
    },
};
use serde::{Deserialize, Serialize};

use crate::{event::Timestamp, seed::Seed};

/// Remote hosts whose evidence is kept after their suspicion.
const MAX_KEPT: usize = 1 << 16;

/// Evidence about one remote host, since its suspicion began. What was before is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Established {
    /// When the first suspicion began.
    since: Option<Timestamp>,
    /// From all suspicions that have ended.
    past: FollowCounts,
    /// From the one that goes on.
    current: FollowCounts,
}

impl Established {
    /// Evidence of one suspicion that goes on.
    #[must_use]
    pub const fn new(since: Timestamp, counts: FollowCounts) -> Self {
        Self {
            since: Some(since),
            past: FollowCounts::ZERO,
            current: counts,
        }
    }

    /// When the first suspicion began.
    #[must_use]
    pub const fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// All that was counted.
    #[must_use]
    pub fn counts(&self) -> FollowCounts {
        let mut counts = self.past;
        counts.add(&self.current);
        counts
    }

    /// Segments with data that were looked at.
    #[must_use]
    pub fn segments(&self) -> u64 {
        let counts = self.counts();
        [
            FollowCounter::SentSmall,
            FollowCounter::SentLarge,
            FollowCounter::ReceivedSmall,
            FollowCounter::ReceivedLarge,
        ]
        .iter()
        .map(|counter| counts.value(*counter))
        .sum()
    }
}

/// Evidence about all remote hosts that are or were under suspicion.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct EstablishedTable {
    remotes: HashMap<Address, Established, Seed>,
    // Those of a capture, which is never saved.
    #[serde(skip)]
    flows: FlowTable,
}

impl EstablishedTable {
    /// What is known about a remote host.
    #[must_use]
    pub fn get(&self, remote: Address) -> Option<&Established> {
        self.remotes.get(&remote)
    }

    /// Forgets a remote host.
    pub fn forget(&mut self, remote: Address) {
        self.remotes.remove(&remote);
    }

    /// Notes that a suspicion begins, or goes on.
    pub fn begin(&mut self, remote: Address, now: Timestamp) {
        if let Some(established) = entry(&mut self.remotes, remote) {
            established.since.get_or_insert(now);
        }
    }

    /// Notes what the kernel has counted since the suspicion began.
    pub fn set(&mut self, remote: Address, counts: FollowCounts) {
        if let Some(established) = entry(&mut self.remotes, remote) {
            established.current = counts;
        }
    }

    /// Notes that a suspicion has ended.
    pub fn end(&mut self, remote: Address) {
        if let Some(established) = self.remotes.get_mut(&remote) {
            let current = std::mem::take(&mut established.current);
            established.past.add(&current);
        }
    }

    /// Takes a segment of a suspect from a capture, as the BPF programs do.
    pub fn segment(
        &mut self,
        direction: Direction,
        ends: &FlowEnds,
        segment: &FollowedSegment,
        now: Timestamp,
    ) {
        let place = flow_place(ends);
        let Self { remotes, flows } = self;
        let Some(established) = entry(remotes, ends.remote) else {
            return;
        };
        let counts = &mut established.current;
        let Some(flow) = flows.at(place) else {
            return;
        };
        if !flow.claim(ends, segment.flags, now.0) {
            counts.increment(FollowCounter::LeftOut);
            return;
        }
        match direction {
            Direction::Ingress => flow.received(segment, now.0, counts),
            Direction::Egress => flow.sent(segment, now.0, counts),
        }
    }
}

/// The evidence about a remote host, as long as there is room.
fn entry(
    remotes: &mut HashMap<Address, Established, Seed>,
    remote: Address,
) -> Option<&mut Established> {
    let has_room = remotes.len() < MAX_KEPT || remotes.contains_key(&remote);
    has_room.then(|| remotes.entry(remote).or_default())
}

/// Places of connections, as in the kernel. Made when the first is needed.
#[derive(Debug, Default)]
struct FlowTable {
    flows: Vec<FollowedFlow>,
}

impl FlowTable {
    fn at(&mut self, place: u32) -> Option<&mut FollowedFlow> {
        if self.flows.is_empty() {
            self.flows = vec![FollowedFlow::default(); FLOWS as usize];
        }
        self.flows.get_mut(place as usize)
    }
}
