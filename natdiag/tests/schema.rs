//! What natdiag writes of real captures and about this host has the form of the schemas in `docs/schema`.
#![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

const NATDIAG: &str = env!("CARGO_BIN_EXE_natdiag");

#[test]
fn every_capture_gives_a_report_of_the_schema() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/captures");
    let captures: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("in.pcap.gz"))
        .filter(|path| path.exists())
        .collect();
    assert!(!captures.is_empty());
    for capture in captures {
        let capture = capture.to_str().unwrap();
        assert_reports(&["replay", "--output", "json", capture]);
        assert_reports(&["replay", "--output", "jsonl", "--interval", "20s", capture]);
    }
}

#[test]
fn a_look_at_this_host_gives_a_report_of_the_schema() {
    assert_reports(&["check", "server", "--output", "json"]);
}

#[test]
fn a_look_at_an_interface_gives_a_report_of_the_schema() {
    if !nix::unistd::geteuid().is_root() {
        println!("SKIP a_look_at_an_interface_gives_a_report_of_the_schema: needs root");
        return;
    }
    assert_reports(&["check", "attach", "-i", "lo", "--output", "json"]);
}

/// Runs natdiag, which prints one report or more.
fn assert_reports(arguments: &[&str]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema");
    let schema = fs::read_to_string(folder.join("natdiag.report.1.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let output = Command::new(NATDIAG).args(arguments).output().unwrap();
    let reports = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    let mut count = 0;
    for report in reports {
        let report = report.unwrap();
        count += 1;
        if let Err(error) = validator.validate(&report) {
            panic!("{arguments:?}: {}: {error}", error.instance_path());
        }
    }
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(count > 0, "{arguments:?}: {said}");
}
