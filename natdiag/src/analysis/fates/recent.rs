//! The newest SYNs to a remote host one by one, from whose order verdicts conclude and which a closer look shows.
//! Bounded.

use std::collections::VecDeque;

use natdiag_common::wire::seq::TsVal;
use serde::{Deserialize, Serialize};

use super::{class::SynClass, outcomes::Fate};
use crate::{analysis::mark::Prediction, event::Timestamp};

/// Most SYNs kept of one remote host, at 40 octets each: more than a terminal shows in a line, and enough for a limit
/// or an outage to show.
pub const RECENT_SYNS: usize = 256;

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
    /// When the connection that it opened was closed, once that is known.
    pub closed: Option<Timestamp>,
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
            closed: None,
            fate: Fate::Pending,
        });
        self.sent += 1;
        self.sent - 1
    }

    /// Says what became of the SYN with this number, if it is still kept.
    pub fn settle(&mut self, number: u64, fate: Fate) {
        if let Some(syn) = self.kept(number) {
            syn.fate = fate;
        }
    }

    /// Says when the connection was closed that the SYN with this number has opened, if that is still kept.
    pub fn close(&mut self, number: u64, now: Timestamp) {
        if let Some(syn) = self.kept(number) {
            syn.closed.get_or_insert(now);
        }
    }

    fn kept(&mut self, number: u64) -> Option<&mut RecentSyn> {
        let from_end = self.sent.saturating_sub(number);
        let place = usize::try_from(from_end)
            .ok()
            .and_then(|from_end| self.newest.len().checked_sub(from_end));
        place.and_then(|place| self.newest.get_mut(place))
    }

    /// The SYNs with their numbers, the newest last.
    pub fn numbered(&self) -> impl Iterator<Item = (u64, &RecentSyn)> {
        let first = self.sent.saturating_sub(self.newest.len() as u64);
        (first..).zip(&self.newest)
    }

    /// The SYNs, the newest last.
    pub fn iter(&self) -> impl Iterator<Item = &RecentSyn> {
        self.newest.iter()
    }

    /// The SYNs, the newest last.
    #[must_use]
    pub fn to_vec(&self) -> Vec<RecentSyn> {
        self.newest.iter().copied().collect()
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
        options: 0,
        is_odd: false,
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
}
