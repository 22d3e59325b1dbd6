//! What the scenarios of the lab and the captures of real servers add up to.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;

use super::{
    mix,
    recorded::{self, Took},
    tally::{Calibration, Matrix},
};
use crate::lab;

/// What was seen.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Outcome {
    /// Runs.
    pub(crate) played: u64,
    /// In what runs differ from what they must be.
    pub(crate) differences: Vec<String>,
    /// True cause against named cause, of all runs.
    pub(crate) matrix: Matrix,
    /// How often confidence was right.
    pub(crate) calibration: Calibration,
    /// By cause, how long the verdict of each run took that came to one.
    pub(crate) took: BTreeMap<String, Vec<Took>>,
}

/// A run: what was wrong, and what natdiag said.
struct Run<'a> {
    name: &'a str,
    causes: &'a [&'a str],
    tolerated: &'a [&'a str],
    named: &'a [(String, Option<f64>)],
}

impl Outcome {
    /// Plays the captures of real servers.
    pub(crate) fn add_captures(&mut self) -> Result<()> {
        for recorded in recorded::real()? {
            let causes: Vec<&str> = recorded.cause.into_iter().collect();
            let run = Run {
                name: recorded.name,
                causes: &causes,
                tolerated: &[],
                named: &recorded.named,
            };
            self.differences.extend(run.differences());
            self.add(&run);
            if let (Some(cause), Some(took)) = (recorded.cause, recorded.took) {
                self.took.entry(cause.to_owned()).or_default().push(took);
            }
        }
        Ok(())
    }

    /// Plays the scenarios of the lab under each seed, `jobs` at a time.
    pub(crate) fn add_lab(&mut self, jobs: usize) -> Result<()> {
        for seed in mix::LAB_SEEDS {
            for played in lab::play_under(seed, jobs)? {
                self.add(&Run {
                    name: &played.name,
                    causes: &played.causes,
                    tolerated: played.tolerated,
                    named: &played.named,
                });
                self.differences.extend(
                    played
                        .differences
                        .iter()
                        .map(|what| format!("{}: {what}", played.name)),
                );
                for cause in &played.causes {
                    if let Some(took) = recorded::time(&played.captures, cause)? {
                        self.took.entry((*cause).to_owned()).or_default().push(took);
                    }
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, run: &Run) {
        self.played += 1;
        let first = run.named.first().map(|(cause, _)| cause.as_str());
        for cause in run.causes {
            let is_named = run.named.iter().any(|(named, _)| named == cause);
            let named = if is_named { Some(*cause) } else { first };
            self.matrix.add(cause, named);
        }
        if run.causes.is_empty() {
            let unexpected = run.named.iter().map(|(cause, _)| cause.as_str());
            let named = unexpected
                .into_iter()
                .find(|cause| !run.tolerated.contains(cause));
            self.matrix.add("none", named);
        }
        for (cause, confidence) in run.named {
            let is_true = run.causes.contains(&cause.as_str());
            let Some(confidence) = *confidence else {
                continue;
            };
            if cause != "timestamps-stripped" && !run.tolerated.contains(&cause.as_str()) {
                self.calibration.add(confidence, is_true);
            }
        }
    }
}

impl Run<'_> {
    /// In what the named causes are not the true ones.
    fn differences(&self) -> Vec<String> {
        let missing = self
            .causes
            .iter()
            .filter(|cause| !self.named.iter().any(|(named, _)| named == *cause))
            .map(|cause| format!("{}: `{cause}` is not named", self.name));
        let wrong = self
            .named
            .iter()
            .filter(|(named, _)| !self.causes.contains(&named.as_str()))
            .map(|(named, _)| format!("{}: `{named}` is named", self.name));
        missing.chain(wrong).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cause_is_right_where_it_is_among_those_named() {
        let named = [
            ("port-reuse".to_owned(), Some(0.99)),
            ("tw-recycle".to_owned(), Some(0.95)),
        ];
        let run = Run {
            name: "both",
            causes: &["tw-recycle"],
            tolerated: &["port-reuse"],
            named: &named,
        };
        let mut outcome = Outcome::default();
        outcome.add(&run);
        assert_eq!(outcome.matrix.rows["tw-recycle"]["tw-recycle"], 1);
        let findings: u64 = outcome
            .calibration
            .bins
            .iter()
            .map(|bin| bin.findings)
            .sum();
        assert_eq!(findings, 1);
        assert_eq!(run.differences(), ["both: `port-reuse` is named"]);
    }
}
