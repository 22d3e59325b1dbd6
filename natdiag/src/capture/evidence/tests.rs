use std::{fs, path::Path, process::Command};

use natdiag_common::{
    Direction, LinkType,
    classify::{Keep, classify},
    packet as parser,
    testkit::fixture,
};

use super::*;
use crate::{
    analysis::diagnosis::Diagnosis,
    capture::{Capture, Playback, dissect::Dissector},
    daemon::evidence::Keeper,
};

/// The record of a packet, as the kernel would make it; `None` where it makes none.
fn record(octets: &[u8], direction: Direction) -> Option<Record> {
    let packet = parser::parse(octets, LinkType::RawIp).ok()??;
    let observation = classify(octets, &packet, direction);
    (observation.keep != Keep::Never)
        .then(|| Record::new(octets, &packet, observation.tally, direction, 7))
}

#[test]
fn a_packet_that_is_rebuilt_gives_the_same_record() {
    let mut tried = 0;
    for fixture in fixture::all() {
        for direction in [Direction::Ingress, Direction::Egress] {
            let Some(wanted) = record(&fixture.packet, direction) else {
                continue;
            };
            let mut rebuilt = packet(&wanted);
            // The payload that a record does not hold.
            rebuilt.resize((wanted.total_len as usize).max(rebuilt.len()), 0);
            assert_eq!(
                record(&rebuilt, direction),
                Some(wanted),
                "{}",
                fixture.name
            );
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried}");
}

/// Evidence of a capture: what would have been kept of it while it was watched.
fn evidence(capture: &Path) -> (Vec<u8>, Diagnosis) {
    let open = || Capture::open(capture).unwrap();
    let mut playback = Playback::new(open(), Vec::new());
    let mut frames = open();
    let mut dissector = Dissector::new(Vec::new());
    let mut keeper = Keeper::default();
    let mut file = Vec::new();
    let mut until = frames.packet().unwrap().time;
    while frames.packet().is_some() {
        until = until.plus(1_000_000_000);
        while let Some(captured) = frames.packet().filter(|captured| captured.time < until) {
            if let Some(record) = dissector.dissect(&captured).and_then(|it| it.record) {
                keeper.keep(record);
            }
            frames.advance();
        }
        playback.play(Some(until)).unwrap();
        for remote in &playback.survey(0).diagnosis.remotes {
            if remote.findings.is_empty() {
                continue;
            }
            let exhibits: Vec<_> = keeper
                .take(remote.address)
                .into_iter()
                .map(|record| Exhibit {
                    record,
                    why: "a test".to_owned(),
                })
                .collect();
            let about = About {
                interface: "eth0",
                hooks: &["tcx ingress".to_owned()],
                finding: remote.findings[0].cause.as_str(),
            };
            file.extend(section(&about, &exhibits).unwrap());
        }
    }
    (file, playback.survey(0).diagnosis)
}

/// Each remote host with a finding, and the causes.
fn causes(diagnosis: &Diagnosis) -> Vec<(String, Vec<&'static str>)> {
    let remotes = diagnosis.remotes.iter();
    remotes
        .filter(|remote| !remote.findings.is_empty())
        .map(|remote| {
            let causes = remote.findings.iter().map(|finding| finding.cause.as_str());
            (remote.address.to_string(), causes.collect())
        })
        .collect()
}

#[test]
fn replay_of_the_evidence_gives_the_finding_that_it_was_kept_for() {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/captures");
    for name in [
        "k4.9-A-recycle1-2cli-pub",
        "k4.9-A-recycle1-2cli-lan",
        "k4.9-C-cli2-nots-pub",
        "k3.10-A-recycle1-2cli-pub",
    ] {
        let (file, wanted) = evidence(&captures.join(name).join("in.pcap.gz"));
        let wanted = causes(&wanted);
        assert!(!wanted.is_empty(), "{name}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evidence.pcapng");
        fs::write(&path, file).unwrap();
        let mut playback = Playback::new(Capture::open(&path).unwrap(), Vec::new());
        playback.play(None).unwrap();
        let survey = playback.survey(0);
        assert_eq!(causes(&survey.diagnosis), wanted, "{name}");
        assert_eq!(survey.notes, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn tshark_reads_the_evidence_and_its_comments() {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/captures");
    let (file, _) = evidence(&captures.join("k4.9-A-recycle1-2cli-pub/in.pcap.gz"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evidence.pcapng");
    fs::write(&path, file).unwrap();
    let output = Command::new("tshark")
        .arg("-r")
        .arg(&path)
        .args([
            "-T",
            "fields",
            "-e",
            "frame.interface_name",
            "-e",
            "frame.comment",
        ])
        .args([
            "-e",
            "tcp.flags.syn",
            "-e",
            "tcp.options.timestamp.tsval",
            "-e",
            "_ws.malformed",
        ])
        .output();
    let Ok(output) = output else {
        println!("SKIP tshark_reads_the_evidence_and_its_comments: tshark is not installed");
        return;
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let text = String::from_utf8(output.stdout).unwrap();
    let syns = text
        .lines()
        .filter(|line| line.starts_with("eth0\ta test\t1\t"));
    assert!(syns.count() > 20, "{text}");
    assert!(text.lines().all(|line| line.ends_with('\t')), "{text}");
}
