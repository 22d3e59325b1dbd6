//! Runs programs to their end.

use std::{
    ffi::OsStr,
    io::Write as _,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::exec;

/// Runs a program to its end.
pub(crate) fn run(program: &str, arguments: &[impl AsRef<OsStr>]) -> Result<()> {
    exec::read(Command::new(program).args(arguments)).map(drop)
}

/// Runs a program to its end and gives it `input`.
pub(crate) fn feed(program: &str, arguments: &[&str], input: &str) -> Result<()> {
    feed_command(Command::new(program).args(arguments), input)
}

/// Runs a command to its end and gives it `input`.
pub(crate) fn feed_command(command: &mut Command, input: &str) -> Result<()> {
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
