//! Compares what natdiag said with what a case expects.

use std::{process::Output, time::Duration};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{
    Outcome, Vantage,
    case::{ANY, Test},
};

/// Most connections of a test.
const MOST_CONNECTIONS: u64 = 60;

/// What natdiag said.
pub(super) struct Said {
    finding: Value,
}

impl Said {
    /// The rules of nftables that natdiag recommends.
    pub(super) fn clamp(&self) -> Result<String> {
        let remedies = self.finding.get("remedy").and_then(Value::as_array);
        let mut remedies = remedies.into_iter().flatten().filter_map(Value::as_str);
        remedies
            .find_map(|remedy| {
                Some(
                    remedy
                        .split_once("`nft '")?
                        .1
                        .split_once('\'')?
                        .0
                        .to_owned(),
                )
            })
            .with_context(|| format!("no rules are recommended: {}", self.finding))
    }
}

/// Compares the report with what is expected.
pub(super) fn judge(outcome: &mut Outcome, output: &Output) -> Result<Said> {
    let case = outcome.play.case;
    let report = read(output)?;
    let arms = report.get("arms").and_then(Value::as_array);
    let arms = arms.cloned().unwrap_or_default();
    let connections = |arm: &Value| arm.get("connections").and_then(Value::as_u64).unwrap_or(0);
    outcome.connections = match case.test {
        Test::Timestamps => arms.iter().map(connections).sum(),
        Test::Fragments => {
            let is_response = |arm: &&Value| arm.get("mss_octets").is_some();
            arms.iter().filter(is_response).count() as u64
        }
        Test::Remedy(_) => 0,
    };
    let finding = report.pointer("/remotes/0/findings/0");
    let finding = finding.cloned().unwrap_or(Value::Null);
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
    Ok(Said { finding })
}

/// What is wrong although the recommended rules are in force.
pub(super) fn not_cured(output: &Output) -> Result<Option<String>> {
    let report = read(output)?;
    let finding = report.pointer("/remotes/0/findings/0");
    Ok(finding.map(|finding| format!("not cured by the recommended rules: {finding}")))
}

fn read(output: &Output) -> Result<Value> {
    serde_json::from_slice(&output.stdout).with_context(|| {
        format!(
            "natdiag said no JSON: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )
    })
}
