use super::*;
use crate::report::fixture::{finding, survey_of};

const QUIET_NS: u64 = 3_600_000_000_000;

/// A survey of one host with these findings and so many dropped SYNs, at a second.
fn survey(second: u64, dropped: u64, findings: &[(Cause, Severity, f64)]) -> Survey {
    let findings = findings
        .iter()
        .map(|&(cause, severity, confidence)| Finding {
            confidence,
            ..finding(cause, severity)
        });
    let mut survey = survey_of(findings.collect(), vec![]);
    survey.end = Timestamp(second * 1_000_000_000);
    for remote in &mut survey.sources[0].diagnosis.remotes {
        remote.counters.syn_predicted_drop_dropped = dropped;
    }
    survey
}

/// What happened, in a word, with the number of the finding.
fn words(changes: &[Change]) -> Vec<String> {
    changes
        .iter()
        .map(|change| {
            let number = change.number;
            match &change.turn {
                Turn::Appeared(finding) => format!("{number} appeared {}", finding.cause.as_str()),
                Turn::Changed { was, finding } => format!(
                    "{number} {} -> {}",
                    was.cause.as_str(),
                    finding.cause.as_str()
                ),
                Turn::Ended { was, why } => {
                    format!("{number} ended {} {}", was.cause.as_str(), why.as_str())
                }
            }
        })
        .collect()
}

use Cause::{InsufficientEvidence, PathFragmentation, TwRecycle};
use Severity::{Critical, Warning};

#[test]
fn a_finding_appears_once_changes_and_ends() {
    let mut changes = Changes::default();
    let unclear = [(InsufficientEvidence, Warning, 0.5)];
    let likely = [(TwRecycle, Critical, 0.95)];
    let surer = [(TwRecycle, Critical, 0.96)];
    let sure = [(TwRecycle, Critical, 0.995)];
    for (second, findings, want) in [
        (1, &unclear[..], &["1 appeared insufficient-evidence"][..]),
        (2, &unclear, &[]),
        (3, &likely, &["1 insufficient-evidence -> tw-recycle"]),
        (4, &surer, &[]),
        (5, &sure, &["1 tw-recycle -> tw-recycle"]),
        (6, &[], &["1 ended tw-recycle withdrawn"]),
        (7, &likely, &["2 appeared tw-recycle"]),
    ] {
        let changed = changes.compare(&survey(second, second, findings), QUIET_NS);
        assert_eq!(words(&changed), want, "second {second}");
    }
}

#[test]
fn two_findings_about_a_host_are_told_apart() {
    let mut changes = Changes::default();
    let both = [
        (TwRecycle, Critical, 0.999),
        (PathFragmentation, Warning, 0.999),
    ];
    let (recycle, fragments) = both.split_at(1);
    assert_eq!(
        words(&changes.compare(&survey(1, 1, fragments), QUIET_NS)),
        ["1 appeared path-fragmentation"]
    );
    assert_eq!(
        words(&changes.compare(&survey(2, 2, &both), QUIET_NS)),
        ["2 appeared tw-recycle"]
    );
    assert_eq!(
        words(&changes.compare(&survey(3, 3, recycle), QUIET_NS)),
        ["1 ended path-fragmentation withdrawn"]
    );
}

#[test]
fn a_finding_ends_when_its_host_is_quiet_and_comes_again_with_a_symptom() {
    let mut changes = Changes::default();
    let findings = [(TwRecycle, Critical, 0.999)];
    for (second, dropped, want) in [
        (1, 5, &["1 appeared tw-recycle"][..]),
        (1000, 9, &[]),
        (4599, 9, &[]),
        (4600, 9, &["1 ended tw-recycle quiet"]),
        (9000, 9, &[]),
        (9001, 10, &["2 appeared tw-recycle"]),
    ] {
        let changed = changes.compare(&survey(second, dropped, &findings), QUIET_NS);
        assert_eq!(words(&changed), want, "second {second}");
        let is_open = changes.open().values().sum::<u64>() > 0;
        assert_eq!(is_open, !(4600..9001).contains(&second), "second {second}");
    }
}

#[test]
fn what_is_found_on_an_interface_ends_with_it() {
    let mut changes = Changes::default();
    let mut survey = survey(1, 1, &[(TwRecycle, Critical, 0.999)]);
    changes.compare(&survey, QUIET_NS);
    survey.sources.clear();
    let changed = changes.compare(&survey, QUIET_NS);
    assert_eq!(words(&changed), ["1 ended tw-recycle interface-released"]);
}
