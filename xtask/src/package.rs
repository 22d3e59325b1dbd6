//! The Debian package: the release binary, its manual pages and completions, and what runs it as a service.

mod maker;
mod trial;

use std::{
    fs,
    path::Path,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, ensure};

use self::maker::Maker;
use crate::{
    dist,
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
pub(crate) struct Args {
    /// Also installs it in a Debian of its own, which boots under systemd in namespaces, runs it there and removes it
    #[arg(long)]
    trial: bool,
}

/// Runs `cargo xtask package`.
///
/// # Errors
/// When something that is needed is missing, a command fails, lintian finds something, or the trial does.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    ensure!(
        exec::find("cargo-deb").is_some(),
        "a Debian package needs cargo-deb: `cargo install --locked cargo-deb`"
    );
    let maker = Maker::from_environment()?;
    setup::ensure(Purpose::Build)?;
    exec::run(exec::cargo().args(["build", "--release", "--package", "natdiag"]))?;
    let folder = dist::folder()?;
    write_pages(&exec::built("natdiag", Profile::Release)?, &folder)?;
    maker.write_changelog(&folder.join("changelog"))?;
    let mut package = exec::cargo();
    package.args(["deb", "--no-build", "--strip", "--package", "natdiag"]);
    package.args(["--maintainer", maker.name()]);
    let file = exec::read(&mut package)?;
    let file = Path::new(file.trim());
    say(format_args!("made {}", file.display()));
    inspect(file)?;
    if args.trial {
        trial::run(file)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Has lintian look at the package, where it is installed.
fn inspect(package: &Path) -> Result<()> {
    if exec::find("lintian").is_none() {
        say("lintian is not installed, so nobody has looked at the package");
        return Ok(());
    }
    let mut lintian = Command::new("lintian");
    lintian.args(["--fail-on", "error,warning", "--allow-root"]);
    // The package is not for the archive of Debian, whose first uploads close a wish.
    lintian.args(["--suppress-tags", "initial-upload-closes-no-bugs"]);
    exec::run(lintian.arg(package))?;
    say("lintian finds neither an error nor a warning");
    Ok(())
}

/// Has natdiag write its manual pages and completions to where the package takes them from.
fn write_pages(natdiag: &Path, folder: &Path) -> Result<()> {
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
