//! The right answer for real captures of servers with and without tcp_tw_recycle: each verdict, and the table of SYNs
//! predicted against observed, transmission by transmission.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail by a panic"
)]

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use natdiag::{
    analysis::diagnosis::{Cause, Finding, RemoteCounters},
    command::replay::replay,
    config::ReplayConfig,
    report::{exit_code::ExitStatus, view::View},
    survey::Survey,
    value::top::Top,
};
use pcap_file::pcap::{PcapReader, PcapWriter};
use tempfile::NamedTempFile;

/// What a capture must give: dropped and answered SYNs, by prediction.
struct Case {
    name: &'static str,
    below_the_mark: (u64, u64),
    otherwise: (u64, u64),
    without_timestamps: (u64, u64),
    cause: Option<Cause>,
}

const fn case(
    name: &'static str,
    below_the_mark: (u64, u64),
    otherwise: (u64, u64),
    without_timestamps: (u64, u64),
    cause: Option<Cause>,
) -> Case {
    Case {
        name,
        below_the_mark,
        otherwise,
        without_timestamps,
        cause,
    }
}

const RECYCLE: Option<Cause> = Some(Cause::TwRecycle);

/// From the README beside the captures.
const CASES: [Case; 9] = [
    case(
        "k4.9-A-recycle1-2cli-pub",
        (1079, 0),
        (0, 120),
        (0, 0),
        RECYCLE,
    ),
    case(
        "k4.9-A-recycle1-2cli-lan",
        (1079, 0),
        (0, 120),
        (0, 0),
        RECYCLE,
    ),
    case("k4.9-B-recycle0-2cli-pub", (0, 120), (0, 120), (0, 0), None),
    case("k4.9-C-cli2-nots-pub", (0, 0), (0, 120), (1079, 0), RECYCLE),
    case("k4.9-D-client-closes-pub", (0, 0), (0, 240), (0, 0), None),
    case("k4.9-G-1cli-pub", (0, 0), (0, 60), (0, 0), None),
    case("k4.9-K-same-clock-2cli-pub", (0, 0), (0, 240), (0, 0), None),
    case(
        "k3.10-A-recycle1-2cli-pub",
        (1079, 0),
        (0, 120),
        (0, 0),
        RECYCLE,
    ),
    case("k3.10-C-cli2-nots-pub", (0, 0), (0, 120), (0, 120), None),
];

#[test]
fn predicted_and_observed_syns_are_those_of_the_capture() {
    for case in &CASES {
        let counters = server(&play(case.name)).0;
        let below = (
            counters.syn_predicted_drop_dropped,
            counters.syn_predicted_drop_answered,
        );
        let otherwise = (
            counters.syn_predicted_pass_dropped,
            counters.syn_predicted_pass_answered,
        );
        let without = (
            counters.syn_without_timestamps_dropped,
            counters.syn_without_timestamps_answered,
        );
        assert_eq!(below, case.below_the_mark, "{}: below the mark", case.name);
        assert_eq!(otherwise, case.otherwise, "{}: otherwise", case.name);
        assert_eq!(
            without, case.without_timestamps,
            "{}: without timestamps",
            case.name
        );
    }
}

#[test]
fn every_syn_has_exactly_one_fate() {
    for case in &CASES {
        let counters = server(&play(case.name)).0;
        let decided: u64 = [case.below_the_mark, case.otherwise, case.without_timestamps]
            .iter()
            .map(|(dropped, answered)| dropped + answered)
            .sum();
        let fates = decided + counters.syn_ambiguous + counters.syn_undecided;
        assert_eq!(fates, counters.syn_sent, "{}", case.name);
    }
}

#[test]
fn the_cause_is_named_and_nothing_else() {
    for case in &CASES {
        let survey = play(case.name);
        let causes: Vec<Cause> = server(&survey)
            .1
            .iter()
            .map(|finding| finding.cause)
            .collect();
        assert_eq!(causes, Vec::from_iter(case.cause), "{}", case.name);
        let want = if case.cause.is_some() {
            ExitStatus::Harm
        } else {
            ExitStatus::Clear
        };
        assert_eq!(ExitStatus::of(&survey), want, "{}", case.name);
    }
}

#[test]
fn on_the_public_side_the_verdict_is_as_good_as_certain() {
    for name in ["k4.9-A-recycle1-2cli-pub", "k3.10-A-recycle1-2cli-pub"] {
        let (_, findings) = server(&play(name));
        assert!(
            findings[0].confidence >= 0.999,
            "{name}: {}",
            findings[0].confidence
        );
        assert!(
            findings[0]
                .excluded
                .iter()
                .any(|other| other.cause == Cause::Filtered),
            "{name}"
        );
    }
}

#[test]
fn on_the_private_side_a_filter_of_this_one_client_is_not_excluded() {
    let (_, findings) = server(&play("k4.9-A-recycle1-2cli-lan"));
    let open: Vec<Cause> = findings[0]
        .not_excluded
        .iter()
        .map(|other| other.cause)
        .collect();
    assert_eq!(open, [Cause::Filtered]);
}

#[test]
fn syns_without_timestamps_tell_the_age_of_the_server() {
    let (_, findings) = server(&play("k4.9-C-cli2-nots-pub"));
    let era = findings[0]
        .evidence
        .iter()
        .find(|(name, _)| *name == "server_kernel");
    assert!(format!("{era:?}").contains("3.17 to 4.11"), "{era:?}");
}

#[test]
fn a_capture_that_begins_in_the_middle_gives_the_same_cause() {
    for case in public_cases() {
        let packets = count(case.name);
        for eighths in 1..=6 {
            let later = part(case.name, |place, _| place >= packets * eighths / 8);
            let from = format!("{} from {eighths}/8", case.name);
            assert_eq!(causes(&later), Vec::from_iter(case.cause), "{from}");
        }
    }
}

#[test]
fn a_capture_that_lost_packets_gives_no_other_cause() {
    for case in public_cases() {
        for (every, first) in [(7, 2), (11, 3)] {
            let thinned = part(case.name, |place, _| place % every != first);
            let named = causes(&thinned);
            let lost = format!("{} without every {every}th packet", case.name);
            assert!(named.contains(&Cause::Blind), "{lost}: {named:?}");
            let others: Vec<_> = named
                .iter()
                .filter(|cause| !matches!(cause, Cause::Blind | Cause::InsufficientEvidence))
                .collect();
            assert_eq!(others, Vec::from_iter(&case.cause), "{lost}");
        }
    }
}

#[test]
fn a_capture_that_shows_each_packet_twice_gives_the_same_cause() {
    for case in &CASES {
        let twice = copy(case.name, |_, _| 2);
        assert_eq!(causes(&twice), Vec::from_iter(case.cause), "{}", case.name);
    }
}

#[test]
fn connections_that_live_without_a_syn_ack_are_not_filtered() {
    /// Where the source address of an IPv4 packet stands in an Ethernet frame.
    const SOURCE: std::ops::Range<usize> = 26..30;
    let is_ours = |_: usize, frame: &[u8]| frame[SOURCE] != [203, 0, 113, 80];
    for name in ["k4.9-B-recycle0-2cli-pub", "k4.9-D-client-closes-pub"] {
        let one_sided = part(name, is_ours);
        assert_eq!(causes(&one_sided), [], "{name}");
        let survey = play_file(one_sided.path());
        let findings = &survey.sources[0].diagnosis.findings;
        let of_source: Vec<_> = findings.iter().map(|finding| finding.cause).collect();
        assert_eq!(of_source, [Cause::Blind], "{name}");
    }
}

fn public_cases() -> impl Iterator<Item = &'static Case> {
    CASES.iter().filter(|case| case.name.ends_with("-pub"))
}

fn play(name: &str) -> Survey {
    play_file(&file(name))
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/captures")
        .join(name)
        .join("in.pcap.gz")
}

fn octets(name: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    MultiGzDecoder::new(File::open(file(name)).unwrap())
        .read_to_end(&mut octets)
        .unwrap();
    octets
}

/// Packets in a capture.
fn count(name: &str) -> usize {
    let octets = octets(name);
    let mut reader = PcapReader::new(&octets[..]).unwrap();
    std::iter::from_fn(|| reader.next_packet().map(|_| ())).count()
}

/// A capture of the packets that `keep` says, by their place and their octets.
fn part(name: &str, keep: impl Fn(usize, &[u8]) -> bool) -> NamedTempFile {
    copy(name, |place, octets| usize::from(keep(place, octets)))
}

/// A capture with each packet as often as `times` says.
fn copy(name: &str, times: impl Fn(usize, &[u8]) -> usize) -> NamedTempFile {
    let octets = octets(name);
    let mut reader = PcapReader::new(&octets[..]).unwrap();
    let part = NamedTempFile::new().unwrap();
    let file = File::create(part.path()).unwrap();
    let mut writer = PcapWriter::with_header(file, reader.header()).unwrap();
    let mut place = 0;
    while let Some(packet) = reader.next_packet() {
        let packet = packet.unwrap();
        for _ in 0..times(place, packet.data()) {
            writer.write_packet(&packet).unwrap();
        }
        place += 1;
    }
    part
}

/// Causes named for the server in a capture.
fn causes(capture: &NamedTempFile) -> Vec<Cause> {
    let (_, findings) = server(&play_file(capture.path()));
    findings.iter().map(|finding| finding.cause).collect()
}

fn play_file(file: &Path) -> Survey {
    let config = ReplayConfig {
        names: false,
        filter: natdiag::analysis::filter::Filter::default(),
        files: vec![file.to_owned()],
        local: Vec::new(),
        interval: None,
        top: Top::All,
    };
    replay(&config, &mut Silent).unwrap()
}

/// Counters of the server and the findings about it.
fn server(survey: &Survey) -> (RemoteCounters, Vec<Finding>) {
    let remotes = &survey.sources[0].diagnosis.remotes;
    let server = remotes
        .iter()
        .find(|remote| remote.address.to_string() == "203.0.113.80")
        .unwrap();
    (server.counters, server.findings.clone())
}

/// Shows nothing.
struct Silent;

impl View for Silent {
    fn interim(&mut self, _survey: Survey) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _survey: &Survey) -> io::Result<()> {
        Ok(())
    }
}
