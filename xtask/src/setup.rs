//! Makes a machine able to build natdiag and to run its tests. Looks what is missing, says what it will
//! do and why, does only that, and on a failure names the command and what to do about it.

pub(crate) mod apt;
pub(crate) mod checkers;
mod linker;
#[path = "../../natdiag/build/toolchain.rs"]
pub(crate) mod toolchain;

use std::{
    env,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, anyhow, ensure};

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
        Ok(chosen) if env::var_os(toolchain::OVERRIDE).is_some() => install_chosen(&chosen)?,
        _ => install_toolchain()?,
    }
    if purpose == Purpose::Test {
        let packages = apt::missing_for_tests();
        if !packages.is_empty() {
            apt::install("the tests", &packages)?;
        }
        checkers::ensure();
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
        if !checkers::are_ready() {
            missing.push("checkers of manifests and dependencies, for the tests".to_owned());
        }
    }
    missing
}

/// Sets up the toolchain that the user has chosen, as far as it is known how.
fn install_chosen(toolchain: &str) -> Result<()> {
    match toolchain {
        toolchain::DEBIAN => install_debian(),
        toolchain::NIGHTLY => install_nightly(),
        other => linker::install(other),
    }
}

/// Sets up Debian's toolchain where there is one, else rustup's nightly. Debian's is the one that the programs are
/// tested with: the verifier judges what a compiler makes of them, and a nightly is another compiler every day.
fn install_toolchain() -> Result<()> {
    let Err(why) = install_debian() else {
        return Ok(());
    };
    say(format_args!(
        "Debian's toolchain cannot be used here, so rustup's nightly is set up instead: {why:#}"
    ));
    install_nightly().context("rustup's nightly cannot be used either")
}

/// Sets up Debian's toolchain and a linker that can read what it writes.
fn install_debian() -> Result<()> {
    if toolchain::debian().is_err() {
        for package in apt::TOOLCHAIN {
            ensure!(apt::offers(package)?, "apt-get has no package {package}");
        }
        apt::install("building for BPF", &apt::TOOLCHAIN)?;
        toolchain::debian().map_err(|why| anyhow!("{why}, although apt-get was content"))?;
    }
    linker::install(toolchain::DEBIAN)
}

/// Sets up rustup's nightly with the sources of `core`, and a linker that can read what it writes.
fn install_nightly() -> Result<()> {
    ensure!(exec::find("rustup").is_some(), "rustup is not installed");
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
