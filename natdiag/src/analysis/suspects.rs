//! Whose established connections are followed, and what that has shown.

use std::cmp::Reverse;

use natdiag_common::{
    Address, Direction,
    follow::{self, FlowEnds, FollowCounts, FollowedSegment},
};

use super::{Analysis, diagnosis::Severity, established::Established};
use crate::event::Timestamp;

impl Analysis {
    /// Says whose established connections are to be followed from now on: remote hosts with symptoms.
    pub fn suspects(&mut self, now: Timestamp) -> &[Address] {
        let mut symptomatic: Vec<_> = self
            .table
            .remotes()
            .iter()
            .filter_map(|remote| {
                let syns = self.tracker.sums(remote.address.into());
                let severity = self.severity(remote, syns, now)?;
                (severity > Severity::Info)
                    .then_some((Reverse((severity, remote.counts.packets())), remote.address))
            })
            .collect();
        symptomatic.sort_unstable();
        symptomatic.truncate(2 * follow::SUSPECTS);
        let worst: Vec<_> = symptomatic.into_iter().map(|(_, remote)| remote).collect();
        let suspects = self.suspicion.update(&worst, now);
        for remote in &self.suspects {
            if !suspects.contains(remote) {
                self.established.end(*remote);
            }
        }
        for remote in &suspects {
            self.established.begin(*remote, now);
        }
        self.suspects = suspects;
        &self.suspects
    }

    /// Notes what the kernel has counted about a suspect since its suspicion began.
    pub fn followed(&mut self, remote: Address, counts: FollowCounts) {
        self.established.set(remote, counts);
    }

    /// Notes what evidence says about established connections: what was counted since they were followed.
    pub fn stated(&mut self, remote: Address, since: Timestamp, counts: FollowCounts) {
        self.established.begin(remote, since);
        self.established.set(remote, counts);
    }

    /// What established connections of a remote host have shown, if they were followed.
    #[must_use]
    pub fn established(&self, remote: Address) -> Option<&Established> {
        self.established.get(remote)
    }

    /// Whether a remote host is under suspicion, so that its segments are wanted.
    #[must_use]
    pub fn follows(&self, remote: Address) -> bool {
        self.suspects.contains(&remote)
    }

    /// Takes a segment of a suspect from a capture.
    pub fn follow(
        &mut self,
        direction: Direction,
        ends: &FlowEnds,
        segment: &FollowedSegment,
        now: Timestamp,
    ) {
        self.established.segment(direction, ends, segment, now);
    }
}
