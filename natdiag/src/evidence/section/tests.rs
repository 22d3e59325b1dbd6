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
    evidence::keeper::Keeper,
    survey::SourceSurvey,
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
                start: Timestamp(1),
                judged: until,
                statement: None,
            };
            file.extend(section(&about, &exhibits).unwrap());
        }
    }
    (file, playback.survey(0).diagnosis)
}

/// What the replay of evidence of one interface gives.
fn replay(path: &Path) -> SourceSurvey {
    let [capture] = Capture::open_each(path, |stream| stream)
        .unwrap()
        .try_into()
        .unwrap_or_else(|all: Vec<_>| panic!("{} interfaces", all.len()));
    let mut playback = Playback::new(capture, Vec::new());
    playback.play(None).unwrap();
    playback.survey(0)
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
        let survey = replay(&path);
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

/// A file with sections of these interfaces, each with SYNs at these seconds.
fn file_of(sections: &[(&str, &[u64])]) -> Vec<u8> {
    let syn = fixture::all()
        .into_iter()
        .find_map(|fixture| {
            let record = record(&fixture.packet, Direction::Egress)?;
            (record.tcp_flags == natdiag_common::wire::tcp::SYN).then_some(record)
        })
        .unwrap();
    let sections = sections.iter().flat_map(|(interface, seconds)| {
        let exhibits: Vec<_> = seconds
            .iter()
            .map(|second| {
                let mut record = syn;
                record.time_ns = second * 1_000_000_000;
                let why = "a test".to_owned();
                Exhibit { record, why }
            })
            .collect();
        let about = About {
            interface,
            hooks: &[],
            finding: "a test",
            start: Timestamp(1),
            judged: Timestamp(100_000_000_000),
            statement: None,
        };
        section(&about, &exhibits).unwrap()
    });
    sections.collect()
}

/// The name of each capture in a file, and the seconds of its packets.
fn seconds(octets: &[u8]) -> Vec<(String, Vec<u64>)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evidence.pcapng");
    fs::write(&path, octets).unwrap();
    let captures = Capture::open_each(&path, |stream| stream).unwrap();
    let mut all = Vec::new();
    for mut capture in captures {
        let mut seconds = Vec::new();
        while let Some(packet) = capture.packet() {
            seconds.push(packet.time.0 / 1_000_000_000);
            capture.advance();
        }
        let name = capture.name().replace(&path.display().to_string(), "FILE");
        all.push((name, seconds));
    }
    all
}

#[test]
fn evidence_is_played_in_the_order_of_time_and_each_interface_by_itself() {
    let one = file_of(&[("eth0", &[5, 6]), ("eth0", &[1, 2, 7])]);
    assert_eq!(seconds(&one), [("FILE".to_owned(), vec![1, 2, 5, 6, 7])]);
    let two = file_of(&[("lan", &[5, 6]), ("wan", &[4]), ("lan", &[1, 2])]);
    assert_eq!(
        seconds(&two),
        [
            ("FILE (lan)".to_owned(), vec![1, 2, 5, 6]),
            ("FILE (wan)".to_owned(), vec![4])
        ]
    );
}

#[test]
fn evidence_that_was_cut_off_is_played_up_to_there() {
    let whole = file_of(&[("eth0", &[5, 6]), ("eth0", &[1, 2])]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evidence.pcapng");
    // In the last block, which says up to when nothing more came.
    fs::write(&path, &whole[..whole.len() - 7]).unwrap();
    let survey = replay(&path);
    assert_eq!(seconds(&whole[..whole.len() - 7])[0].1, [1, 2, 5, 6]);
    assert!(
        survey.notes[0].contains("behind packet 4"),
        "{:?}",
        survey.notes
    );
}

#[test]
fn what_evidence_says_beside_its_packets_is_played() {
    let mut counts = natdiag_common::follow::FollowCounts::ZERO;
    counts.increment(natdiag_common::follow::FollowCounter::ReceivedLarge);
    let statement = Statement {
        remote: "203.0.113.80".parse().unwrap(),
        followed: Some((Timestamp(7), counts)),
        conversations: None,
    };
    let about = About {
        interface: "eth0",
        hooks: &[],
        finding: "a test",
        start: Timestamp(1),
        judged: Timestamp(9_000_000_000),
        statement: Some(statement.clone()),
    };
    let octets = section(&about, &[]).unwrap();
    let mut capture =
        Capture::read("test".to_owned(), Box::new(std::io::Cursor::new(octets))).unwrap();
    assert!(capture.is_evidence());
    assert_eq!(capture.take_statements(), [statement]);
    assert_eq!(capture.progress().time, Timestamp(9_000_000_000));
}
