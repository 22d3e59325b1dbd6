//! Kills natdiag in the middle of a test, and has the next natdiag clean up where the kernel could not.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result};

use super::Outcome;
use crate::lab::interrupt;

/// The hook that natdiag chooses by itself.
pub(super) const AUTO: &str = "auto";

/// What the next natdiag says of filters that it found.
const FOUND: &str = "that a natdiag had left behind";

/// Kills natdiag after a while. On a hook whose programs stay, starts it again.
pub(super) fn kill(
    outcome: &mut Outcome,
    natdiag: &dyn Fn() -> Result<Command>,
    hook: &str,
    moment: Duration,
) -> Result<()> {
    let on_hook: &[&str] = if hook == AUTO { &[] } else { &["--hook", hook] };
    let mut child = natdiag()?
        .args(on_hook)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot run natdiag")?;
    interrupt::wait(moment)?;
    let had_ended = child.try_wait()?.is_some();
    if !had_ended {
        // SIGKILL.
        child.kill()?;
        child.wait()?;
    }
    outcome.said = format!("killed after {} ms", moment.as_millis());
    if hook != "clsact" {
        return Ok(());
    }
    let next = natdiag()?
        .args(["--hook", hook, "--max-connections", "1"])
        .output()
        .context("cannot run natdiag")?;
    let said = String::from_utf8_lossy(&next.stdout);
    outcome.said += if said.contains(FOUND) {
        "; named"
    } else {
        "; nothing left"
    };
    Ok(())
}
