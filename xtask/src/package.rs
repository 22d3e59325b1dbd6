//! The Debian package: the release binary, its manual pages and completions, and what runs it as a service.

use std::{
    fs,
    path::Path,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    exec::{self, Profile, say},
    setup::{self, Purpose},
};

/// Completions, by the shell that natdiag knows them by, and the names that their files have.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "natdiag.bash"),
    ("zsh", "_natdiag"),
    ("fish", "natdiag.fish"),
];

/// What `cargo xtask package` is asked.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Runs `cargo xtask package`.
///
/// # Errors
/// When something that is needed is missing, or a command fails.
pub(crate) fn run(_args: &Args) -> Result<ExitCode> {
    ensure!(
        exec::find("cargo-deb").is_some(),
        "a Debian package needs cargo-deb: `cargo install --locked cargo-deb`"
    );
    setup::ensure(Purpose::Build)?;
    exec::run(exec::cargo().args(["build", "--release", "--package", "natdiag"]))?;
    let natdiag = exec::built("natdiag", Profile::Release)?;
    write_pages(&natdiag)?;
    let mut package = exec::cargo();
    package.args(["deb", "--no-build", "--package", "natdiag"]);
    let file = exec::read(&mut package)?;
    say(format_args!("made {}", file.trim()));
    Ok(ExitCode::SUCCESS)
}

/// Has natdiag write its manual pages and completions to where the package takes them from.
fn write_pages(natdiag: &Path) -> Result<()> {
    let folder = exec::checkout().join("target/dist");
    let man = folder.join("man");
    fs::create_dir_all(&man).with_context(|| format!("cannot make {}", man.display()))?;
    exec::run(Command::new(natdiag).arg("man").arg(&man))?;
    for (shell, name) in COMPLETIONS {
        let text = exec::read(Command::new(natdiag).args(["completions", shell]))?;
        let file = folder.join(name);
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
