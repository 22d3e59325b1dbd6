//! Has the kernel measure what the programs cost, for one second in sixty: measuring costs each packet of everybody's
//! programs some 90 ns.

use std::time::Duration;

use tokio::time::Interval;

use crate::{
    bpf::statistics::{Statistics, StatisticsError, is_measured_always},
    engine::ticks,
};

const SECOND: Duration = Duration::from_secs(1);
/// The kernel measures in one of so many seconds.
const SECONDS: u32 = 60;

/// Turns measuring on and off.
pub(super) struct Measure {
    is_wanted: bool,
    ticks: Interval,
    second: u32,
    running: Option<Statistics>,
}

impl Measure {
    /// Prepares to measure, if that is wanted.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(super) fn new(is_wanted: bool) -> Result<Self, StatisticsError> {
        if is_wanted {
            Statistics::enable()?;
        }
        Ok(Self {
            is_wanted,
            ticks: ticks(SECOND),
            second: 0,
            running: None,
        })
    }

    /// Waits for the next second in which something is to be done, and does it.
    pub(super) async fn turn(&mut self) {
        if !self.is_wanted {
            return std::future::pending().await;
        }
        self.ticks.tick().await;
        self.running = (self.second == 0).then(Statistics::enable).and_then(|it| {
            it.inspect_err(|error| tracing::warn!(%error, "what the programs cost is not measured"))
                .ok()
        });
        self.second = (self.second + 1) % SECONDS;
    }

    /// Whether the kernel has counted anything.
    pub(super) fn tells(&self) -> bool {
        self.is_wanted || is_measured_always()
    }
}
