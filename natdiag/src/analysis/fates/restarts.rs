//! The story of a restart: a host that falls silent, then refuses what it took before, then resets connections from
//! before its silence, and takes new ones again. Counters only; `verdict` weighs them.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::event::Timestamp;

/// Shortest silence, in nanoseconds: a process or a virtual machine takes longer to come back, and an ordinary pause
/// between two connections of which some SYNs are lost is shorter.
const SILENCE_NS: u64 = 3_000_000_000;
/// SYNs that must have been dropped in it.
const DROPPED: u64 = 3;
/// Longest time between two refusals of one restart, in nanoseconds.
const REFUSING_NS: u64 = 120_000_000_000;
/// Ports that are remembered to have refused.
const MAX_PORTS: usize = 4;

/// One time at which a host was away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// When it was heard last before.
    pub from: Timestamp,
    /// When it was heard again.
    pub until: Timestamp,
    /// SYNs that were dropped between.
    pub dropped: u64,
    /// SYNs that it refused from then on, on ports that it opened before or after.
    pub refused: u64,
    /// Connections opened on such a port since the last refusal.
    pub opened_after: u64,
    /// Those opened between two refusals: a host that starts does not go back and forth.
    pub opened_between: u64,
    /// Connections from before the absence that it reset after it.
    pub old_resets: u64,
    /// Connections from after the absence that it reset.
    pub new_resets: u64,
    last_refusal: Timestamp,
    ports: SmallVec<[u16; MAX_PORTS]>,
}

/// When a host was heard, and its newest absence.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RestartSums {
    heard: Option<Timestamp>,
    /// SYNs that had been dropped by then.
    dropped_then: u64,
    absence: Option<Box<Absence>>,
}

impl RestartSums {
    /// The newest absence, if there was one.
    #[must_use]
    pub fn absence(&self) -> Option<&Absence> {
        self.absence.as_deref()
    }

    /// Notes a sign of life, when so many SYNs have been dropped in all.
    pub(crate) fn heard(&mut self, now: Timestamp, dropped: u64) {
        if let Some(last) = self.heard {
            let lost = dropped.saturating_sub(self.dropped_then);
            if now.since(last) >= SILENCE_NS && lost >= DROPPED {
                self.absence = Some(Box::new(Absence::new(last, now, lost)));
            }
        }
        self.heard = Some(now);
        self.dropped_then = dropped;
    }

    /// Notes a refusal; `was_open` says that the port was open before.
    pub(crate) fn refused(&mut self, port: u16, was_open: bool, now: Timestamp) {
        let last_heard = self.heard.unwrap_or(now);
        let known = self.absence.take();
        // One that refused nothing for long is over.
        let goes_on = known
            .filter(|absence| now.since(absence.last_refusal.max(absence.until)) < REFUSING_NS);
        let mut absence = match goes_on {
            Some(absence) => absence,
            None if was_open => Box::new(Absence::new(last_heard, now, 0)),
            None => return,
        };
        absence.refused += 1;
        absence.opened_between += std::mem::take(&mut absence.opened_after);
        absence.last_refusal = now;
        if absence.ports.len() < MAX_PORTS && !absence.ports.contains(&port) {
            absence.ports.push(port);
        }
        self.absence = Some(absence);
    }

    /// Notes a connection that was opened.
    pub(crate) fn opened(&mut self, port: u16) {
        if let Some(absence) = &mut self.absence
            && absence.ports.contains(&port)
        {
            absence.opened_after += 1;
        }
    }

    /// Notes the reset of a connection that was opened then.
    pub(crate) fn reset(&mut self, established_at: Timestamp) {
        if let Some(absence) = &mut self.absence {
            if established_at <= absence.from {
                absence.old_resets += 1;
            } else {
                absence.new_resets += 1;
            }
        }
    }
}

impl Absence {
    fn new(from: Timestamp, until: Timestamp, dropped: u64) -> Self {
        Self {
            from,
            until,
            dropped,
            refused: 0,
            opened_after: 0,
            opened_between: 0,
            old_resets: 0,
            new_resets: 0,
            last_refusal: until,
            ports: SmallVec::new(),
        }
    }

    /// How long the host was silent, in whole seconds.
    #[must_use]
    pub fn silent_seconds(&self) -> u64 {
        self.until.since(self.from) / 1_000_000_000
    }

    /// Whether silence was seen, and not just refusals.
    #[must_use]
    pub const fn was_silent(&self) -> bool {
        self.dropped >= DROPPED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds * SECOND)
    }

    #[test]
    fn pause_without_lost_syns_is_no_absence() {
        let mut restarts = RestartSums::default();
        restarts.heard(at(1), 0);
        restarts.heard(at(100), 2);
        assert_eq!(restarts.absence(), None);
    }

    #[test]
    fn silence_refusals_and_resets_make_one_story() {
        let mut restarts = RestartSums::default();
        restarts.heard(at(10), 0);
        restarts.heard(at(40), 9);
        restarts.refused(5432, true, at(40));
        restarts.refused(5432, true, at(45));
        restarts.opened(5432);
        restarts.reset(at(9));
        restarts.reset(at(41));
        let absence = restarts.absence().unwrap();
        assert_eq!((absence.silent_seconds(), absence.dropped), (30, 9));
        assert_eq!((absence.refused, absence.opened_after), (2, 1));
        assert_eq!((absence.old_resets, absence.new_resets), (1, 1));
    }

    #[test]
    fn port_that_goes_back_and_forth_is_seen_to() {
        let mut restarts = RestartSums::default();
        restarts.heard(at(1), 0);
        for second in 2..6 {
            restarts.refused(443, true, at(second));
            restarts.opened(443);
        }
        assert_eq!(restarts.absence().unwrap().opened_between, 3);
    }

    #[test]
    fn port_that_was_never_open_is_no_absence() {
        let mut restarts = RestartSums::default();
        restarts.refused(81, false, at(1));
        assert_eq!(restarts.absence(), None);
    }
}
