//! The end of watching an interface: it has vanished, or is let go.

use std::{thread, time::Duration};

use super::WatchedInterface;
use crate::{bpf::map::MapsError, engine::EngineError, error::in_full, host::link};

/// How often, and at what distance, the counters are read again when programs were running while they were detached.
const LAST_READINGS: usize = 20;
const BETWEEN_LAST_READINGS: Duration = Duration::from_millis(1);

impl WatchedInterface {
    /// Looks whether the interface is still there, and closes it if not. Returns whether it is.
    pub(in crate::engine) fn check_presence(&mut self) -> Result<bool, EngineError> {
        if !self.is_attached() {
            return Ok(false);
        }
        if link::by_index(self.link.index)
            .map_err(EngineError::Links)?
            .is_some()
        {
            return Ok(true);
        }
        tracing::warn!(interface = self.link.name, "the interface has vanished");
        self.close()?;
        self.notes.push(format!(
            "`{}` has vanished; these are its counts up to then",
            self.link.name
        ));
        Ok(false)
    }

    /// Detaches, takes everything that is left, and makes sure that nothing was lost on the way.
    pub(in crate::engine) fn close(&mut self) -> Result<(), MapsError> {
        let Some(attachment) = self.attachment.take() else {
            return Ok(());
        };
        self.watched.until = Some(self.clock.now());
        if let Err(error) = attachment.detach() {
            let why = in_full(&error);
            tracing::error!(interface = self.link.name, why, "something stays pinned");
        }
        self.read_followed();
        self.following.end();
        self.take_samples();
        self.sampling.end();
        if let Some(remedy) = &mut self.remedy {
            remedy.close();
        }
        let mut unaccounted = 0;
        for _ in 0..LAST_READINGS {
            self.collect(self.clock.now())?;
            self.take_records();
            let totals = self.counters.totals()?;
            unaccounted = self.counters.unaccounted(&totals, self.records.charged());
            if unaccounted == 0 {
                break;
            }
            thread::sleep(BETWEEN_LAST_READINGS);
        }
        if self.counters.searches_lost() {
            self.counters.settle_lost(unaccounted);
            unaccounted = unaccounted.min(0);
            self.collect(self.clock.now())?;
        }
        if unaccounted != 0 {
            tracing::error!(
                interface = self.link.name,
                unaccounted,
                "the counts of the remote hosts do not add up to the total"
            );
            self.notes.push(format!(
                "natdiag has miscounted: {unaccounted} packets are in the total and with no remote host"
            ));
        }
        self.analysis.advance(self.clock.now());
        Ok(())
    }
}
