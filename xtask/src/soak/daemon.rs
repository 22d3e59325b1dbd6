//! The natdiag under test: started, looked at, replaced, killed.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::ledger::Ledger;
use crate::{
    bench::live::wire::FAR,
    exec::{self, Profile},
};

/// Where it serves metrics, in a network namespace of its own.
const METRICS: &str = "127.0.0.1:9435";
/// Tries of what takes a moment, and the time between them.
const TRIES: usize = 600;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// A natdiag daemon in the namespace of this thread, and everything that it writes to.
pub(super) struct Daemon {
    child: Child,
    folder: tempfile::TempDir,
}

impl Daemon {
    /// Starts the first one.
    pub(super) fn start() -> Result<Self> {
        exec::run(Command::new("ip").args(["link", "set", "lo", "up"]))?;
        let folder = tempfile::tempdir()?;
        // Nobody else sees what is mounted, and it goes with this process.
        unshare(CloneFlags::CLONE_NEWNS).context("cannot make a mount namespace")?;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>)?;
        for (name, kind, options) in [
            ("pins", "bpf", "mode=700"),
            ("findings", "tmpfs", "size=1m"),
        ] {
            let place = folder.path().join(name);
            fs::create_dir(&place)?;
            let nothing = MsFlags::empty();
            mount(Some(kind), &place, Some(kind), nothing, Some(options))
                .with_context(|| format!("cannot mount a file system of kind {kind}"))?;
        }
        write_config(folder.path(), "")?;
        let child = spawn(folder.path())?;
        let daemon = Self { child, folder };
        daemon.wait_until_ready()?;
        Ok(daemon)
    }

    /// Ends it as a service manager does, and starts another one.
    pub(super) fn replace(&mut self) -> Result<()> {
        self.signal(Signal::SIGTERM)?;
        let status = self.child.wait()?;
        ensure!(
            status.success(),
            "natdiag ended with {status}: {}",
            self.log()?
        );
        self.start_again()
    }

    /// Kills it, and starts another one.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.start_again()
    }

    /// Lets it do nothing for a while.
    pub(super) fn stopped_for(&self, time: Duration) -> Result<()> {
        self.signal(Signal::SIGSTOP)?;
        thread::sleep(time);
        self.signal(Signal::SIGCONT)
    }

    /// Has it read a configuration that is not valid, and then the right one again.
    pub(super) fn break_configuration(&self) -> Result<()> {
        const REFUSED: &str = "the configuration stays as it was";
        let before = self.log()?.matches(REFUSED).count();
        write_config(self.folder.path(), "no-such-key = 1\n")?;
        self.signal(Signal::SIGHUP)?;
        for _ in 0..TRIES {
            if self.log()?.matches(REFUSED).count() > before {
                write_config(self.folder.path(), "")?;
                return self.signal(Signal::SIGHUP);
            }
            thread::sleep(BETWEEN_TRIES);
        }
        bail!("natdiag takes a configuration that is not valid")
    }

    /// Leaves no room where it writes findings.
    pub(super) fn fill_disk(&self) -> Result<()> {
        let mut file = fs::File::create(self.filler())?;
        while file.write_all(&[0; 4096]).is_ok() {}
        Ok(())
    }

    /// Makes room again.
    pub(super) fn free_disk(&self) -> Result<()> {
        Ok(fs::remove_file(self.filler())?)
    }

    /// Ends it for good, and looks what it has said.
    pub(super) fn end(&mut self, ledger: &mut Ledger) -> Result<()> {
        self.signal(Signal::SIGTERM)?;
        let status = self.child.wait()?;
        let log = self.log()?;
        ensure!(status.success(), "natdiag ended with {status}");
        if let Some(line) = log.lines().find(|line| line.contains("begins anew")) {
            bail!("natdiag has not gone on with what it knew: {line}");
        }
        ledger.sums(log.contains("do not add up"));
        Ok(())
    }

    /// Events that could not be written so far.
    pub(super) fn events_lost() -> Result<f64> {
        const FAMILY: &str = "natdiag_events_lost_total";
        let page = page("/metrics")?;
        let samples = page.lines().filter(|line| {
            line.strip_prefix(FAMILY)
                .is_some_and(|rest| rest.starts_with(['{', ' ']))
        });
        let values = samples.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
        Ok(values.sum())
    }

    /// Records and packets missed so far, but for records beyond a budget.
    pub(super) fn missed() -> Result<u64> {
        let page = page("/metrics")?;
        let samples = page.lines().filter(|line| {
            line.starts_with("natdiag_missed_total") && !line.contains("records-budget")
        });
        let values = samples.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok());
        Ok(values.sum())
    }

    /// CPU time so far.
    pub(super) fn cpu(&self) -> Result<Duration> {
        let mut total = Duration::ZERO;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let ns = text.split(' ').next().context("no time")?.parse()?;
            total += Duration::from_nanos(ns);
        }
        Ok(total)
    }

    /// Memory in use.
    pub(super) fn resident_kib(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let value = line.and_then(|line| line.split_whitespace().next());
        Ok(value.context("no memory")?.parse()?)
    }

    fn start_again(&mut self) -> Result<()> {
        self.child = spawn(self.folder.path())?;
        self.wait_until_ready()
    }

    fn wait_until_ready(&self) -> Result<()> {
        for _ in 0..TRIES {
            if page("/readyz").is_ok_and(|page| page == "ok\n") {
                return Ok(());
            }
            thread::sleep(BETWEEN_TRIES);
        }
        bail!("natdiag does not become ready: {}", self.log()?)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(self.child.id().cast_signed()), signal)?)
    }

    fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.path().join("log"))?)
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("findings/filler")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It has ended already, or something went wrong.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for name in ["pins", "findings"] {
            let _ = umount2(&self.folder.path().join(name), MntFlags::MNT_DETACH);
        }
    }
}

fn spawn(folder: &Path) -> Result<Child> {
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("log"))?;
    Command::new(exec::built("natdiag", Profile::Release)?)
        .args(["daemon", "--config"])
        .arg(folder.join("natdiag.toml"))
        // As the unit has it.
        .env("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .context("cannot start natdiag")
}

fn write_config(folder: &Path, more: &str) -> Result<()> {
    let at = folder.display();
    let text = format!(
        "interface = [\"{FAR}\"]\ninterval = \"2s\"\nmetrics = \"{METRICS}\"\nfindings = \"{at}/findings\"\n\
         findings-size = \"64KiB\"\nfindings-total = \"256KiB\"\nstate = \"{at}/state\"\npin = \"{at}/pins/natdiag\"\n{more}"
    );
    Ok(fs::write(folder.join("natdiag.toml"), text)?)
}

fn page(path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(METRICS)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").context("no answer")?;
    Ok(body.to_owned())
}
