//! What is shipped beside the program: the systemd units, as systemd itself reads them, what kustomize puts together
//! for Kubernetes, and the guide for operators.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// The exposure that `systemd-analyze security` may find at most, in tenths: what is left comes from `CAP_NET_ADMIN`,
/// `CAP_BPF` and the host's network, which natdiag is for.
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
fn every_alert_and_every_metric_is_explained() {
    let read = |path| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let guide = read("../docs/operations.md");
    let headings: String = guide
        .lines()
        .filter(|line| line.starts_with("### "))
        .collect();
    let rules = read("../deploy/prometheus/natdiag.rules.yml");
    let alerts: BTreeSet<_> = named(&rules, "- alert: ");
    assert!(alerts.contains("NatdiagFinding"), "{alerts:?}");
    for alert in alerts {
        assert!(
            headings.contains(alert),
            "{alert} has no paragraph of its own"
        );
    }
    let metrics = read("src/metrics/snapshots/natdiag__metrics__families__tests__metrics.snap");
    let metrics: BTreeSet<_> = named(&metrics, "# TYPE ");
    assert!(metrics.contains("natdiag_build_info"), "{metrics:?}");
    for metric in metrics {
        let is_explained = [format!("`{metric}`"), format!("`{metric}{{")]
            .iter()
            .any(|name| guide.contains(name));
        assert!(is_explained, "{metric} is not in the guide");
    }
}

/// No kustomize can be had here, so this test reads its file. That manifests are valid is for `cargo xtask test`.
#[test]
fn kustomize_is_told_of_every_file_and_of_none_that_is_missing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes");
    let own = "kustomization.yaml";
    let told = fs::read_to_string(folder.join(own)).unwrap();
    let mut told = named(&told, "- ");
    // This begins an item of the generator.
    assert!(told.remove("name:"));
    let entries = fs::read_dir(&folder).unwrap();
    let there: BTreeSet<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    told.insert(own);
    assert_eq!(told, there.iter().map(String::as_str).collect());
}

#[test]
fn the_pod_has_room_for_what_its_configuration_names() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes");
    let config = folder.join("natdiag.toml");
    let output = Command::new(env!("CARGO_BIN_EXE_natdiag"))
        .args(["daemon", "--check"])
        .arg(&config)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let config: toml::Table = fs::read_to_string(config).unwrap().parse().unwrap();
    let manifest = fs::read_to_string(folder.join("daemonset.yaml")).unwrap();
    let mounted = named(&manifest, "mountPath: ");
    for key in ["findings", "state", "pin"] {
        let place = Path::new(config[key].as_str().unwrap());
        let has_room = mounted.iter().any(|mount| place.starts_with(mount));
        assert!(
            has_room,
            "{key} = {} is in none of {mounted:?}",
            place.display()
        );
    }
}

/// The words behind `label`.
fn named<'a>(text: &'a str, label: &str) -> BTreeSet<&'a str> {
    text.lines()
        .filter_map(|line| line.trim_start().strip_prefix(label))
        .filter_map(|rest| rest.split_whitespace().next())
        .collect()
}
