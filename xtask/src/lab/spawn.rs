//! Runs programs, inside a namespace where asked, and ends those that run on.

use std::{
    ffi::OsStr,
    fs::File,
    io::Write as _,
    os::{
        fd::AsRawFd as _,
        unix::process::{CommandExt as _, ExitStatusExt as _},
    },
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
use crate::exec;

/// How long a program may take to end when asked to.
const PATIENCE: Duration = Duration::from_secs(15);

/// Runs a program to its end.
pub(crate) fn run(program: &str, arguments: &[impl AsRef<OsStr>]) -> Result<()> {
    exec::read(Command::new(program).args(arguments)).map(drop)
}

/// Runs a program to its end and gives it `input`.
pub(crate) fn feed(program: &str, arguments: &[&str], input: &str) -> Result<()> {
    feed_command(Command::new(program).args(arguments), input)
}

/// As [`feed`], inside a namespace.
pub(crate) fn feed_in(
    namespace: &Namespace,
    program: &str,
    arguments: &[&str],
    input: &str,
) -> Result<()> {
    let mut command = Command::new(program);
    command.args(arguments);
    put_in(&mut command, namespace)?;
    feed_command(&mut command, input)
}

fn feed_command(command: &mut Command, input: &str) -> Result<()> {
    let shown = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {shown}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin
            .write_all(input.as_bytes())
            .with_context(|| format!("{shown} does not read"))?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!(
            "{shown}: {}, given:\n{input}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

/// Makes a command run inside a namespace, and end when the thread that started it ends.
pub(crate) fn put_in(command: &mut Command, namespace: &Namespace) -> Result<()> {
    let file = namespace.open()?;
    let enter = move || {
        // SAFETY: setns(2) takes a descriptor, which `file` keeps open, and a number.
        if unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
        // SAFETY: prctl(2) takes two numbers.
        if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes two system calls and allocates nothing.
    unsafe { command.pre_exec(enter) };
    Ok(())
}

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
        put_in(&mut command, namespace)?;
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
