//! CPU time of this thread. Other threads and the machine's other guests are not in it.

use std::{io, time::Duration};

use anyhow::{Context as _, Result, ensure};
use nix::{
    sched::{CpuSet, sched_getcpu, sched_setaffinity},
    time::{ClockId, clock_gettime},
    unistd::Pid,
};

/// CPU time that this thread has used.
pub(super) fn cpu_time() -> Result<Duration> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .context("cannot read this thread's CPU time")?;
    Ok(Duration::from(time))
}

/// CPU time that something takes.
pub(super) fn time<T>(what: impl FnOnce() -> Result<T>) -> Result<(Duration, T)> {
    let start = cpu_time()?;
    let result = what()?;
    Ok((cpu_time()?.saturating_sub(start), result))
}

/// Keeps this thread on the CPU that it is on, as each CPU has counters and caches of its own, and others off it while
/// it runs: budgets of records fill up by the clock on the wall.
pub(super) fn have_a_cpu() -> Result<()> {
    let mut cpus = CpuSet::new();
    cpus.set(sched_getcpu().context("cannot tell the CPU")?)?;
    sched_setaffinity(Pid::from_raw(0), &cpus).context("cannot stay on one CPU")?;
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    let parameters = libc::sched_param { sched_priority: 1 };
    // SAFETY: the pointer is to a value that outlives the call.
    let set = unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
    ensure!(
        set == 0,
        "cannot go before others: {}",
        io::Error::last_os_error()
    );
    Ok(())
}

/// Lets this thread run on every CPU again.
pub(super) fn use_all_cpus() -> Result<()> {
    let mut cpus = CpuSet::new();
    for cpu in 0..CpuSet::count() {
        cpus.set(cpu)?;
    }
    // The kernel leaves out those that do not exist.
    sched_setaffinity(Pid::from_raw(0), &cpus).context("cannot use all CPUs")
}
