//! The timestamp that a server with tcp_tw_recycle remembers of one remote host, and what it does to a SYN.
//!
//! Source: `net/ipv4/tcp_metrics.c:tcp_peer_is_proven`, `tcp_remember_stamp`, `tcp_tw_remember_stamp` (v4.9).

use std::collections::VecDeque;

use natdiag_common::wire::seq::TsVal;
use serde::{Deserialize, Serialize};

use crate::event::Timestamp;

/// How long a mark counts, in nanoseconds.
/// Kernel: `TCP_PAWS_MSL` 60 s, include/net/tcp.h (v4.9).
pub const LIFETIME_NS: u64 = 60_000_000_000;

/// How far a SYN's timestamp may lie below the mark.
/// Kernel: `TCP_PAWS_WINDOW`, include/net/tcp.h (v4.9).
pub(super) const WINDOW: i32 = 1;

/// How long a change is remembered: no SYN takes longer to reach a server.
const HISTORY_NS: u64 = 4_000_000_000;
/// Most changes remembered. A server that closes so many connections in that time is judged by the last of them.
const HISTORY: usize = 1024;

/// A remembered timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The timestamp.
    pub tsval: TsVal,
    /// When it was received.
    pub since: Timestamp,
}

/// What the rule says about a SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Prediction {
    /// It carries a timestamp below a live mark.
    Drop,
    /// It carries a timestamp and no live mark is above that.
    Pass,
    /// It carries no timestamp and there is a live mark: servers of 3.17 to 4.11 drop it, older ones do not.
    ArmedWithoutTimestamp,
    /// It carries no timestamp and there is no live mark.
    WithoutTimestamp,
}

/// The mark of one (local address, remote host), as it changed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MarkHistory {
    /// What was in force before the first of the changes.
    before: Option<Mark>,
    /// The newest last.
    changes: VecDeque<Change>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Change {
    mark: Mark,
    at: Timestamp,
    /// Whose connection wrote it.
    writer: u64,
}

impl Mark {
    /// Whether it stands against a write: what is written is older, and the mark still counts.
    #[must_use]
    pub fn stands_against(self, tsval: TsVal, now: Timestamp) -> bool {
        self.tsval.ahead_of(tsval) > 0 && self.is_live(now)
    }

    fn is_live(self, now: Timestamp) -> bool {
        now.since(self.since) < LIFETIME_NS
    }
}

/// What the rule says about a SYN that arrives at `now` under `mark`.
fn predict_under(mark: Option<Mark>, tsval: Option<TsVal>, now: Timestamp) -> Prediction {
    let live = mark.filter(|mark| mark.is_live(now));
    match (tsval, live) {
        (Some(tsval), Some(mark)) if mark.tsval.ahead_of(tsval) > WINDOW => Prediction::Drop,
        (Some(_), _) => Prediction::Pass,
        (None, Some(_)) => Prediction::ArmedWithoutTimestamp,
        (None, None) => Prediction::WithoutTimestamp,
    }
}

impl MarkHistory {
    /// The mark in force.
    #[must_use]
    pub fn current(&self) -> Option<Mark> {
        self.changes
            .back()
            .map(|change| change.mark)
            .or(self.before)
    }

    /// Whether a mark is in force.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.current().is_some_and(|mark| mark.is_live(now))
    }

    /// Writes the mark as the server does when its socket enters TIME-WAIT: only upwards, or over one that has
    /// expired. `writer` names the connection.
    pub fn write(&mut self, tsval: TsVal, now: Timestamp, writer: u64) {
        let stands = self.current();
        if stands.is_some_and(|mark| mark.stands_against(tsval, now)) {
            return;
        }
        while let Some(change) = self.changes.front()
            && (self.changes.len() >= HISTORY || now.since(change.at) > HISTORY_NS)
        {
            self.before = Some(change.mark);
            self.changes.pop_front();
        }
        let mark = Mark { tsval, since: now };
        self.changes.push_back(Change {
            mark,
            at: now,
            writer,
        });
    }

    /// Takes back what a connection wrote last: it ended by our RST before the server entered TIME-WAIT.
    pub fn take_back(&mut self, writer: u64) {
        if self
            .changes
            .back()
            .is_some_and(|change| change.writer == writer)
        {
            self.changes.pop_back();
        }
    }

    /// What the rule says about a SYN with this timestamp at `now`.
    #[must_use]
    pub fn predict(&self, tsval: Option<TsVal>, now: Timestamp) -> Prediction {
        predict_under(self.current(), tsval, now)
    }

    /// Whether a mark that was in force less than `window_ns` ago says something else: the SYN may have been judged by
    /// that one.
    #[must_use]
    pub fn is_ambiguous(&self, tsval: Option<TsVal>, now: Timestamp, window_ns: u64) -> bool {
        let prediction = self.predict(tsval, now);
        let earlier = self
            .changes
            .iter()
            .rev()
            .skip(1)
            .map(|change| Some(change.mark));
        self.changes
            .iter()
            .rev()
            .zip(earlier.chain([self.before]))
            .take_while(|(change, _)| now.since(change.at) < window_ns)
            .any(|(_, earlier)| predict_under(earlier, tsval, now) != prediction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn history(tsval: u32) -> MarkHistory {
        let mut history = MarkHistory::default();
        history.write(TsVal(tsval), Timestamp(0), 1);
        history
    }

    #[test]
    fn a_syn_passes_down_to_one_below_the_mark() {
        for (tsval, want) in [
            (1000, Prediction::Pass),
            (999, Prediction::Pass),
            (998, Prediction::Drop),
            (1000_u32.wrapping_sub((1 << 31) - 1), Prediction::Drop),
            (1000_u32.wrapping_sub(1 << 31), Prediction::Pass),
        ] {
            assert_eq!(
                history(1000).predict(Some(TsVal(tsval)), Timestamp(SECOND)),
                want,
                "{tsval}"
            );
        }
    }

    #[test]
    fn a_mark_expires_after_60_s() {
        let history = history(1000);
        assert_eq!(
            history.predict(Some(TsVal(1)), Timestamp(LIFETIME_NS - 1)),
            Prediction::Drop
        );
        assert_eq!(
            history.predict(Some(TsVal(1)), Timestamp(LIFETIME_NS)),
            Prediction::Pass
        );
        assert_eq!(
            history.predict(None, Timestamp(LIFETIME_NS)),
            Prediction::WithoutTimestamp
        );
    }

    #[test]
    fn a_mark_is_written_upwards_or_over_an_expired_one() {
        let mut history = history(1000);
        history.write(TsVal(500), Timestamp(SECOND), 2);
        assert_eq!(history.current().unwrap().tsval, TsVal(1000));
        history.write(TsVal(1001), Timestamp(2 * SECOND), 3);
        assert_eq!(history.current().unwrap().tsval, TsVal(1001));
        history.write(TsVal(7), Timestamp(2 * SECOND + LIFETIME_NS), 4);
        assert_eq!(history.current().unwrap().tsval, TsVal(7));
    }

    #[test]
    fn a_syn_is_ambiguous_only_where_old_and_new_mark_differ_and_only_for_the_window() {
        let mut history = history(1000);
        history.write(TsVal(2000), Timestamp(10 * SECOND), 2);
        let window = SECOND;
        let soon = Timestamp(10 * SECOND + window - 1);
        assert!(history.is_ambiguous(Some(TsVal(1500)), soon, window));
        assert!(!history.is_ambiguous(Some(TsVal(500)), soon, window));
        assert!(!history.is_ambiguous(Some(TsVal(2500)), soon, window));
        assert!(!history.is_ambiguous(Some(TsVal(1500)), Timestamp(10 * SECOND + window), window));
    }

    #[test]
    fn many_changes_within_a_round_trip_make_only_what_lies_between_them_ambiguous() {
        let mut history = history(1_000_000);
        for change in 1..=2000_u32 {
            history.write(
                TsVal(1_000_000 + change),
                Timestamp(10 * SECOND + u64::from(change) * 1000),
                2,
            );
        }
        let now = Timestamp(10 * SECOND + 2_001_000);
        assert!(!history.is_ambiguous(Some(TsVal(7)), now, SECOND));
        assert!(history.is_ambiguous(Some(TsVal(1_001_900)), now, SECOND));
    }

    #[test]
    fn the_first_mark_makes_a_syn_without_timestamps_ambiguous() {
        let history = history(1000);
        assert!(history.is_ambiguous(None, Timestamp(1), 20));
        assert!(!history.is_ambiguous(None, Timestamp(20), 20));
    }

    #[test]
    fn a_connection_that_was_reset_leaves_no_mark() {
        let mut history = history(1000);
        history.write(TsVal(2000), Timestamp(SECOND), 2);
        history.take_back(2);
        assert_eq!(history.current().unwrap().tsval, TsVal(1000));
        history.take_back(2);
        assert_eq!(history.current().unwrap().tsval, TsVal(1000));
    }
}
