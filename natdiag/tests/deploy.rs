//! What is shipped: the systemd units, as systemd itself reads them, and the guide that goes with the alerts.

use std::{fs, path::Path, process::Command};

/// The exposure that `systemd-analyze security` may find at most, in tenths: what is left comes from `CAP_NET_ADMIN`, `CAP_BPF`
/// and the host's network, which natdiag is for.
const EXPOSURE: &str = "21";

#[test]
fn the_units_are_valid_and_as_closed_as_stated() {
    const NAME: &str = "the_units_are_valid_and_as_closed_as_stated";
    if Command::new("systemd-analyze")
        .arg("--version")
        .output()
        .is_err()
    {
        println!("SKIP {NAME}: systemd-analyze is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/systemd");
    // The services need it.
    let mount = "run-natdiag.mount";
    fs::copy(shipped.join(mount), folder.path().join(mount)).unwrap();
    for unit in ["natdiag.service", "natdiag@.service"] {
        let text = fs::read_to_string(shipped.join(unit)).unwrap();
        // It looks whether the program is there.
        let text = text.replace("/usr/bin/natdiag", env!("CARGO_BIN_EXE_natdiag"));
        let file = folder.path().join(unit);
        fs::write(&file, text).unwrap();
        let verify = ["verify", "--man=no"];
        let threshold = format!("--threshold={EXPOSURE}");
        let security = ["security", "--offline=yes", "--no-pager", &threshold];
        for arguments in [&verify[..], &security[..]] {
            let output = Command::new("systemd-analyze")
                .args(arguments)
                .arg(&file)
                .output()
                .unwrap();
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(output.status.success(), "{unit}: {said}");
            assert!(!said.contains("ignoring"), "{unit}: {said}");
        }
    }
}

#[test]
fn every_alert_has_its_entry_in_the_guide() {
    let rules = include_str!("../../deploy/prometheus/natdiag.rules.yml");
    let guide = include_str!("../../docs/operations.md");
    let alerts: Vec<_> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert!(alerts.len() > 8, "{alerts:?}");
    for alert in alerts {
        let is_there = guide
            .lines()
            .filter_map(|line| line.strip_prefix('|')?.split('|').next())
            .any(|first| first.contains(&format!("`{alert}`")));
        assert!(is_there, "{alert} is not in docs/operations.md");
    }
}
