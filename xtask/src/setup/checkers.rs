//! Checkers of the tests that Debian does not have. What their authors give to Python's package index is installed from
//! there, in an environment below `target`. Without it the tests leave out what it would check, and say so.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::apt;
use crate::exec::{self, say};

/// Checks manifests against the schemas of Kubernetes.
pub(crate) const KUBERNETES_VALIDATE: &str = "kubernetes-validate";
/// Checks licences and sources of the dependencies. It is not installed: building it takes longer than most tests, and
/// its authors give it ready-made to no index that is used here.
pub(crate) const CARGO_DENY: &str = "cargo-deny";

/// What pip installs.
const REQUIREMENTS: &str = "kubernetes-validate==1.37.0\n";
/// The name of the file that says what is installed, and by which pip installs it.
const INSTALLED: &str = "requirements.txt";

/// The file of a checker: that of the environment, else what else is in PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let own = folder().join("bin").join(program);
    if own.is_file() {
        Some(own)
    } else {
        exec::find(program)
    }
}

/// Whether those of the versions wanted are there.
pub(super) fn are_ready() -> bool {
    fs::read_to_string(folder().join(INSTALLED)).is_ok_and(|installed| installed == REQUIREMENTS)
}

/// Installs them where they are missing; where that fails, says why and goes on.
pub(super) fn ensure() {
    if are_ready() {
        return;
    }
    let shown = REQUIREMENTS.trim_end().replace('\n', ", ");
    say(format_args!("installing for the tests, by pip: {shown}"));
    if let Err(error) = install(&folder()) {
        say(format_args!("going on without them: {error:#}"));
    }
}

fn install(folder: &Path) -> Result<()> {
    if exec::read(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_err() {
        apt::install("the checkers of the tests", &["python3-venv"])?;
    }
    // Anew, as pip removes nothing that is no longer wanted.
    exec::run(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(folder),
    )?;
    let wanted = folder.join("wanted.txt");
    fs::write(&wanted, REQUIREMENTS)
        .with_context(|| format!("cannot write {}", wanted.display()))?;
    exec::run(
        Command::new(folder.join("bin/pip"))
            .args([
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-input",
            ])
            // Without a network it would go on trying for a minute.
            .args(["--retries", "1", "--requirement"])
            .arg(&wanted),
    )
    .context("see pip's message above; is the network up?")?;
    let installed = folder.join(INSTALLED);
    fs::rename(&wanted, &installed).with_context(|| format!("cannot write {}", installed.display()))
}

fn folder() -> PathBuf {
    exec::checkout().join("target/checkers")
}
