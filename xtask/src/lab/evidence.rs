//! Lets natdiag's daemon keep evidence of a scenario, and holds the replay of each file against the findings that it
//! was kept for.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{
    interrupt, namespace::Namespace, observer::Capture, oracle, report::Report, running::Running,
};

/// How long the daemon may take to attach.
const ATTACHING: Duration = Duration::from_secs(20);

/// The causes of each remote host.
type Causes = BTreeMap<IpAddr, BTreeSet<String>>;

/// A daemon that keeps evidence.
#[derive(Debug)]
pub(crate) struct Keeping {
    daemon: Running,
    directory: PathBuf,
}

impl Keeping {
    /// Starts it on these interfaces of a host, and waits until it watches.
    pub(crate) fn start(
        host: &Namespace,
        interfaces: &[&str],
        natdiag: &Path,
        directory: &Path,
    ) -> Result<Self> {
        let directory = directory.join("daemon");
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(&directory)?;
        let here = directory.display();
        let text = format!(
            "interface = {interfaces:?}\ninterval = '1s'\nkeep-privileges = true\n\
             findings = '{here}/findings'\nevidence = '{here}/evidence'\n"
        );
        let config = directory.join("natdiag.toml");
        fs::write(&config, text)?;
        let mut command = Command::new(natdiag);
        command.args(["daemon", "--config"]).arg(&config);
        let (stdout, stderr) = (directory.join("out"), directory.join("err"));
        let mut keeping = Self {
            daemon: Running::start("natdiag daemon", command, host, &stdout, &stderr)?,
            directory,
        };
        interrupt::wait_until("natdiag daemon does not attach", ATTACHING, || {
            if keeping.daemon.has_ended()? {
                bail!("natdiag daemon ended: {}", fs::read_to_string(&stderr)?);
            }
            let events = events(&keeping.directory)?;
            let attached = events.iter().filter(|it| is(it, "interface-attached"));
            Ok(attached.count() == interfaces.len())
        })?;
        Ok(keeping)
    }

    /// Ends it, and says in what replays of the evidence differ from what it was kept for.
    pub(crate) fn finish(self, natdiag: &Path) -> Result<Vec<String>> {
        let Self { daemon, directory } = self;
        daemon.finish()?;
        let wanted = kept_for(&events(&directory)?)?;
        let mut found = Causes::new();
        for path in files(&directory.join("evidence"))? {
            let capture = Capture {
                path,
                locals: Vec::new(),
            };
            add_causes(&oracle::replay(natdiag, &capture)?, &mut found);
        }
        if found == wanted {
            return Ok(Vec::new());
        }
        Ok(vec![format!(
            "evidence was kept for {wanted:?}, and its replay gives {found:?}"
        )])
    }
}

/// Events so far.
fn events(directory: &Path) -> Result<Vec<Value>> {
    let mut events = Vec::new();
    for file in files(&directory.join("findings"))? {
        // The last line may be on its way.
        let text = fs::read_to_string(file)?;
        let lines = text.lines().map(serde_json::from_str);
        events.extend(lines.filter_map(Result::ok));
    }
    Ok(events)
}

fn is(event: &Value, kind: &str) -> bool {
    event.get("event").is_some_and(|name| name == kind)
}

/// Findings about remote hosts that were there to the end.
fn kept_for(events: &[Value]) -> Result<Causes> {
    let mut open = BTreeMap::new();
    for event in events {
        let number = event.get("number").and_then(Value::as_u64);
        if is(event, "finding-appeared") || is(event, "finding-changed") {
            open.insert(number, event);
        } else if is(event, "finding-ended") {
            open.remove(&number);
        }
    }
    let mut causes = Causes::new();
    for event in open.values() {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
        if let Some(address) = text("/address") {
            let cause = text("/finding/cause").context("an event without a cause")?;
            let of_host = causes.entry(address.parse()?).or_default();
            of_host.insert(cause.to_owned());
        }
    }
    Ok(causes)
}

fn add_causes(report: &Report, causes: &mut Causes) {
    for (address, finding) in report.all_findings() {
        if let Some(address) = address {
            let of_host = causes.entry(address).or_default();
            of_host.insert(finding.cause.clone());
        }
    }
}

/// The files in a folder; none where there is no folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut files = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_changed_and_did_not_end_was_kept_for() {
        let finding = |event: &str, number: u64, cause: &str| json!({"event": event, "number": number, "address": "203.0.113.80", "finding": {"cause": cause}});
        let events = [
            json!({"event": "started"}),
            finding("finding-appeared", 1, "insufficient-evidence"),
            finding("finding-appeared", 2, "packet-loss"),
            finding("finding-changed", 1, "tw-recycle"),
            finding("finding-ended", 2, "packet-loss"),
        ];
        let causes = kept_for(&events).unwrap();
        let [(_, causes)] = Vec::from_iter(causes).try_into().unwrap();
        assert_eq!(Vec::from_iter(causes), ["tw-recycle"]);
    }
}
