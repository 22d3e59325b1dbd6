//! From events and counters to a diagnosis. Pure: no clock, no file, no socket, no log; it cannot fail.

pub mod cause;
pub mod close_up;
pub mod conversation;
mod counters;
pub mod crossing;
mod datagrams;
mod diagnose;
pub mod diagnosis;
pub mod established;
pub mod fares;
pub mod fates;
pub mod filter;
pub mod fragments;
pub mod mark;
mod narrowed;
pub mod ranking;
pub mod scope;
pub mod service;
mod suspects;
pub mod suspicion;
pub mod table;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod timeline;
pub mod tracker;
pub mod verdict;

use std::{collections::HashMap, net::IpAddr};

use natdiag_common::{
    Address, Direction,
    counter::{Counter, RemoteCounts, Totals},
    follow::{FlowEnds, FollowedSegment},
    wire::tcp::SYN,
};
use serde::{Deserialize, Serialize};

pub use self::diagnose::MIN_FINDINGS;
use self::{
    conversation::{ConversationSums, Conversations},
    crossing::Sighting,
    diagnosis::Severity,
    established::EstablishedTable,
    fates::neighbours::Neighbours,
    filter::Filter,
    fragments::{Datagrams, Reassembly},
    narrowed::Narrowed,
    suspicion::Suspicion,
    table::Table,
    tracker::Tracker,
    verdict::{Case, Middle},
};
use crate::event::{Content, Event, Timestamp};
use crate::seed::Seed;

/// Everything that is known about the traffic of one source: an interface or a capture.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Analysis {
    table: Table,
    tracker: Tracker,
    reassembly: Reassembly,
    datagrams: HashMap<IpAddr, Datagrams, Seed>,
    overflow_datagrams: Datagrams,
    totals: Totals,
    totals_at: Timestamp,
    records: u64,
    suspicion: Suspicion,
    suspects: Vec<Address>,
    /// What is to be joined with what other sources see, if anything.
    #[serde(skip)]
    sightings: Option<Vec<Sighting>>,
    /// Packets that carry something that is not looked into.
    #[serde(skip)]
    unread: u64,
    established: EstablishedTable,
    conversations: Conversations,
    middle: Middle,
    narrowed: Narrowed,
}

impl Analysis {
    /// An analysis that knows at most so many remote hosts one by one.
    #[must_use]
    pub fn with_capacity(remotes: usize) -> Self {
        Self {
            table: Table::with_capacity(remotes),
            ..Self::default()
        }
    }

    /// Makes what was saved whole again, after a time in which nobody looked if `gap` names one: then what became of
    /// SYNs in it is not known. Nobody is under suspicion at first.
    pub fn restore(&mut self, gap: Option<(Timestamp, Timestamp)>) {
        self.table.restore();
        for remote in std::mem::take(&mut self.suspects) {
            self.established.end(remote);
        }
        if let Some((from, to)) = gap {
            self.tracker.records_missed(from, to);
        }
    }

    /// Says what is admitted to it from here on.
    pub fn narrow(&mut self, filter: Filter) {
        self.narrowed.set(filter);
    }

    /// Adds to the counters of one remote host. `counts` are what came since the last call: sums add up, maxima
    /// (`RemoteCounter::FIRST_MAXIMUM` and up) are raised.
    pub fn count(&mut self, remote: Address, counts: &RemoteCounts, now: Timestamp) {
        self.narrowed.note_remote();
        let (tracker, datagrams) = (&self.tracker, &self.datagrams);
        let (established, conversations) = (&self.established, &self.conversations);
        let gone = self.table.count(remote, counts, now, |remote| {
            let address = IpAddr::from(remote.address);
            let severity = verdict::severity(&Case {
                counts: &remote.counts,
                syns: tracker.sums(address),
                established: established.get(remote.address),
                conversations: conversations.get(remote.address),
                datagrams: datagrams.get(&address).copied().unwrap_or_default(),
                is_ipv6: address.is_ipv6(),
                neighbours: Neighbours::default(),
                missed_share: 0.0,
                now,
            });
            // Whoever forges packets gives as many strangers as they like something harmless to be told.
            if remote.counts.is_stranger() {
                severity > Some(Severity::Info)
            } else {
                severity.is_some()
            }
        });
        for address in gone {
            self.tracker.forget(address.into());
            self.datagrams.remove(&address.into());
            self.established.forget(address);
            self.conversations.forget(address);
        }
    }

    /// Sets the counters of the whole source, as of now.
    pub fn set_totals(&mut self, totals: &Totals, now: Timestamp) {
        if totals.value(Counter::MissedRecordsRing) > self.totals.value(Counter::MissedRecordsRing)
        {
            self.tracker.records_missed(self.totals_at, now);
        }
        self.totals = *totals;
        self.totals_at = now;
    }

    /// Sets how many of all packets carry something that is not looked into.
    pub const fn set_unread(&mut self, unread: u64) {
        self.unread = unread;
    }

    /// Says that SYNs were sent of which too little is known to follow them.
    pub fn syns_not_followed(&mut self, remote: IpAddr, syns: u64) {
        self.tracker.not_followed(remote, syns);
    }

    /// From here on keeps what is to be joined with other sources; somebody must take it.
    pub fn share_sightings(&mut self) {
        self.sightings.get_or_insert_default();
    }

    /// What is to be joined with other sources, since the last call.
    pub fn take_sightings(&mut self) -> Vec<Sighting> {
        self.sightings
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Up to when records were missed at last, if any were.
    #[must_use]
    pub fn records_missed_until(&self) -> Option<Timestamp> {
        self.tracker.missed_until()
    }

    /// Takes one event. Events come in the order of their times.
    pub fn observe(&mut self, event: &Event) {
        self.records += 1;
        self.narrowed.note(event);
        if let Some(part) = event.fragment
            && event.direction == Direction::Ingress
        {
            let left_out = self.left_out(event.source);
            self.datagrams_of(event.source).note(event, part);
            self.reassembly.fragment(event, part, left_out);
            self.settle_datagrams();
        }
        match &event.content {
            // The beginning of a segment does not tell where the segment ends, and nobody fragments a SYN.
            Content::Segment(segment) if event.fragment.is_none() || !segment.has(SYN) => {
                if let Some(sightings) = &mut self.sightings {
                    sightings.extend(Sighting::of(event, segment));
                }
                self.tracker.segment(event, segment);
            }
            Content::IcmpError(error) => self.tracker.icmp_error(event, error),
            Content::Segment(_) | Content::Other => {}
        }
    }

    /// Says that ordinary segments of the connections that we open are observed as well: what is not among them was not
    /// there.
    pub const fn shows_ordinary(&mut self) {
        self.tracker.shows_ordinary();
    }

    /// Says what is seen of connections between their beginning and their end.
    pub const fn sees_of_the_middle(&mut self, middle: Middle) {
        self.middle = middle;
    }

    /// Takes a segment of a connection that is looked at from its beginning to its end.
    pub fn converse(
        &mut self,
        direction: Direction,
        ends: &FlowEnds,
        segment: &FollowedSegment,
        now: Timestamp,
    ) {
        self.conversations.segment(direction, ends, segment, now);
    }

    /// Notes what evidence says about connections that were looked at one by one.
    pub fn conversed(&mut self, remote: Address, evidence: ConversationSums) {
        self.conversations.state(remote, evidence);
    }

    /// What the connections with a remote host have shown, of those that were looked at.
    #[must_use]
    pub fn conversations(&self, remote: Address) -> Option<&ConversationSums> {
        self.conversations.get(remote)
    }

    /// Connections that were let go before their end because younger ones came.
    #[must_use]
    pub const fn conversations_let_go(&self) -> u64 {
        self.conversations.let_go()
    }

    /// Takes an event that a capture shows again: it counts once.
    pub fn shown_again(&mut self, event: &Event) {
        if let Content::Segment(segment) = &event.content {
            self.tracker.shown_again(event, segment);
        }
    }

    /// Lets time pass: SYNs that nobody answered become dropped, datagrams incomplete, old state goes.
    pub fn advance(&mut self, now: Timestamp) {
        self.tracker.advance(now);
        self.reassembly.advance(now);
        self.settle_datagrams();
    }
}
