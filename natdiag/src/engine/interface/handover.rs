//! From one run to the next: what is saved, and what the next one takes before it goes on.

use super::{RECORDS_PER_TURN, WatchedInterface, count};
use crate::{
    bpf::{attach::Attachment, map::MapsError},
    event::Timestamp,
};

/// How often the counters are compared at first, and each time later, to find out what an earlier run has taken and not
/// saved: some 10 ms, and next to nothing.
const LOST_READINGS: usize = 500;
pub(super) const LOST_READINGS_MORE: usize = 5;

impl WatchedInterface {
    /// Takes what has come while nobody read, and finds out how much an earlier run has taken and not saved.
    pub(super) fn catch_up(&mut self) -> Result<(), MapsError> {
        let now = self.clock.now();
        let (analysis, filter) = (&mut self.analysis, &self.filter);
        let merge = |increment| count(analysis, filter, &increment, now);
        self.counters.catch_up(merge)?;
        self.search_lost(LOST_READINGS, now)?;
        self.analysis.set_totals(&self.counters.totals()?, now);
        Ok(())
    }

    /// Goes on finding out how much an earlier run has taken and not saved, if that is not known.
    pub(super) fn search_lost(&mut self, readings: usize, now: Timestamp) -> Result<(), MapsError> {
        for _ in 0..readings {
            if !self.counters.searches_lost() {
                break;
            }
            let (analysis, filter) = (&mut self.analysis, &self.filter);
            let merge = |increment| count(analysis, filter, &increment, now);
            self.counters.drain_spills(usize::MAX, merge);
            self.records.drain(RECORDS_PER_TURN);
            self.counters.read_lost(self.records.charged())?;
        }
        Ok(())
    }

    /// Takes everything up to now, and nothing any more. Returns whether the programs stay, for another run to go on
    /// with.
    pub(in crate::engine) fn pause(&mut self) -> Result<bool, MapsError> {
        if !self.attachment.as_ref().is_some_and(Attachment::is_pinned) {
            return Ok(false);
        }
        self.read_followed();
        self.following.end();
        self.collect(self.clock.now())?;
        self.take_records();
        self.analysis.advance(self.clock.now());
        Ok(true)
    }
}
