//! The clock: what time it is, and what the kernel's monotonic time is since 1970. Nothing else asks for the time.
//!
//! The offset is taken once, so that a step of the wall clock neither tears a connection apart nor puts events out
//! of order.

use nix::time::{ClockId, clock_gettime};

use crate::event::Timestamp;

const NS_PER_SEC: u64 = 1_000_000_000;

/// Relates the two clocks.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch_ns: u64,
}

impl Clock {
    /// Takes the offset.
    #[must_use]
    pub fn start() -> Self {
        let before = read_ns(ClockId::CLOCK_MONOTONIC);
        let since_1970 = read_ns(ClockId::CLOCK_REALTIME);
        let after = read_ns(ClockId::CLOCK_MONOTONIC);
        let between = before + after.saturating_sub(before) / 2;
        Self {
            epoch_ns: since_1970.wrapping_sub(between),
        }
    }

    /// Goes on with the offset of an earlier run since the same boot of the machine: its times and those to come are in
    /// order, also where the wall clock has been set.
    #[must_use]
    pub const fn resume(epoch_ns: u64) -> Self {
        Self { epoch_ns }
    }

    /// What `CLOCK_MONOTONIC` 0 is, in nanoseconds since 1970.
    #[must_use]
    pub const fn epoch_ns(&self) -> u64 {
        self.epoch_ns
    }

    /// Nanoseconds of `CLOCK_MONOTONIC`, the clock of the records.
    #[must_use]
    pub fn monotonic_ns(&self) -> u64 {
        read_ns(ClockId::CLOCK_MONOTONIC)
    }

    /// CPU time that this process has used, in nanoseconds.
    #[must_use]
    pub fn own_cpu_ns(&self) -> u64 {
        read_ns(ClockId::CLOCK_PROCESS_CPUTIME_ID)
    }

    /// What a monotonic time is since 1970.
    #[must_use]
    pub const fn timestamp(&self, monotonic_ns: u64) -> Timestamp {
        Timestamp(monotonic_ns.wrapping_add(self.epoch_ns))
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.timestamp(self.monotonic_ns())
    }
}

/// Both clocks exist on every Linux, so that reading them does not fail.
fn read_ns(clock: ClockId) -> u64 {
    clock_gettime(clock).map_or(0, |time| {
        let secs = u64::try_from(time.tv_sec()).unwrap_or(0);
        let ns = u64::try_from(time.tv_nsec()).unwrap_or(0);
        secs.saturating_mul(NS_PER_SEC).saturating_add(ns)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monotonic_time_becomes_time_since_1970() {
        let clock = Clock::start();
        let wall = read_ns(ClockId::CLOCK_REALTIME);
        let apart = clock.now().0.abs_diff(wall);
        assert!(apart < NS_PER_SEC, "{apart} ns apart");
    }
}
