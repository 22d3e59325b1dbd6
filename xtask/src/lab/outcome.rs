//! What came of the scenarios, for people and for programs.

use std::{
    io::{self, Write},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    expectation::Expected,
    scenario::{Scenario, Vantage},
    traffic::Experience,
};

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
    /// In what the run is not as it must be.
    pub(crate) differences: Vec<String>,
}

impl Outcome {
    /// Whether everything was as expected.
    pub(crate) fn passed(&self) -> bool {
        self.verdict.differences.is_empty()
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
        if outcome.passed() { "ok  " } else { "FAIL" },
        scenario.name,
        outcome.elapsed.as_secs_f64(),
        verdict.findings,
    )?;
    for difference in &verdict.differences {
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
    let failed: Vec<&Outcome> = outcomes
        .iter()
        .filter(|outcome| !outcome.passed())
        .collect();
    writeln!(
        out,
        "\n{} scenarios: {} as expected, {} not",
        outcomes.len(),
        outcomes.len() - failed.len(),
        failed.len()
    )?;
    for outcome in failed {
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
                fields.insert("passed".to_owned(), json!(outcome.passed()));
                let seconds = outcome.elapsed.as_secs_f64();
                fields.insert("elapsed_seconds".to_owned(), json!(seconds));
                let verdict = &outcome.verdict;
                fields.insert("clients_met".to_owned(), json!(verdict.experience));
                fields.insert("findings".to_owned(), json!(verdict.findings));
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
            "{:<28} {:<4} {}\n    expects {}\n    {}",
            scenario.name,
            scenario.row.unwrap_or("-"),
            scenario.about,
            expectation(scenario),
            mechanism(scenario),
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
        "watched": match scenario.vantage {
            Vantage::Public => "the NAT's public interface",
            Vantage::FirstClient => "a client behind the NAT",
        },
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
    let painted: Vec<&str> = scenario
        .network
        .iter()
        .filter_map(|mechanism| mechanism.painted_by())
        .collect();
    if painted.is_empty() {
        "real Linux".to_owned()
    } else {
        format!("painted: {}", painted.join(", "))
    }
}
