//! Reads [`Facts`] from a root folder. What is missing is a fact too, so that reading fails only where there is
//! nothing to read at all.

use std::{
    io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use thiserror::Error;

use super::{
    Facts, Namespace, Reading, Sample, Setting,
    counters::Sockets,
    kernel::KernelRelease,
    settings::{self, File},
};
use crate::{check::root::Root, clock::Clock, event::Timestamp};

/// The PID namespace of the host bears this number since Linux 3.8 (`PROC_PID_INIT_INO`, `include/linux/proc_ns.h`).
const HOST_PID_NAMESPACE: &str = "pid:[4026531836]";
/// A setting that only the host's network namespace has (`net_core_table`, `net/core/sysctl_net_core.c`).
const HOST_ONLY: &str = "proc/sys/net/core/netdev_max_backlog";
/// Where the settings are.
const SETTINGS: &str = "proc/sys/net/ipv4";

/// Why nothing is known about a host.
#[derive(Debug, Error)]
pub enum ReadError {
    /// There is no such folder, or nothing of a host in it.
    #[error("there is no `proc` in `{}`; name the root of a system, or the folder that `check server --script` wrote", .root.display())]
    NoProc {
        /// The folder.
        root: PathBuf,
    },
}

/// Reads a root; where its `proc` is the kernel's, the counters again after `duration`.
///
/// # Errors
/// There is nothing to read.
pub fn read(root_path: &Path, duration: Duration) -> Result<Facts, ReadError> {
    let root = Root::new(root_path);
    if !root.has("proc") {
        return Err(ReadError::NoProc {
            root: root_path.to_owned(),
        });
    }
    let clock = Clock::start();
    let mut start = clock.now();
    let before = sample(&root, "proc");
    let after = if root.is_live() {
        let began_ns = clock.monotonic_ns();
        thread::sleep(duration);
        let after = sample(&root, "proc");
        let elapsed_ns = clock.monotonic_ns().saturating_sub(began_ns);
        Some((after, Duration::from_nanos(elapsed_ns).as_secs_f64()))
    } else {
        start = collected_at(&root).unwrap_or(start);
        let seconds = root.text("later/seconds").ok();
        let seconds = seconds.and_then(|seconds| seconds.trim().parse::<f64>().ok());
        seconds.map(|seconds| (sample(&root, "later/proc"), seconds))
    };
    let elapsed_ns = after.as_ref().and_then(|(_, seconds)| {
        let elapsed = Duration::try_from_secs_f64(*seconds).ok()?;
        u64::try_from(elapsed.as_nanos()).ok()
    });
    let kernel = root.text("proc/sys/kernel/osrelease").ok();
    let kernel = kernel.and_then(|release| KernelRelease::parse(&release));
    Ok(Facts {
        root: root_path.display().to_string(),
        start,
        end: start.plus(elapsed_ns.unwrap_or(0)),
        namespace: namespace(&root, kernel.as_ref()),
        kernel,
        settings: Setting::ALL.map(|setting| (setting, reading(&root, setting))),
        assignments: settings::assignments(&configuration(&root)),
        before,
        after,
    })
}

/// When the collecting script ran.
fn collected_at(root: &Root) -> Option<Timestamp> {
    let time: jiff::Timestamp = root.text("collected").ok()?.trim().parse().ok()?;
    u64::try_from(time.as_nanosecond()).ok().map(Timestamp)
}

fn sample(root: &Root, proc: &str) -> Sample {
    // `proc/net` leads to `self`, which another PID namespace's proc does not have for us.
    let text = |file: &str| {
        root.text(&format!("{proc}/net/{file}"))
            .or_else(|_| root.text(&format!("{proc}/1/net/{file}")))
    };
    let mut sample = Sample::default();
    for file in ["netstat", "snmp"] {
        match text(file) {
            Ok(text) => sample.counters.read_tables(&text),
            Err(error) => tracing::info!(file, %error, "counters cannot be read"),
        }
    }
    if let Ok(text) = text("sockstat") {
        sample.sockets = Sockets::parse(&text);
    }
    sample
}

fn reading(root: &Root, setting: Setting) -> Reading {
    let text = match root.text(&format!("{SETTINGS}/{}", setting.as_str())) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Where the whole folder is hidden, a missing file says nothing.
            return if root.has(SETTINGS) {
                Reading::Missing
            } else {
                Reading::Unreadable(format!("there is no `/{SETTINGS}`"))
            };
        }
        Err(error) => return Reading::Unreadable(error.to_string()),
    };
    match text.trim().parse() {
        Ok(value) => Reading::Value(value),
        Err(_) => Reading::Unreadable(format!("`{}` is no number", text.trim())),
    }
}

fn namespace(root: &Root, kernel: Option<&KernelRelease>) -> Namespace {
    // Before Linux 3.5 every namespace showed the settings of all.
    let tells = kernel.is_some_and(|kernel| kernel.is_at_least(3, 5));
    if tells && root.has(HOST_ONLY) {
        return Namespace::Initial;
    }
    if tells && root.has(SETTINGS) {
        return Namespace::Other;
    }
    let link = |path: &str| root.link(path).ok().filter(|target| !target.is_empty());
    match (link("proc/self/ns/net"), link("proc/1/ns/net")) {
        (Some(own), Some(first)) if own != first => Namespace::Other,
        (Some(_), Some(_)) if link("proc/self/ns/pid").as_deref() == Some(HOST_PID_NAMESPACE) => {
            Namespace::Initial
        }
        _ => Namespace::Unknown,
    }
}

fn configuration(root: &Root) -> Vec<File> {
    let mut paths = vec![settings::LAST.to_owned()];
    for folder in settings::FOLDERS {
        let names = root.names(folder);
        let files = names.iter().filter(|name| {
            Path::new(name)
                .extension()
                .is_some_and(|extension| extension == "conf")
        });
        // `99-sysctl.conf` is a link to the file that is read anyway, as `lib` may be one to `usr/lib`.
        let own = files
            .map(|name| format!("{folder}/{name}"))
            .filter(|path| !root.is_same(path, settings::LAST));
        if folder != "lib/sysctl.d" || !root.is_same(folder, "usr/lib/sysctl.d") {
            paths.extend(own);
        }
    }
    let read = |path: String| {
        let text = root.text(&path).ok()?;
        Some(File { path, text })
    };
    paths.into_iter().filter_map(read).collect()
}
