//! Has the kernel measure how often and how long programs run: always (`kernel.bpf_stats_enabled`), or as long as
//! somebody holds `BPF_ENABLE_STATS`.

use std::{fs, os::fd::OwnedFd};

use aya::sys::{Stats, SyscallError, enable_stats};
use thiserror::Error;

/// Whether the kernel measures all the time (Linux 5.1).
const SWITCH: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// The kernel does not measure.
#[derive(Debug, Error)]
#[error("the kernel refuses to measure the run time of BPF programs")]
pub struct StatisticsError(#[source] SyscallError);

/// Has the kernel measure while this exists. It measures the programs of everybody.
#[derive(Debug)]
pub struct Statistics {
    _held: OwnedFd,
}

impl Statistics {
    /// Has the kernel measure.
    ///
    /// # Errors
    /// This process has no `CAP_SYS_ADMIN`, or the kernel is older than 5.8.
    pub fn enable() -> Result<Self, StatisticsError> {
        let held = enable_stats(Stats::RunTime).map_err(StatisticsError)?;
        Ok(Self { _held: held })
    }
}

/// Whether the administrator has the kernel measure all the time.
#[must_use]
pub fn is_measured_always() -> bool {
    fs::read_to_string(SWITCH).is_ok_and(|text| text.trim() == "1")
}
