//! A NAT host watched on both sides: joins what comes in at one interface with what leaves at another. A NAT changes
//! addresses and ports of the near side and keeps the rest, so a SYN is known again by the remote host's address and
//! port, its sequence number and its timestamp.
//!
//! It tells which hosts behind the NAT are hit, and which SYNs this very host has swallowed. It adds no evidence about
//! what lies beyond: there each connection counts once, where it leaves.

mod connection;
mod shown;
mod sighting;
mod span;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::IpAddr,
};

use natdiag_common::wire::seq::SeqNumber;

use self::{
    connection::{Connection, Seen, Transmission},
    sighting::Kind,
};
pub use self::{
    shown::{ClientConnections, CrossingSums},
    sighting::Sighting,
    span::Span,
};
use crate::{event::Timestamp, seed::Seed};

/// How long a SYN may take through this host before it counts as swallowed: interfaces are read in turns.
const PASSAGE_NS: u64 = 500_000_000;
/// How long a connection is remembered: longer than SYNs are sent again, but for the last tries of patient clients.
const MEMORY_NS: u64 = 75_000_000_000;
/// Connections remembered at once. More are not joined.
const MAX_CONNECTIONS: usize = 1 << 18;
/// Remote hosts with evidence at once.
const MAX_REMOTES: usize = 1 << 18;
/// Transmissions of one SYN told apart.
const MAX_TRANSMISSIONS: usize = 16;
/// SYNs that must have crossed from an interface before those that do not are called swallowed.
const FOUNDED: u64 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    remote: IpAddr,
    port: u16,
    isn: SeqNumber,
}

/// Joins the sightings of all sources.
#[derive(Debug, Default)]
pub struct Crossing {
    connections: HashMap<Key, Connection, Seed>,
    /// In the order of their times, though sources are read one after the other.
    due: BTreeMap<Timestamp, Vec<Key>>,
    forget: VecDeque<(Timestamp, Key)>,
    remotes: BTreeMap<IpAddr, CrossingSums>,
    /// SYNs that crossed, by the source they came in at and the one they left by.
    ways: BTreeMap<(usize, usize), u64>,
    /// When each source was watched.
    spans: Vec<Span>,
}

impl Crossing {
    /// Says within which time a source shows everything: a SYN that it does not show before that, or behind it, may
    /// have passed it all the same.
    pub fn watched(&mut self, source: usize, span: Span) {
        if self.spans.len() <= source {
            self.spans.resize(source + 1, Span::default());
        }
        if let Some(known) = self.spans.get_mut(source) {
            *known = span;
        }
    }

    /// Takes what a source has seen, in any order among the sources.
    pub fn take(&mut self, source: usize, sightings: impl IntoIterator<Item = Sighting>) {
        for sighting in sightings {
            match sighting.kind {
                Kind::Syn => self.syn(source, sighting),
                Kind::Answer => self.answer(source, sighting),
            }
        }
    }

    fn syn(&mut self, source: usize, sighting: Sighting) {
        let key = Key {
            remote: sighting.remote,
            port: sighting.remote_port,
            isn: sighting.isn,
        };
        if !self.connections.contains_key(&key) {
            if self.connections.len() >= MAX_CONNECTIONS {
                return;
            }
            self.forget.push_back((sighting.time.plus(MEMORY_NS), key));
        }
        let connection = self.connections.entry(key).or_default();
        let seen = Seen {
            time: sighting.time,
            source,
            near: sighting.near,
        };
        let known = connection.transmissions.len();
        let open = connection.transmissions.iter_mut().find(|transmission| {
            let apart = transmission
                .first
                .time
                .since(seen.time)
                .max(seen.time.since(transmission.first.time));
            transmission.tsval == sighting.tsval
                && transmission.then.is_none()
                && transmission.first.source != source
                && apart < PASSAGE_NS
        });
        match open {
            // Sources are read one after the other: what is earlier was seen first.
            Some(transmission) if seen.time < transmission.first.time => {
                transmission.then = Some(transmission.first);
                transmission.first = seen;
            }
            Some(transmission) => transmission.then = Some(seen),
            None if known < MAX_TRANSMISSIONS => {
                connection.transmissions.push(Transmission {
                    tsval: sighting.tsval,
                    first: seen,
                    then: None,
                    is_settled: false,
                });
                let due = sighting.time.plus(PASSAGE_NS);
                self.due.entry(due).or_default().push(key);
            }
            None => {}
        }
    }

    fn answer(&mut self, source: usize, sighting: Sighting) {
        let key = Key {
            remote: sighting.remote,
            port: sighting.remote_port,
            isn: sighting.isn,
        };
        let Some(connection) = self.connections.get_mut(&key) else {
            return;
        };
        let seen = (sighting.time, source);
        if connection.answered.is_none_or(|earlier| seen < earlier) {
            connection.answered = Some(seen);
        }
    }

    /// Lets time pass: all sources have been taken up to `now`.
    pub fn advance(&mut self, now: Timestamp) {
        while let Some(entry) = self.due.first_entry()
            && *entry.key() <= now
        {
            let (due, keys) = entry.remove_entry();
            for key in keys {
                self.settle(key, due);
            }
        }
        while let Some((_, key)) = self.forget.pop_front_if(|(due, _)| *due <= now) {
            self.connections.remove(&key);
        }
    }

    /// Decides about the transmissions of a connection that have had their time.
    fn settle(&mut self, key: Key, now: Timestamp) {
        let Some(connection) = self.connections.get_mut(&key) else {
            return;
        };
        if self.remotes.len() >= MAX_REMOTES && !self.remotes.contains_key(&key.remote) {
            return;
        }
        let evidence = self.remotes.entry(key.remote).or_default();
        // Sources are read one after the other: what the first has shown may be later than what the second shows.
        connection
            .transmissions
            .sort_by_key(|transmission| transmission.first.time);
        let mut swallowed_before = false;
        let mut client = None;
        // What is delivered to this host itself, or refused by it, crosses nothing.
        let is_own = connection.answered.is_some()
            && connection.transmissions.iter().all(|it| it.then.is_none());
        for transmission in &mut connection.transmissions {
            let first = transmission.first;
            let outside = match transmission.then {
                Some(then) => Some(then.source),
                None => way_of(&self.ways, first.source),
            };
            let is_shown = |source: usize| {
                let span = self.spans.get(source).copied().unwrap_or_default();
                span.holds(first.time, PASSAGE_NS)
            };
            if transmission.then.is_none() && !outside.is_none_or(is_shown) {
                continue;
            }
            let Some(outside) = outside else {
                // This host's own connection crosses nothing, but its answer may come astray.
                evidence.outside.get_or_insert(first.source);
                continue;
            };
            evidence.inside = Some(first.source);
            evidence.outside = Some(outside);
            client = Some(first.near);
            let is_swallowed = transmission.then.is_none();
            let is_due = now.since(first.time) >= PASSAGE_NS;
            if is_due && !transmission.is_settled && !is_own {
                transmission.is_settled = true;
                let after = if evidence.last_swallowed {
                    &mut evidence.after_swallowed
                } else {
                    &mut evidence.after_passed
                };
                after.count(is_swallowed);
                let outcomes = if swallowed_before {
                    &mut evidence.again
                } else {
                    &mut evidence.first
                };
                evidence.last_swallowed = is_swallowed;
                outcomes.count(is_swallowed);
                if !is_swallowed {
                    *self.ways.entry((first.source, outside)).or_default() += 1;
                }
            }
            swallowed_before |= is_swallowed;
        }
        if let Some(client) = client {
            evidence.note_client(connection, client);
        }
        evidence.note_answer(connection);
    }

    /// Forgets a source; those behind it move up by one place.
    pub fn remove_source(&mut self, gone: usize) {
        let moved = |source: usize| match source {
            _ if source == gone => None,
            _ if source > gone => Some(source - 1),
            _ => Some(source),
        };
        self.connections.retain(|_, connection| {
            let seen = connection
                .transmissions
                .iter_mut()
                .flat_map(|transmission| {
                    [Some(&mut transmission.first), transmission.then.as_mut()]
                });
            let mut sources: Vec<_> = seen.flatten().map(|seen| &mut seen.source).collect();
            sources.extend(connection.answered.as_mut().map(|(_, source)| source));
            sources.into_iter().all(|source| {
                let place = moved(*source);
                *source = place.unwrap_or_default();
                place.is_some()
            })
        });
        if gone < self.spans.len() {
            self.spans.remove(gone);
        }
        for evidence in self.remotes.values_mut() {
            evidence.inside = evidence.inside.and_then(moved);
            evidence.outside = evidence.outside.and_then(moved);
        }
        // What is known of a host is told where its SYNs leave.
        self.remotes
            .retain(|_, evidence| evidence.outside.is_some());
        self.ways = std::mem::take(&mut self.ways)
            .into_iter()
            .filter_map(|((from, to), crossed)| Some(((moved(from)?, moved(to)?), crossed)))
            .collect();
    }

    /// What is known of each remote host.
    pub fn remotes(&self) -> impl Iterator<Item = (IpAddr, &CrossingSums)> {
        self.remotes
            .iter()
            .map(|(remote, evidence)| (*remote, evidence))
    }
}

/// The source by which SYNs leave that come in at another, if enough have.
fn way_of(ways: &BTreeMap<(usize, usize), u64>, source: usize) -> Option<usize> {
    let leaves_here = ways
        .iter()
        .any(|((_, to), crossed)| *to == source && *crossed >= FOUNDED);
    let mut from_here = ways
        .iter()
        .filter(|((from, _), crossed)| *from == source && **crossed >= FOUNDED);
    let (way, _) = from_here.next().filter(|_| !leaves_here)?;
    Some(way.1)
}
