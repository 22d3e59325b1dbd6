//! What a person wants to see of one remote host beyond its sums: the newest SYNs one by one, from whose order verdicts
//! conclude as well, and how large its fragments are. Bounded.

use std::collections::VecDeque;

use natdiag_common::{counter::FragmentPosition, wire::seq::TsVal};
use serde::{Deserialize, Serialize};

use crate::{
    analysis::{
        evidence::{Fate, SynClass},
        mark::Prediction,
    },
    event::{FragmentPart, Timestamp},
};

/// Most SYNs kept of one remote host, at 24 octets each: more than a terminal shows in a line, and enough for a limit or
/// an outage to show.
pub const RECENT_SYNS: usize = 256;

/// A closer look at one remote host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloseUp {
    /// Its newest SYNs, the newest last.
    pub syns: Vec<RecentSyn>,
    /// How large its fragments are, as far as they were looked at one by one.
    pub fragment_sizes: FragmentSizes,
}

/// One SYN sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentSyn {
    /// When.
    pub sent: Timestamp,
    /// Its timestamp.
    pub tsval: Option<TsVal>,
    /// What the rule of tcp_tw_recycle says about it.
    pub prediction: Prediction,
    /// Whether its fate counts: not where the mark had just changed.
    pub counts: bool,
    /// Whether an earlier transmission of the same SYN had been dropped.
    pub repeated: bool,
    /// Connections to the remote host that were open then.
    pub open: u16,
    /// The port at the remote host.
    pub port: u16,
    /// What became of it.
    pub fate: Fate,
}

/// The newest SYNs to one remote host.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RecentSyns {
    sent: u64,
    newest: VecDeque<RecentSyn>,
}

impl RecentSyns {
    /// Adds a SYN that was sent, and returns its number.
    pub fn push(
        &mut self,
        sent: Timestamp,
        tsval: Option<TsVal>,
        port: u16,
        class: SynClass,
    ) -> u64 {
        if self.newest.len() >= RECENT_SYNS {
            self.newest.pop_front();
        } else if self.newest.len() == self.newest.capacity() {
            // A million hosts have one or two SYNs each: no room is made that will not be needed.
            self.newest.reserve_exact(self.newest.len().max(1));
        }
        self.newest.push_back(RecentSyn {
            sent,
            tsval,
            prediction: class.prediction,
            counts: !class.ambiguous,
            repeated: class.repeated,
            open: u16::try_from(class.open).unwrap_or(u16::MAX),
            port,
            fate: Fate::Pending,
        });
        self.sent += 1;
        self.sent - 1
    }

    /// Says what became of the SYN with this number, if it is still kept.
    pub fn settle(&mut self, number: u64, fate: Fate) {
        let from_end = self.sent.saturating_sub(number);
        let place = usize::try_from(from_end)
            .ok()
            .and_then(|from_end| self.newest.len().checked_sub(from_end));
        if let Some(syn) = place.and_then(|place| self.newest.get_mut(place)) {
            syn.fate = fate;
        }
    }

    /// The SYNs, the newest last.
    pub fn iter(&self) -> impl Iterator<Item = &RecentSyn> {
        self.newest.iter()
    }

    /// The SYNs with their numbers, the newest last.
    pub fn numbered(&self) -> impl Iterator<Item = (u64, &RecentSyn)> {
        let first = self.sent.saturating_sub(self.newest.len() as u64);
        (first..).zip(&self.newest)
    }

    /// The SYNs, the newest last.
    #[must_use]
    pub fn to_vec(&self) -> Vec<RecentSyn> {
        self.newest.iter().copied().collect()
    }
}

/// Fragments by position and by the length of the whole packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FragmentSizes {
    counts: [[u32; Self::BUCKETS]; FragmentPosition::ALL.len()],
}

impl FragmentSizes {
    /// The largest packet of each bucket but the last, in octets: finer where MTUs lie.
    pub const UP_TO_OCTETS: [u32; 8] = [128, 256, 512, 1024, 1280, 1400, 1480, 1500];
    /// Buckets: one for each of these, and one for what is larger.
    pub const BUCKETS: usize = Self::UP_TO_OCTETS.len() + 1;

    /// Adds a fragment. Atomic ones are whole packets and are left out.
    pub fn add(&mut self, part: FragmentPart, total_len_octets: u32) {
        let position = match (part.offset_octets, part.more) {
            (0, true) => FragmentPosition::First,
            (0, false) => return,
            (_, true) => FragmentPosition::Middle,
            (_, false) => FragmentPosition::Last,
        };
        let bucket = Self::UP_TO_OCTETS.partition_point(|up_to| *up_to < total_len_octets);
        let counts = self.counts.get_mut(position as usize);
        if let Some(count) = counts.and_then(|counts| counts.get_mut(bucket)) {
            *count = count.saturating_add(1);
        }
    }

    /// Fragments at one position, by bucket.
    #[must_use]
    pub fn of(&self, position: FragmentPosition) -> [u32; Self::BUCKETS] {
        self.counts
            .get(position as usize)
            .copied()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASS: SynClass = SynClass {
        prediction: Prediction::Pass,
        reuses_time_wait: false,
        ambiguous: false,
        unseen_mark: false,
        unseen_use: false,
        repeated: false,
        first_contact: false,
        service: 0,
        second: 0,
        open: 0,
    };

    #[test]
    fn fate_finds_its_syn_until_newer_ones_have_pushed_it_out() {
        let mut recent = RecentSyns::default();
        let first = recent.push(Timestamp(0), None, 443, CLASS);
        let second = recent.push(Timestamp(1), None, 443, CLASS);
        recent.settle(first, Fate::Dropped);
        recent.settle(second, Fate::Answered);
        let fates = |recent: &RecentSyns| recent.to_vec().iter().map(|syn| syn.fate).collect();
        let seen: Vec<_> = fates(&recent);
        assert_eq!(seen, [Fate::Dropped, Fate::Answered]);
        for time in 2..1000 {
            recent.push(Timestamp(time), None, 443, CLASS);
        }
        recent.settle(first, Fate::Answered);
        let seen: Vec<_> = fates(&recent);
        assert_eq!(seen, [Fate::Pending; RECENT_SYNS]);
        assert_eq!(
            recent.to_vec()[0].sent,
            Timestamp(1000 - RECENT_SYNS as u64)
        );
    }

    #[test]
    fn fragment_counts_at_its_position_and_size() {
        let mut sizes = FragmentSizes::default();
        let part = |offset_octets, more| FragmentPart {
            offset_octets,
            more,
            data_octets: 8,
        };
        for (part, octets) in [
            (part(0, true), 1396),
            (part(0, true), 1400),
            (part(1376, true), 1401),
            (part(2752, false), 9000),
            (part(0, false), 100),
        ] {
            sizes.add(part, octets);
        }
        assert_eq!(
            sizes.of(FragmentPosition::First),
            [0, 0, 0, 0, 0, 2, 0, 0, 0]
        );
        assert_eq!(
            sizes.of(FragmentPosition::Middle),
            [0, 0, 0, 0, 0, 0, 1, 0, 0]
        );
        assert_eq!(
            sizes.of(FragmentPosition::Last),
            [0, 0, 0, 0, 0, 0, 0, 0, 1]
        );
    }
}
