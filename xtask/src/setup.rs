//! Makes a machine able to build natdiag and to run its tests. Looks what is missing, says what it will
//! do and why, does only that, and on a failure names the command and what to do about it.

pub(crate) mod apt;
mod linker;
#[path = "../../natdiag/build/toolchain.rs"]
pub(crate) mod toolchain;

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::exec::{self, say};

/// What the machine is to be able to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Build and run natdiag.
    Build,
    /// Run the tests as well.
    Test,
}

/// What `cargo xtask setup` is asked.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only say what is missing; exit code 1 if something is
    #[arg(long)]
    check: bool,
    /// Only what building needs, not what the tests need
    #[arg(long)]
    build_only: bool,
}

/// Runs `cargo xtask setup`.
///
/// # Errors
/// When something is missing and cannot be installed.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let purpose = if args.build_only {
        Purpose::Build
    } else {
        Purpose::Test
    };
    if args.check {
        let missing = missing(purpose);
        for what in &missing {
            say(format_args!("missing: {what}"));
        }
        return Ok(ExitCode::from(u8::from(!missing.is_empty())));
    }
    ensure(purpose)?;
    let toolchain = toolchain::find().map_err(anyhow::Error::msg)?;
    let linker = exec::find(linker::PROGRAM).context("bpf-linker is not in PATH")?;
    say(format_args!(
        "ready: BPF programs are built by the toolchain {toolchain} and {}",
        linker.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Installs what is missing; says nothing when nothing is.
///
/// # Errors
/// When something is missing and cannot be installed.
pub(crate) fn ensure(purpose: Purpose) -> Result<()> {
    match toolchain::find() {
        Ok(toolchain) if linker::check(&toolchain).is_ok() => {}
        Ok(chosen) if std::env::var_os(toolchain::OVERRIDE).is_some() => linker::install(&chosen)?,
        _ => install_toolchain()?,
    }
    if purpose == Purpose::Test {
        let packages = apt::missing_for_tests();
        if !packages.is_empty() {
            apt::install("the tests", &packages)?;
        }
    }
    Ok(())
}

/// One line for everything that is missing.
fn missing(purpose: Purpose) -> Vec<String> {
    let mut missing = Vec::new();
    match toolchain::find() {
        Ok(toolchain) => missing.extend(linker::check(&toolchain).err()),
        Err(why) => missing.push(why),
    }
    if purpose == Purpose::Test {
        missing.extend(
            apt::missing_for_tests()
                .iter()
                .map(|package| format!("Debian's package {package}, for the tests")),
        );
    }
    missing
}

/// Sets up the first of the two ways that works: rustup's nightly, else Debian's toolchain.
fn install_toolchain() -> Result<()> {
    if toolchain::debian().is_err() {
        match install_nightly() {
            Ok(()) => return Ok(()),
            Err(why) => say(format_args!(
                "rustup's nightly cannot be used here, so Debian's toolchain is set up instead: {why:#}"
            )),
        }
        apt::install("building for BPF", &apt::TOOLCHAIN).context(
            "Debian's toolchain cannot be installed either; it needs Debian 12 with its security suite",
        )?;
        toolchain::debian().map_err(|why| anyhow!("{why}, although apt-get was content"))?;
    }
    linker::install(toolchain::DEBIAN)
}

/// Sets up rustup's nightly with the sources of `core`, and a linker that can read what it writes.
fn install_nightly() -> Result<()> {
    if exec::find("rustup").is_none() {
        bail!("rustup is not installed");
    }
    if toolchain::nightly().is_err() {
        let mut rustup = Command::new("rustup");
        if has_nightly() {
            say("adding the sources of `core` to rustup's nightly, to build for BPF");
            rustup.args(["component", "add", "--toolchain", toolchain::NIGHTLY]);
        } else {
            say("installing rustup's nightly with the sources of `core`, to build for BPF");
            rustup.args(["toolchain", "install", toolchain::NIGHTLY]);
            rustup.args(["--profile", "minimal", "--no-self-update", "--component"]);
        }
        exec::run(rustup.arg("rust-src"))?;
    }
    linker::install(toolchain::NIGHTLY)
}

/// Whether rustup has a nightly, with or without the sources.
fn has_nightly() -> bool {
    toolchain::rustc(toolchain::NIGHTLY, &["--version"])
        .is_some_and(|output| output.status.success())
}
