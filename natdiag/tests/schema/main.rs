//! What natdiag writes of real captures and about this host has the form of the schemas in `docs/schema`.
#![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

mod form;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

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

#[test]
fn what_a_schema_does_not_know_is_a_fault() {
    let stopped = json!({
        "schema": "natdiag.event/1",
        "time": "2026-01-02T03:04:05Z",
        "event": "stopped",
    });
    assert_eq!(form::read(stopped.to_string().as_bytes()), stopped);
    for (key, value) in [
        ("why", json!("tired")),
        ("event", json!("paused")),
        ("schema", json!("natdiag.report/1")),
        ("schema", json!("natdiag.event/0")),
    ] {
        let mut changed = stopped.clone();
        changed[key] = value;
        assert!(form::fault(&changed).is_some(), "{changed}");
    }
}

/// Runs natdiag, which prints one report or more.
fn assert_reports(arguments: &[&str]) {
    let output = Command::new(NATDIAG).args(arguments).output().unwrap();
    let reports = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    let mut count = 0;
    for report in reports {
        let report = report.unwrap();
        count += 1;
        assert_eq!(form::fault(&report), None, "{arguments:?}");
        let schema = report.get("schema").and_then(Value::as_str);
        assert_eq!(schema, Some("natdiag.report/1"));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(count > 0, "{arguments:?}: {said}");
}
