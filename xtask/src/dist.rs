//! `cargo xtask dist`: natdiag as one static program, which asks the system for nothing but a kernel. On a host with an
//! old libc, or with none, `natdiag check server`, `replay` and `probe` then run as well as anywhere.

mod recipe;
mod sources;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, ensure};

use self::recipe::build;
use crate::{
    elf::Traits,
    exec::{self, say},
    setup::{self, Purpose},
};

/// What `cargo xtask dist` is asked.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also builds it from a copy of the sources in another folder, and fails unless both programs are the same
    #[arg(long)]
    reproduce: bool,
}

/// Runs `cargo xtask dist`.
///
/// # Errors
/// When something that is needed cannot be installed or built, the program is not static, or a second one differs.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    setup::ensure(Purpose::Build)?;
    let folder = folder()?;
    let built = build(exec::checkout(), &exec::checkout().join("target"))?;
    let octets = fs::read(&built)
        .with_context(|| format!("cannot read what was built at {}", built.display()))?;
    let traits = Traits::of(&octets).context("what was built is no program")?;
    ensure!(
        traits.is_static,
        "{} needs a loader; is the static libc there (Debian: libc6-dev)?",
        built.display()
    );
    let program = folder.join("natdiag");
    fs::copy(&built, &program).with_context(|| format!("cannot write {}", program.display()))?;
    let megabytes = octets.len() / 1_000_000;
    say(format_args!(
        "{}: static, {traits}, {megabytes} MB",
        program.display()
    ));
    say(format_args!("sha256 {}", sha256(&program)?));
    if args.reproduce {
        reproduce(&folder.join("again"), &octets)?;
        say(
            "built once more from a copy of the sources in another folder: the same, octet by octet",
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Where what is given to others is put.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn folder() -> Result<PathBuf> {
    let folder = exec::checkout().join("target/deploy");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// Builds once more in a folder, which goes afterwards if the program is the same as the first.
fn reproduce(folder: &Path, first: &[u8]) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let copy = folder.join("sources");
    sources::copy_to(&copy)?;
    let second = build(&copy, &folder.join("built"))?;
    let octets = fs::read(&second)
        .with_context(|| format!("cannot read what was built at {}", second.display()))?;
    ensure!(
        octets == first,
        "{} differs from what was built first: sha256 {}",
        second.display(),
        sha256(&second)?
    );
    fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))
}

/// The SHA-256 of a file, as `sha256sum` of coreutils prints it.
fn sha256(file: &Path) -> Result<String> {
    let line = exec::read(Command::new("sha256sum").arg(file))?;
    let sum = line.split_whitespace().next();
    Ok(sum.context("sha256sum printed nothing")?.to_owned())
}
