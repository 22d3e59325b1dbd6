//! Runs commands: each is named in the error when it fails, none waits for an answer, and what they
//! print goes to stderr, because stdout belongs to the program that xtask runs in the end.

use std::{
    env,
    ffi::{OsStr, OsString},
    fmt::Display,
    io::{self, Write as _},
    iter,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, anyhow, ensure};

/// Folders of administration commands that a user's PATH may lack.
const SBIN: [&str; 2] = ["/usr/sbin", "/sbin"];

/// How cargo builds.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    /// Quickly.
    Dev,
    /// To run fast.
    Release,
}

impl Profile {
    /// The name that cargo knows it by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
        }
    }

    /// The folder that cargo puts its programs into.
    fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

/// Tells the user what happens, on stderr.
pub(crate) fn say(line: impl Display) {
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(io::stderr(), "xtask: {line}");
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be started or fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .status()
        .with_context(|| format!("cannot start `{}`", describe(command)))?;
    ensure!(
        status.success(),
        "`{}` failed ({status})",
        describe(command)
    );
    Ok(())
}

/// Runs a command to its end and returns what it wrote to stdout; its stderr is shown only in the error.
///
/// # Errors
/// When it cannot be started, fails, or writes something that is not UTF-8.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{}`", describe(command)))?;
    ensure!(
        output.status.success(),
        "`{}` failed ({}): {}",
        describe(command),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` wrote something that is not UTF-8", describe(command)))
}

/// Turns this process into the program, so that its signals and its exit code are the program's.
/// Returns only when that fails.
pub(crate) fn become_program(command: &mut Command) -> anyhow::Error {
    let error = command.exec();
    anyhow!(error).context(format!("cannot start `{}`", describe(command)))
}

/// The command as one would type it.
pub(crate) fn describe(command: &Command) -> String {
    let words: Vec<_> = iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect();
    words.join(" ")
}

/// Cargo, in the root of the checkout, with the progress that `.cargo/config.toml` turns off for build scripts.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(checkout())
        .env_remove("CARGO_TERM_QUIET")
        .env("PATH", search_path());
    command
}

/// A program of the workspace that cargo has built.
///
/// # Errors
/// When the path of this xtask is unknown.
pub(crate) fn built(program: &str, profile: Profile) -> Result<PathBuf> {
    let xtask = env::current_exe().context("the path of this xtask is unknown")?;
    // Cargo keeps the folders of all profiles side by side, and xtask is in one of them.
    let profiles = xtask
        .ancestors()
        .nth(2)
        .context("xtask lies in no folder")?;
    Ok(profiles.join(profile.folder()).join(program))
}

/// The command, through sudo unless this process is root already.
pub(crate) fn as_root(program: impl AsRef<OsStr>) -> Command {
    if is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.arg("-E").arg(program);
    command
}

/// Whether this process may do everything.
pub(crate) fn is_root() -> bool {
    // The kernel gives a process's folder to the effective user of the process.
    Path::new("/proc/self")
        .metadata()
        .is_ok_and(|folder| folder.uid() == 0)
}

/// The file of a program that can be called by its name alone, administration commands included.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&search_path())
        .chain(SBIN.map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Where `cargo install` puts programs.
pub(crate) fn cargo_bin() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")))?;
    Some(home.join("bin"))
}

/// The root of the checkout.
pub(crate) fn checkout() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// PATH with cargo's own folder at its end, which a machine without rustup may lack.
fn search_path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(cargo_bin());
    env::join_paths(folders).unwrap_or(path)
}
