//! Programs that run on inside a namespace, and how they end.

use std::{
    fs::File,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{interrupt, namespace::Namespace};

/// How long a program may take to end when asked to.
const PATIENCE: Duration = Duration::from_secs(15);

/// A program that runs on until it is asked to end.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    name: &'static str,
}

impl Running {
    /// Starts a command inside a namespace, its output in files.
    pub(crate) fn start(
        name: &'static str,
        mut command: Command,
        namespace: &Namespace,
        stdout: &Path,
        stderr: &Path,
    ) -> Result<Self> {
        let create = |path: &Path| {
            File::create(path).with_context(|| format!("cannot create {}", path.display()))
        };
        namespace.put_in(&mut command)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(create(stdout)?)
            .stderr(create(stderr)?)
            // Ctrl-C on the terminal is for the lab, which ends its programs in order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot run {name}"))?;
        Ok(Self { child, name })
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Asks it to end as Ctrl-C does, and waits.
    pub(crate) fn finish(mut self) -> Result<ExitStatus> {
        self.interrupt();
        let mut status = None;
        interrupt::wait_until(self.name, PATIENCE, || {
            status = self.child.try_wait()?;
            Ok(status.is_some())
        })
        .context("does not end when interrupted")?;
        let status = status.context("ended without a status")?;
        if let Some(signal) = status.signal() {
            bail!("{} was ended by signal {signal}", self.name);
        }
        Ok(status)
    }

    fn interrupt(&self) {
        if let Ok(process) = i32::try_from(self.child.id()) {
            // It may have ended already.
            let _ = kill(Pid::from_raw(process), Signal::SIGINT);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            // It was started here and has not been waited for, so its number is still its own.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
