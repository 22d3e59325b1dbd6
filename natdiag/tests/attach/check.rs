//! `natdiag check attach` as a process: what it says comes true, and it changes nothing.

use std::process::Command;

use serde_json::Value;

use crate::form;
use crate::hooks::BY_TCX;
use crate::network::{SENDER, WATCHED, in_namespace, run, wait_until};

const NATDIAG: &str = env!("CARGO_BIN_EXE_natdiag");

#[test]
fn a_look_at_an_interface_changes_nothing() {
    in_namespace("a_look_at_an_interface_changes_nothing", || {
        run("tc", &format!("qdisc add dev {WATCHED} clsact"));
        let before = everything();
        let (report, status) = check(&[], &[WATCHED, SENDER]);
        assert_eq!(status, Some(0), "{report}");
        assert_eq!(everything(), before);
    });
}

#[test]
fn the_hook_that_is_foretold_is_the_one_that_is_attached() {
    in_namespace(
        "the_hook_that_is_foretold_is_the_one_that_is_attached",
        || {
            for taken in ["", "ingress"] {
                if !taken.is_empty() {
                    run("tc", &format!("qdisc add dev {WATCHED} {taken}"));
                }
                let (report, _) = check(&[], &[WATCHED]);
                let steps = report["attach"][0]["hooks"].as_array().unwrap();
                let chosen: Vec<_> = steps
                    .iter()
                    .filter(|step| step["outlook"] == "chosen")
                    .map(|step| {
                        let (hook, direction) = (&step["hook"], &step["direction"]);
                        format!("{} {}", hook.as_str().unwrap(), direction.as_str().unwrap())
                    })
                    .collect();
                // Too short to see anything, which ends with 3.
                let watched = Command::new(NATDIAG)
                    .args(["watch", "-i", WATCHED, "-d", "1ms", "-o", "json"])
                    .output()
                    .unwrap();
                let watched = form::read(&watched.stdout);
                assert_eq!(watched["sources"][0]["hooks"], Value::from(chosen));
                let clsact = steps.iter().find(|step| step["rung"] == "clsact").unwrap();
                let refused = !taken.is_empty();
                assert_eq!(clsact["outlook"] == "refused", refused, "{clsact}");
            }
        },
    );
}

#[test]
fn programs_that_are_there_are_named_with_their_holders() {
    in_namespace(
        "programs_that_are_there_are_named_with_their_holders",
        || {
            let mut watch = Command::new(NATDIAG)
                .args(["watch", "-i", WATCHED, "-o", "json"])
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap();
            let mut report = Value::Null;
            wait_until("natdiag to be attached", || {
                report = check(&[], &[WATCHED]).0;
                report["attach"][0]["programs"].as_array().unwrap().len() == BY_TCX
            });
            watch.kill().unwrap();
            watch.wait().unwrap();
            let programs = report["attach"][0]["programs"].as_array().unwrap();
            let program = programs
                .iter()
                .find(|program| program["name"] == "natdiag_tc_in")
                .unwrap();
            assert_eq!(program["hook"], "tcx", "{program}");
            assert_eq!(program["holders"][0]["pid"], watch.id(), "{program}");
            assert_eq!(program["holders"][0]["name"], "natdiag", "{program}");
        },
    );
}

#[test]
fn without_capabilities_every_hook_is_refused_and_both_remedies_are_told() {
    in_namespace(
        "without_capabilities_every_hook_is_refused_and_both_remedies_are_told",
        || {
            let powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];
            let (report, status) = check(&powerless, &[WATCHED]);
            assert_eq!(status, Some(1), "{report}");
            let interface = &report["attach"][0];
            assert_eq!(interface["can_attach"], false);
            let steps = interface["hooks"].as_array().unwrap();
            assert!(
                steps.iter().all(|step| step["outlook"] != "chosen"),
                "{interface}"
            );
            let output = Command::new(powerless[0])
                .args(&powerless[1..])
                .args([NATDIAG, "check", "attach", "-i", WATCHED])
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            for expected in [
                "CAP_BPF missing",
                "sudo setcap cap_bpf",
                "run it with `sudo`",
            ] {
                assert!(text.contains(expected), "{text}");
            }
        },
    );
}

/// Runs the check behind `prefix`, and returns its report and how it ended.
fn check(prefix: &[&str], interfaces: &[&str]) -> (Value, Option<i32>) {
    let mut words = prefix.to_vec();
    words.extend([NATDIAG, "check", "attach", "-o", "json"]);
    for interface in interfaces {
        words.extend(["-i", interface]);
    }
    let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.stdout.is_empty(), "{error}");
    (form::read(&output.stdout), output.status.code())
}

/// All that attaching would change in this namespace.
fn everything() -> Vec<String> {
    let mut all = vec![
        run("bpftool", "net"),
        run("ip", "-d link"),
        run("tc", "qdisc"),
    ];
    for interface in [WATCHED, SENDER] {
        for way in ["ingress", "egress"] {
            // Without clsact there is nothing to list, and tc says so by its status.
            let output = Command::new("tc")
                .args(["filter", "show", "dev", interface, way])
                .output()
                .unwrap();
            all.push(String::from_utf8(output.stdout).unwrap());
        }
    }
    all
}
