//! The timestamps that connections wrote, or tried to write, as the mark of a server with tcp_tw_recycle. Whether it
//! took one over depends on what it held, which cannot be known where unseen hosts write too.

use std::collections::VecDeque;

use natdiag_common::wire::seq::TsVal;
use serde::{Deserialize, Serialize};

use crate::{analysis::mark::Mark, event::Timestamp};

/// Writes that are remembered: those during [`super::recent::RECENT_SYNS`], of which each may bring one.
const MAX_WRITES: usize = 256;

/// The last writes, the newest last.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RecentWrites {
    newest: VecDeque<Write>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Write {
    mark: Mark,
    /// The connection.
    writer: u64,
}

impl RecentWrites {
    /// Adds what a connection writes. Its later packets raise what it has written.
    pub fn push(&mut self, tsval: TsVal, now: Timestamp, writer: u64) {
        let known = self
            .newest
            .iter_mut()
            .rev()
            .find(|write| write.writer == writer);
        if let Some(write) = known {
            if tsval.ahead_of(write.mark.tsval) > 0 {
                write.mark.tsval = tsval;
            }
            return;
        }
        if self.newest.len() >= MAX_WRITES {
            self.newest.pop_front();
        }
        let mark = Mark { tsval, since: now };
        self.newest.push_back(Write { mark, writer });
    }

    /// Takes back what a connection wrote: it ended by our RST before the server entered TIME-WAIT.
    pub fn take_back(&mut self, writer: u64) {
        self.newest.retain(|write| write.writer != writer);
    }

    /// What was written and when, the newest last.
    pub fn iter(&self) -> impl Iterator<Item = Mark> {
        self.newest.iter().map(|write| write.mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_writes_once_and_its_last_timestamp() {
        let mut writes = RecentWrites::default();
        writes.push(TsVal(10), Timestamp(1), 1);
        writes.push(TsVal(500), Timestamp(2), 2);
        writes.push(TsVal(14), Timestamp(3), 1);
        let seen: Vec<_> = writes.iter().collect();
        let mark = |tsval, since| Mark {
            tsval: TsVal(tsval),
            since: Timestamp(since),
        };
        assert_eq!(seen, [mark(14, 1), mark(500, 2)]);
    }

    #[test]
    fn reset_takes_back_what_its_connection_wrote() {
        let mut writes = RecentWrites::default();
        writes.push(TsVal(10), Timestamp(1), 1);
        writes.push(TsVal(500), Timestamp(2), 2);
        writes.take_back(1);
        let seen: Vec<_> = writes.iter().map(|mark| mark.tsval).collect();
        assert_eq!(seen, [TsVal(500)]);
    }

    #[test]
    fn only_the_newest_are_kept() {
        let mut writes = RecentWrites::default();
        for number in 0..1000_u32 {
            let now = Timestamp(number.into());
            writes.push(TsVal(number), now, number.into());
        }
        assert_eq!(writes.iter().count(), MAX_WRITES);
        assert_eq!(
            writes.iter().last().map(|mark| mark.tsval),
            Some(TsVal(999))
        );
    }
}
