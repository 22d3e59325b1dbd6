//! Compares what natdiag said with what a case expects.

use std::{collections::BTreeMap, process::Output, time::Duration};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{
    Outcome, Vantage,
    case::{ANY, Test},
};
use crate::lab::network::BACKEND;

/// Most connections to one address.
const MOST_CONNECTIONS: u64 = 60;

/// Compares the report with what is expected. Returns the finding.
pub(super) fn judge(outcome: &mut Outcome, output: &Output) -> Result<Value> {
    let case = outcome.play.case;
    let report = read(output)?;
    let arms = report.get("arms").and_then(Value::as_array);
    let arms = arms.cloned().unwrap_or_default();
    outcome.connections = most_to_one_address(&arms);
    let finding = first_finding(&report).cloned().unwrap_or(Value::Null);
    let text = |path: &str| finding.pointer(path).and_then(Value::as_str);
    let cause = text("/cause").unwrap_or("nothing");
    let kernel = text("/evidence/server_kernel");
    outcome.said = kernel.map_or(cause.to_owned(), |kernel| format!("{cause}, {kernel}"));
    let expected = match (outcome.play.vantage, case.expected_inside) {
        (Vantage::Inside, Some(expected)) => expected,
        _ => case.expected,
    };
    if let Test::Remedy(_) = case.test {
        let notes = report.pointer("/sources/0/notes").and_then(Value::as_array);
        let last = notes.and_then(|notes| notes.last()?.as_str());
        outcome.notes.extend(last.map(str::to_owned));
    }
    let whole = report.to_string();
    let differences = &mut outcome.differences;
    if case.is_name_of_two {
        differences.extend(spoken_of(&report, &arms));
    }
    if outcome.said != expected && expected != ANY {
        differences.push(format!(
            "expected: {expected}; {finding}; arms: {}",
            Value::Array(arms)
        ));
    }
    for words in case.says.iter().filter(|words| !whole.contains(**words)) {
        differences.push(format!("nothing is said of `{words}`: {finding}"));
    }
    let longest = Duration::from_secs(case.seconds);
    if outcome.connections > MOST_CONNECTIONS || outcome.elapsed > longest {
        differences.push("too long".to_owned());
    }
    let code = output.status.code();
    if code != Some(case.exit_code) {
        differences.push(format!("exit code {code:?}, expected {}", case.exit_code));
    }
    Ok(finding)
}

/// The worst of all findings.
pub(super) fn first_finding(report: &Value) -> Option<&Value> {
    report.pointer("/remotes/0/findings/0")
}

/// Connections to the address that had the most of them.
fn most_to_one_address(arms: &[Value]) -> u64 {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for arm in arms {
        let number = |name: &str| arm.get(name).and_then(Value::as_u64);
        // A response is a connection of its own; an echo is none.
        let is_response = u64::from(arm.get("mss_octets").is_some());
        let address = arm.get("address").and_then(Value::as_str);
        *sums.entry(address.unwrap_or_default()).or_default() +=
            number("connections").unwrap_or(is_response);
    }
    sums.into_values().max().unwrap_or(0)
}

/// What is not said, or wrongly, of the host beside the server.
fn spoken_of(report: &Value, arms: &[Value]) -> Option<String> {
    let backend = BACKEND.to_string();
    let is_backends = |of: &Value| {
        of.get("address")
            .is_some_and(|address| *address == *backend)
    };
    if !arms.iter().any(is_backends) {
        return Some(format!("{backend} was not tested"));
    }
    let remotes = report.get("remotes").and_then(Value::as_array);
    let mut remotes = remotes.into_iter().flatten();
    let findings = remotes
        .find(|remote| is_backends(remote))?
        .get("findings")?;
    let is_wrong = findings.as_array().is_some_and(|all| !all.is_empty());
    is_wrong.then(|| format!("{backend} is sound, and natdiag says: {findings}"))
}

/// A report.
pub(super) fn read(output: &Output) -> Result<Value> {
    serde_json::from_slice(&output.stdout).with_context(|| {
        format!(
            "natdiag said no JSON: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )
    })
}
