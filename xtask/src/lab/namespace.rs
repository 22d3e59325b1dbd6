//! A network namespace that goes when its guard does.

use std::{
    fs::{self, File},
    io,
    os::{
        fd::{AsFd as _, AsRawFd as _},
        unix::process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    thread,
};

use anyhow::{Context as _, Result, anyhow};
use nix::sched::{CloneFlags, setns};

use super::spawn;

/// Where `ip netns` keeps its names.
const DIRECTORY: &str = "/run/netns";
/// Begins every name, followed by the process that made the namespace.
const PREFIX: &str = "natlab-";

/// `ip netns add` makes its directory a shared mount, which must not happen twice at a time.
static ADDING: Mutex<()> = Mutex::new(());

/// A network namespace.
#[derive(Debug)]
pub(crate) struct Namespace {
    name: String,
    keep: bool,
}

impl Namespace {
    /// Makes a namespace whose name tells this process, the scenario and the host that it stands for.
    pub(crate) fn create(scenario: &str, host: &str, keep: bool) -> Result<Self> {
        let name = format!("{PREFIX}{}-{scenario}-{host}", std::process::id());
        {
            let _one_at_a_time = ADDING.lock();
            spawn::run("ip", &["netns", "add", &name])?;
        }
        let namespace = Self { name, keep };
        namespace.ip(&["link set lo up"])?;
        Ok(namespace)
    }

    /// Its name, as `ip -n` takes it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Opens the file that stands for it.
    pub(crate) fn open(&self) -> Result<File> {
        let path = Path::new(DIRECTORY).join(&self.name);
        File::open(&path).with_context(|| format!("cannot open {}", path.display()))
    }

    /// Does something inside. What it opens or starts stays inside; the caller does not enter.
    pub(crate) fn enter<T: Send>(&self, inside: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let file = self.open()?;
        thread::scope(|scope| {
            scope
                .spawn(move || {
                    setns(file.as_fd(), CloneFlags::CLONE_NEWNET)
                        .context("cannot enter a network namespace")?;
                    inside()
                })
                .join()
                .map_err(|_| anyhow!("a thread in {} panicked", self.name))?
        })
    }

    /// Makes a command run inside, and end when the thread that started it ends.
    pub(crate) fn put_in(&self, command: &mut Command) -> Result<()> {
        let file = self.open()?;
        let enter = move || {
            // SAFETY: setns(2) takes a descriptor, which `file` keeps open, and a number.
            if unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) } != 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: prctl(2) takes two numbers.
            if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        };
        // SAFETY: between fork and exec the closure makes two system calls and allocates nothing.
        unsafe { command.pre_exec(enter) };
        Ok(())
    }

    /// Gives `ip` these commands.
    pub(crate) fn ip(&self, commands: &[impl AsRef<str>]) -> Result<()> {
        self.ip_of(None, commands)
    }

    /// Gives `ip` these commands about IPv6.
    pub(crate) fn ip_v6(&self, commands: &[impl AsRef<str>]) -> Result<()> {
        self.ip_of(Some("-6"), commands)
    }

    fn ip_of(&self, family: Option<&str>, commands: &[impl AsRef<str>]) -> Result<()> {
        let batch: String = commands
            .iter()
            .flat_map(|command| [command.as_ref(), "\n"])
            .collect();
        let family: &[&str] = match family {
            None => &[],
            Some(family) => &[family],
        };
        let arguments = [family, &["-n", &self.name, "-batch", "-"]].concat();
        spawn::feed("ip", &arguments, &batch)
    }

    /// Gives `tc` a command.
    pub(crate) fn tc(&self, command: &str) -> Result<()> {
        let words: Vec<&str> = ["-n", &self.name]
            .into_iter()
            .chain(command.split(' '))
            .collect();
        spawn::run("tc", &words)
    }

    /// Gives `nft` these rules.
    pub(crate) fn nft(&self, rules: &str) -> Result<()> {
        let mut command = Command::new("nft");
        command.args(["-f", "-"]);
        self.put_in(&mut command)?;
        spawn::feed_command(&mut command, rules)
    }

    /// Sets sysctls: a path below `/proc/sys/net` and a value each.
    pub(crate) fn sysctl(&self, settings: &[(&str, &str)]) -> Result<()> {
        self.enter(|| {
            for (path, value) in settings {
                let path = Path::new("/proc/sys/net").join(path);
                fs::write(&path, value)
                    .with_context(|| format!("cannot write {value} to {}", path.display()))?;
            }
            Ok(())
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if !self.keep {
            // Nothing can be done about a failure here; the next run sweeps.
            let _ = spawn::run("ip", &["netns", "delete", &self.name]);
        }
    }
}

/// Removes the namespaces of runs that have ended.
pub(crate) fn sweep() -> Result<()> {
    let Ok(entries) = fs::read_dir(DIRECTORY) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let Some(process) = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next())
        else {
            continue;
        };
        if !is_running(process) {
            spawn::run("ip", &["netns", "delete", name])?;
        }
    }
    Ok(())
}

/// Whether a process of this number runs the same program as this one.
fn is_running(process: &str) -> bool {
    let program = |process: &str| -> Option<PathBuf> {
        let path = fs::read_link(format!("/proc/{process}/exe")).ok()?;
        path.file_name().map(PathBuf::from)
    };
    program(process).is_some_and(|name| {
        // A rebuilt program's old file is shown as `xtask (deleted)`.
        name.to_string_lossy().starts_with("xtask")
    })
}
