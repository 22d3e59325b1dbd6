//! Every timeline of `testdata/timelines` is named right. A new look-alike is a new file there, without code.
#![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

#[path = "../schema/form.rs"]
mod form;
mod play;
mod script;
mod stage;

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context as _, Result};
use natdiag::{
    analysis::diagnosis::{Diagnosis, Finding},
    report::model::Report,
    survey::{SourceKind, SourceSurvey, Survey},
};

use self::script::Script;

#[test]
fn every_timeline_is_named_right() {
    let mut wrong = Vec::new();
    for (name, text) in timelines() {
        match differences(&text) {
            Ok(differences) => {
                wrong.extend(
                    differences
                        .into_iter()
                        .map(|what| format!("{name}: {what}")),
                );
            }
            Err(error) => wrong.push(format!("{name}: {error:#}")),
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_timeline_has_a_row_and_says_what_it_is_about() {
    for (name, text) in timelines() {
        let script = Script::parse(&text).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        assert!(!script.about.is_empty(), "{name}");
        assert!(
            script.row.starts_with('T') || script.row == "healthy",
            "{name}: row `{}`",
            script.row
        );
    }
}

#[test]
fn the_report_of_every_timeline_has_the_form_of_the_schema() {
    for (name, text) in timelines() {
        let diagnosis = play::play(&Script::parse(&text).unwrap()).unwrap();
        let survey = Survey {
            sources: vec![SourceSurvey {
                kind: SourceKind::Capture,
                name: name.clone(),
                hooks: Vec::new(),
                notes: Vec::new(),
                octets: None,
                looked_at: None,
                diagnosis,
            }],
            ..Survey::default()
        };
        form::read(&serde_json::to_vec(&Report::from(&survey)).unwrap());
    }
}

/// Names and texts, by name.
fn timelines() -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/timelines");
    let mut timelines: Vec<(String, String)> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    timelines.sort();
    assert!(!timelines.is_empty());
    timelines
}

/// In what natdiag differs from what is expected.
fn differences(text: &str) -> Result<Vec<String>> {
    let script = Script::parse(text)?;
    let diagnosis = play::play(&script).context("cannot play it")?;
    let findings = findings(&diagnosis);
    let named: BTreeSet<&str> = findings.iter().map(|it| it.cause.as_str()).collect();
    let mut differences = Vec::new();
    for wanted in script.expected.iter().filter(|wanted| *wanted != "none") {
        match findings.iter().find(|it| it.cause.as_str() == wanted) {
            Some(finding) if finding.confidence >= script.least => {}
            Some(finding) => {
                differences.push(format!("`{wanted}` is only {} sure", finding.confidence));
            }
            None => differences.push(format!("`{wanted}` is not named")),
        }
    }
    let is_wanted = |cause: &str| {
        let mut wanted = script.expected.iter().chain(&script.tolerated);
        wanted.any(|wanted| wanted == cause)
    };
    for cause in named.into_iter().filter(|cause| !is_wanted(cause)) {
        differences.push(format!("`{cause}` is named"));
    }
    for cause in &script.left_open {
        let mut open = findings.iter().flat_map(|finding| &finding.not_excluded);
        if !open.any(|open| open.cause.as_str() == cause) {
            differences.push(format!("`{cause}` is not left open"));
        }
    }
    if !differences.is_empty() {
        differences.extend(findings.iter().map(|finding| {
            let open: Vec<String> = finding
                .not_excluded
                .iter()
                .map(|open| format!("{} ({})", open.cause.as_str(), open.why))
                .collect();
            format!(
                "    {} {:.4}: {}; {:?} [{}]",
                finding.cause.as_str(),
                finding.confidence,
                finding.summary,
                finding.evidence,
                open.join(", ")
            )
        }));
    }
    Ok(differences)
}

fn findings(diagnosis: &Diagnosis) -> Vec<Finding> {
    let of_remotes = diagnosis.remotes.iter().flat_map(|remote| &remote.findings);
    of_remotes.chain(&diagnosis.findings).cloned().collect()
}
