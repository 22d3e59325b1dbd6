//! The rules that natdiag recommends, typed as the report shows them: each alone must cure what was found.

use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::judge;
use crate::{exec, lab::namespace::Namespace};

/// How a command begins, and what takes its rules away again. The report must show one of each line.
const TOOLS: [&[(&str, &str)]; 2] = [
    &[("nft ", "nft delete table inet mss")],
    &[
        ("iptables ", "iptables -t mangle -F POSTROUTING"),
        ("ip6tables ", "ip6tables -t mangle -F POSTROUTING"),
    ],
];

/// Tries what a finding recommends, on the host of the test. Returns what did not cure it.
pub(super) fn try_out(
    finding: &Value,
    host: &Namespace,
    natdiag: &dyn Fn() -> Result<Command>,
) -> Result<Vec<String>> {
    let remedies = finding.get("remedy").and_then(Value::as_array);
    let commands: Vec<&str> = remedies
        .into_iter()
        .flatten()
        .filter_map(|remedy| remedy.as_str()?.split('`').nth(1))
        .collect();
    let mut failed = Vec::new();
    for tool in TOOLS {
        let (rules, undo) = commands
            .iter()
            .find_map(|command| {
                let known = tool.iter().find(|(begin, _)| command.starts_with(begin));
                known.map(|(_, undo)| (*command, *undo))
            })
            .with_context(|| format!("no rules are recommended: {finding}"))?;
        type_in(host, rules)?;
        let cured = natdiag()?.output().context("cannot run natdiag")?;
        type_in(host, undo)?;
        if let Some(finding) = judge::first_finding(&judge::read(&cured)?) {
            failed.push(format!("not cured by `{rules}`: {finding}"));
        }
    }
    Ok(failed)
}

/// Gives a shell on the host a line.
fn type_in(host: &Namespace, line: &str) -> Result<()> {
    let mut shell = Command::new("sh");
    shell.args(["-c", line]);
    host.put_in(&mut shell)?;
    exec::read(&mut shell).map(drop)
}
