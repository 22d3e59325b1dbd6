//! Ctrl-C: whoever waits stops waiting, so that every guard cleans up.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

static REQUESTED: AtomicBool = AtomicBool::new(false);
/// How long a wait may go on after Ctrl-C.
const STEP: Duration = Duration::from_millis(20);

/// Takes SIGINT, SIGTERM and SIGHUP from now on.
pub(crate) fn listen() -> Result<()> {
    let action = SigAction::new(
        SigHandler::Handler(note),
        SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: the handler only stores into an atomic.
        unsafe { sigaction(signal, &action) }.context("cannot take signals")?;
    }
    Ok(())
}

extern "C" fn note(_signal: i32) {
    REQUESTED.store(true, Ordering::Relaxed);
}

/// Whether the lab has been asked to end.
pub(crate) fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// Waits.
///
/// # Errors
/// The lab was asked to end.
pub(crate) fn wait(duration: Duration) -> Result<()> {
    let mut left = duration;
    while !left.is_zero() {
        if requested() {
            bail!("interrupted");
        }
        let step = left.min(STEP);
        thread::sleep(step);
        left -= step;
    }
    Ok(())
}

/// Asks again and again until the answer is yes.
///
/// # Errors
/// It was not within `limit`, asking failed, or the lab was asked to end.
pub(crate) fn wait_until(
    what: &str,
    limit: Duration,
    mut ready: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let mut left = limit;
    while !ready()? {
        if left.is_zero() {
            bail!("{what}: not within {} s", limit.as_secs());
        }
        wait(STEP)?;
        left = left.saturating_sub(STEP);
    }
    Ok(())
}
