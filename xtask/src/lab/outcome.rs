//! What came of the scenarios, for people and for programs.

use std::{
    io::{self, Write},
    time::Duration,
};

use serde_json::{Value, json};

use super::{expectation::Expected, scenario::Scenario, traffic::Experience};

/// What came of one scenario.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The scenario.
    pub(crate) scenario: &'static Scenario,
    /// Its seed.
    pub(crate) seed: u64,
    /// How long it took.
    pub(crate) elapsed: Duration,
    /// What was found.
    pub(crate) verdict: Verdict,
}

/// What was found in one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    /// What the clients met with.
    pub(crate) experience: Experience,
    /// Packets that tcpdump did not get. Where there are some, its capture is not compared.
    pub(crate) capture_drops: u64,
    /// natdiag's findings in one line.
    pub(crate) findings: String,
    /// The causes that it named, and how sure it was, the first finding first.
    pub(crate) named: Vec<(String, Option<f64>)>,
    /// In what the findings are not as they must be.
    pub(crate) causes: Vec<String>,
    /// In what anything else is not.
    pub(crate) differences: Vec<String>,
}

/// How a scenario ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Everything was as expected.
    Ok,
    /// Everything but the findings was, which natdiag cannot give yet.
    Open,
    /// Something was not.
    Failed,
}

impl Outcome {
    /// How it ended.
    pub(crate) fn status(&self) -> Status {
        let Verdict {
            causes,
            differences,
            ..
        } = &self.verdict;
        if !differences.is_empty() {
            Status::Failed
        } else if self.scenario.not_yet.is_some() {
            Status::Open
        } else if causes.is_empty() {
            Status::Ok
        } else {
            Status::Failed
        }
    }

    /// Why the findings may be others than the expected ones.
    fn excuse(&self) -> Option<String> {
        let reason = self.scenario.not_yet?;
        Some(if self.verdict.causes.is_empty() {
            format!("not to be expected yet ({reason}), but here it is: `not_yet` can go")
        } else {
            format!("not yet: {reason}")
        })
    }
}

/// Shows one outcome as soon as it is there.
pub(crate) fn write_line(out: &mut impl Write, outcome: &Outcome) -> io::Result<()> {
    let Outcome {
        scenario, verdict, ..
    } = outcome;
    writeln!(
        out,
        "{} {:<28} {:>5.1} s  {}",
        match outcome.status() {
            Status::Ok => "ok  ",
            Status::Open => "OPEN",
            Status::Failed => "FAIL",
        },
        scenario.name,
        outcome.elapsed.as_secs_f64(),
        verdict.findings,
    )?;
    for difference in verdict
        .causes
        .iter()
        .chain(&outcome.excuse())
        .chain(&verdict.differences)
    {
        writeln!(out, "       {difference}")?;
    }
    if verdict.capture_drops > 0 {
        writeln!(
            out,
            "       tcpdump did not get {} packets: its capture was not compared",
            verdict.capture_drops
        )?;
    }
    Ok(())
}

/// Shows how many passed.
pub(crate) fn write_summary(out: &mut impl Write, outcomes: &[Outcome]) -> io::Result<()> {
    let of = |status| {
        outcomes
            .iter()
            .filter(move |outcome| outcome.status() == status)
    };
    writeln!(
        out,
        "\n{} scenarios: {} as expected, {} open, {} not as expected",
        outcomes.len(),
        of(Status::Ok).count(),
        of(Status::Open).count(),
        of(Status::Failed).count()
    )?;
    for outcome in of(Status::Failed) {
        writeln!(
            out,
            "again: cargo xtask lab {} --seed {}",
            outcome.scenario.name, outcome.seed
        )?;
    }
    Ok(())
}

/// The outcomes as JSON.
pub(crate) fn write_json(out: &mut impl Write, outcomes: &[Outcome]) -> io::Result<()> {
    let shown: Vec<Value> = outcomes
        .iter()
        .map(|outcome| {
            let mut value = describe(outcome.scenario);
            if let Value::Object(fields) = &mut value {
                fields.insert("seed".to_owned(), json!(outcome.seed));
                let status = match outcome.status() {
                    Status::Ok => "ok",
                    Status::Open => "open",
                    Status::Failed => "failed",
                };
                fields.insert("status".to_owned(), json!(status));
                let seconds = outcome.elapsed.as_secs_f64();
                fields.insert("elapsed_seconds".to_owned(), json!(seconds));
                let verdict = &outcome.verdict;
                fields.insert("clients_met".to_owned(), json!(verdict.experience));
                fields.insert("findings".to_owned(), json!(verdict.findings));
                fields.insert("findings_differ".to_owned(), json!(verdict.causes));
                fields.insert("differences".to_owned(), json!(verdict.differences));
                fields.insert("capture_drops".to_owned(), json!(verdict.capture_drops));
            }
            value
        })
        .collect();
    writeln!(out, "{:#}", Value::from(shown))
}

/// Shows the scenarios and what is expected.
pub(crate) fn list(out: &mut impl Write, scenarios: &[&Scenario], as_json: bool) -> io::Result<()> {
    if as_json {
        let shown: Vec<Value> = scenarios
            .iter()
            .map(|scenario| describe(scenario))
            .collect();
        return writeln!(out, "{:#}", Value::from(shown));
    }
    for scenario in scenarios {
        writeln!(
            out,
            "{:<28} {:<5} {}\n    expects {}{}\n    {}; watched: {}",
            scenario.name,
            scenario.row.unwrap_or("-"),
            scenario.about,
            expectation(scenario),
            scenario
                .not_yet
                .map(|reason| format!(" (not yet: {reason})"))
                .unwrap_or_default(),
            mechanism(scenario),
            scenario.vantage.as_str(),
        )?;
    }
    Ok(())
}

fn describe(scenario: &Scenario) -> Value {
    json!({
        "name": scenario.name,
        "row": scenario.row,
        "about": scenario.about,
        "expects": scenario.expected.iter().map(show).collect::<Vec<_>>(),
        "mechanism": mechanism(scenario),
        "painted": painted(scenario),
        "watched": scenario.vantage.as_str(),
        "not_yet": scenario.not_yet,
    })
}

fn expectation(scenario: &Scenario) -> String {
    let causes: Vec<String> = scenario.expected.iter().map(show).collect();
    if causes.is_empty() {
        "no finding".to_owned()
    } else {
        causes.join(", ")
    }
}

fn show(expected: &Expected) -> String {
    format!("{} ({})", expected.cause, expected.harm.as_str())
}

/// Whether the fault is real or painted, and by what.
fn mechanism(scenario: &Scenario) -> String {
    let painted = painted(scenario);
    if painted.is_empty() {
        "real Linux".to_owned()
    } else {
        format!("painted: {}", painted.join(", "))
    }
}

/// What no real Linux does here.
fn painted(scenario: &Scenario) -> Vec<&'static str> {
    let network = scenario.network.iter().filter_map(|it| it.painted_by());
    let traffic = scenario.traffic.iter().filter_map(|it| it.painted_by());
    network.chain(traffic).collect()
}
