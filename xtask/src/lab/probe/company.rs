//! A natdiag that watches the interface of the test meanwhile.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result};
use serde_json::Value;
use tempfile::TempDir;

use super::Outcome;
use crate::lab::{bpf, interrupt, namespace::Namespace, running::Running};

/// How long it may take to attach.
const ATTACHING: Duration = Duration::from_secs(20);

/// A natdiag that watches.
pub(super) struct Company {
    natdiag: Running,
    directory: TempDir,
}

impl Company {
    /// Starts it and waits until it is attached.
    pub(super) fn start(host: &Namespace, interface: &str, natdiag: &Path) -> Result<Self> {
        let directory = tempfile::tempdir().context("cannot make a folder")?;
        let mut command = Command::new(natdiag);
        command.args(["watch", "--output", "json", "-i", interface]);
        let file = |name: &str| directory.path().join(name);
        let natdiag = Running::start("natdiag", command, host, &file("out"), &file("err"))?;
        interrupt::wait_until("natdiag does not attach", ATTACHING, || {
            bpf::is_watched(host, interface)
        })?;
        Ok(Self { natdiag, directory })
    }

    /// Ends it. It must have seen what the test sent, and come to the same verdict.
    pub(super) fn judge(self, outcome: &mut Outcome) -> Result<()> {
        self.natdiag.finish()?;
        let text = fs::read_to_string(self.directory.path().join("out"))?;
        let report: Value = serde_json::from_str(&text).context("natdiag watch said no JSON")?;
        let number = |path: &str| report.pointer(path).and_then(Value::as_u64).unwrap_or(0);
        let syns = number("/remotes/0/counters/syn_sent");
        let missed = number("/totals/0/missed/records") + number("/totals/0/missed/remotes");
        let cause = report.pointer("/remotes/0/findings/0/cause");
        let cause = cause.and_then(Value::as_str).unwrap_or("nothing");
        outcome.notes.push(format!(
            "natdiag watch beside it: {syns} SYNs, {missed} records missed, {cause}"
        ));
        let expected = outcome.play.case.expected;
        if syns < outcome.connections || missed > 0 || !expected.starts_with(cause) {
            outcome
                .differences
                .push("natdiag watch beside it saw something else".to_owned());
        }
        Ok(())
    }
}
