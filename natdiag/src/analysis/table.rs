//! The table of remote hosts: exact counters, bounded, honest about what it had no room for.

use std::collections::HashMap;

use natdiag_common::{
    Address,
    counter::{FragmentPosition, FragmentProtocol, RemoteCounter, RemoteCounts},
};
use serde::{Deserialize, Serialize};

use crate::{event::Timestamp, seed::Seed};

/// Remote hosts that the table has room for, at about 260 octets each.
pub const DEFAULT_CAPACITY: usize = 1 << 20;

/// Strangers, who have only sent us something, get one place in so many: anybody can forge them.
const STRANGERS_SHARE: usize = 2;
/// A host that was quiet for so long is let go when the table is full.
const QUIET_NS: u64 = 600_000_000_000;
/// A stranger that was quiet for so long is let go when the part of strangers is full.
const STRANGER_QUIET_NS: u64 = 60_000_000_000;

/// Least time between two searches for quiet hosts.
const SEARCH_NS: u64 = 60_000_000_000;

/// Counters of one remote host since the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    words: [u64; RemoteCounter::COUNT],
}

/// One remote host.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Remote {
    /// Its address.
    pub address: Address,
    /// When it was last counted.
    pub last_seen: Timestamp,
    /// Its counters.
    pub counts: Counts,
}

/// All remote hosts of one source.
#[derive(Debug, Serialize, Deserialize)]
pub struct Table {
    #[serde(skip)]
    places: HashMap<Address, usize, Seed>,
    remotes: Vec<Remote>,
    capacity: usize,
    /// How many of them are strangers.
    strangers: usize,
    overflow: Counts,
    overflow_remotes: u64,
    turned_away: u64,
    searched: Timestamp,
}

impl Counts {
    /// Nothing counted yet.
    pub const ZERO: Self = Self {
        words: [0; RemoteCounter::COUNT],
    };

    /// Value of one counter.
    #[must_use]
    pub fn value(&self, counter: RemoteCounter) -> u64 {
        self.words.get(counter as usize).copied().unwrap_or(0)
    }

    /// Fragments received of one protocol and position.
    #[must_use]
    pub fn fragments(&self, protocol: FragmentProtocol, position: FragmentPosition) -> u64 {
        let place = RemoteCounter::fragment(protocol, position);
        self.words.get(place).copied().unwrap_or(0)
    }

    /// Fragments received of one protocol.
    #[must_use]
    pub fn fragments_of(&self, protocol: FragmentProtocol) -> u64 {
        FragmentPosition::ALL
            .iter()
            .map(|position| self.fragments(protocol, *position))
            .sum()
    }

    /// Fragments received at one position.
    #[must_use]
    pub fn fragments_at(&self, position: FragmentPosition) -> u64 {
        FragmentProtocol::ALL
            .iter()
            .map(|protocol| self.fragments(*protocol, position))
            .sum()
    }

    /// Packets counted, each once.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.words.iter().take(RemoteCounter::FIRST_DETAIL).sum()
    }

    /// Whether nothing of ours went to the host that would ask it for an answer: whoever forges packets can make any
    /// number of such hosts.
    #[must_use]
    pub fn is_stranger(&self) -> bool {
        self.value(RemoteCounter::SynSent) == 0
    }

    fn add(&mut self, counts: &RemoteCounts) {
        // Most are zero, and of a table of many hosts every word may be far away: so first by fours.
        let ours = self
            .words
            .chunks_mut(4)
            .zip(counts.words.as_chunks::<4>().0);
        for (first, (words, more)) in (0..).step_by(4).zip(ours) {
            if *more == [0; 4] {
                continue;
            }
            for (place, (word, more)) in (first..).zip(words.iter_mut().zip(more)) {
                let more = u64::from(*more);
                *word = if place < RemoteCounter::FIRST_MAXIMUM {
                    *word + more
                } else {
                    (*word).max(more)
                };
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        let words = self.words.iter_mut().zip(other.words);
        for (place, (word, more)) in words.enumerate() {
            *word = if place < RemoteCounter::FIRST_MAXIMUM {
                *word + more
            } else {
                (*word).max(more)
            };
        }
    }
}

impl Default for Table {
    fn default() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }
}

impl Table {
    /// A table with room for so many remote hosts.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            places: HashMap::default(),
            remotes: Vec::new(),
            capacity,
            strangers: 0,
            overflow: Counts::ZERO,
            overflow_remotes: 0,
            turned_away: 0,
            searched: Timestamp(0),
        }
    }

    /// Makes what was saved whole again.
    pub fn restore(&mut self) {
        self.find_places();
    }

    /// Adds to a remote host's counters. Where there is no room, `keep` says which quiet hosts must stay, and the
    /// addresses of those let go are returned. Strangers never take the place of hosts that we have sent a SYN to.
    pub fn count(
        &mut self,
        address: Address,
        counts: &RemoteCounts,
        now: Timestamp,
        keep: impl Fn(&Remote) -> bool,
    ) -> Vec<Address> {
        if let Some(remote) = self.get_mut(address) {
            let was_stranger = remote.counts.is_stranger();
            remote.counts.add(counts);
            remote.last_seen = now;
            self.strangers -= usize::from(was_stranger && !remote.counts.is_stranger());
            return Vec::new();
        }
        let mut remote = Remote {
            address,
            last_seen: now,
            counts: Counts::ZERO,
        };
        remote.counts.add(counts);
        let is_stranger = remote.counts.is_stranger();
        let gone = if self.has_room(is_stranger) {
            Vec::new()
        } else {
            self.let_go_of_quiet(now, keep)
        };
        if self.has_room(is_stranger) {
            self.places.insert(address, self.remotes.len());
            self.strangers += usize::from(is_stranger);
            self.remotes.push(remote);
        } else {
            self.overflow.merge(&remote.counts);
            self.overflow_remotes += 1;
            self.turned_away += remote.counts.packets();
        }
        gone
    }

    fn has_room(&self, for_stranger: bool) -> bool {
        self.remotes.len() < self.capacity
            && !(for_stranger && self.strangers >= self.capacity / STRANGERS_SHARE)
    }

    /// One remote host.
    #[must_use]
    pub fn get(&self, address: Address) -> Option<&Remote> {
        self.remotes.get(*self.places.get(&address)?)
    }

    fn get_mut(&mut self, address: Address) -> Option<&mut Remote> {
        self.remotes.get_mut(*self.places.get(&address)?)
    }

    /// All remote hosts, in no order.
    #[must_use]
    pub fn remotes(&self) -> &[Remote] {
        &self.remotes
    }

    /// Counters of all that there was no room for, and how many hosts they are, each counted again when it came back.
    #[must_use]
    pub fn overflow(&self) -> (&Counts, u64) {
        (&self.overflow, self.overflow_remotes)
    }

    /// Packets of hosts that there was no room for, so that nothing can be said about these.
    #[must_use]
    pub const fn turned_away(&self) -> u64 {
        self.turned_away
    }

    /// Lets go of hosts that have been quiet, into the overflow.
    fn let_go_of_quiet(&mut self, now: Timestamp, keep: impl Fn(&Remote) -> bool) -> Vec<Address> {
        if now.since(self.searched) < SEARCH_NS {
            return Vec::new();
        }
        self.searched = now;
        let quiet = self.remotes.extract_if(.., |remote| {
            let quiet_ns = if remote.counts.is_stranger() {
                STRANGER_QUIET_NS
            } else {
                QUIET_NS
            };
            now.since(remote.last_seen) >= quiet_ns && !keep(remote)
        });
        let mut gone = Vec::new();
        for remote in quiet {
            self.strangers -= usize::from(remote.counts.is_stranger());
            self.overflow.merge(&remote.counts);
            gone.push(remote.address);
        }
        self.overflow_remotes += gone.len() as u64;
        self.find_places();
        gone
    }

    fn find_places(&mut self) {
        let remotes = self.remotes.iter().enumerate();
        self.places = remotes
            .map(|(place, remote)| (remote.address, place))
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(counter: RemoteCounter) -> RemoteCounts {
        let mut counts = RemoteCounts::ZERO;
        counts.words[counter as usize] = 1;
        counts
    }

    fn address(last: u8) -> Address {
        Address::from_ipv4([192, 0, 2, last])
    }

    #[test]
    fn a_full_table_counts_the_rest_together_and_loses_nothing() {
        let mut table = Table::with_capacity(2);
        for last in 1..=3 {
            for _ in 0..last {
                table.count(
                    address(last),
                    &one(RemoteCounter::SynSent),
                    Timestamp(1),
                    |_| false,
                );
            }
        }
        let kept: u64 = table
            .remotes()
            .iter()
            .map(|remote| remote.counts.packets())
            .sum();
        assert_eq!(
            (kept, table.overflow().0.packets(), table.overflow().1),
            (3, 3, 3)
        );
    }

    #[test]
    fn quiet_hosts_give_way_and_those_with_a_finding_stay() {
        let mut table = Table::with_capacity(2);
        table.count(
            address(1),
            &one(RemoteCounter::SynSent),
            Timestamp(1),
            |_| false,
        );
        table.count(
            address(2),
            &one(RemoteCounter::SynSent),
            Timestamp(1),
            |_| false,
        );
        let later = Timestamp(1 + QUIET_NS);
        let gone = table.count(address(3), &one(RemoteCounter::SynSent), later, |kept| {
            kept.address == address(1)
        });
        assert_eq!(gone, [address(2)]);
        assert!(table.get(address(1)).is_some() && table.get(address(3)).is_some());
        assert_eq!((table.overflow().0.packets(), table.overflow().1), (1, 1));
    }

    #[test]
    fn strangers_take_no_place_of_hosts_that_we_talk_to() {
        let mut table = Table::with_capacity(8);
        let mut count = |last, counter| {
            table.count(address(last), &one(counter), Timestamp(1), |_| true);
        };
        for last in 1..=20 {
            count(last, RemoteCounter::RstEstablished);
        }
        // One of them is no stranger any more, and makes room for another one.
        count(4, RemoteCounter::SynSent);
        count(30, RemoteCounter::SynAckReceived);
        for last in 101..=103 {
            count(last, RemoteCounter::SynSent);
        }
        let known: Vec<_> = [3, 4, 5, 30, 101, 102, 103]
            .map(|last| table.get(address(last)).is_some())
            .into();
        assert_eq!(known, [true, true, false, true, true, true, true]);
        assert_eq!((table.remotes().len(), table.turned_away()), (8, 16));
    }

    #[test]
    fn strangers_give_way_after_a_minute() {
        let mut table = Table::with_capacity(2);
        for (last, now) in [(1, 1), (2, 1), (3, 1 + STRANGER_QUIET_NS)] {
            let counts = one(RemoteCounter::RstEstablished);
            table.count(address(last), &counts, Timestamp(now), |_| false);
        }
        assert!(table.get(address(1)).is_none() && table.get(address(2)).is_none());
        assert!(table.get(address(3)).is_some());
        assert_eq!((table.overflow().1, table.turned_away()), (2, 1));
    }

    #[test]
    fn sums_add_up_and_maxima_stay_maxima() {
        let mut table = Table::default();
        for octets in [1400, 1396] {
            let mut counts = one(RemoteCounter::FragmentTcpFirst);
            counts.words[RemoteCounter::LargestFirstTcpOctets as usize] = octets;
            table.count(address(1), &counts, Timestamp(1), |_| false);
        }
        let counts = table.get(address(1)).unwrap().counts;
        assert_eq!(counts.value(RemoteCounter::LargestFirstTcpOctets), 1400);
        assert_eq!(counts.fragments_of(FragmentProtocol::Tcp), 2);
    }
}
