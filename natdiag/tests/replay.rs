//! Whole replays: captures in, surveys out.
#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use natdiag::{
    analysis::{diagnosis::RemoteCounters, filter::Filter},
    capture::CaptureError,
    command::replay::{ReplayError, replay},
    config::ReplayConfig,
    event::Timestamp,
    report::view::View,
    survey::Survey,
    value::top::Top,
};
use natdiag_common::testkit::{CLIENT, Payload, SERVER, tcp, udp};
use pcap_file::{
    DataLink,
    pcap::{PcapPacket, PcapWriter},
    pcapng::{
        PcapNgWriter,
        blocks::{
            enhanced_packet::EnhancedPacketBlock, interface_description::InterfaceDescriptionBlock,
        },
    },
};
use tempfile::TempDir;

const START: Duration = Duration::from_secs(1_700_000_000);

#[test]
fn real_captures_are_played_from_the_first_to_the_last_packet() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/captures");
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("in.pcap.gz"))
        .filter(|path| path.exists())
        .collect();
    files.sort();

    let mut shown = Shown::default();
    let survey = replay(&config(&files), &mut shown).unwrap();

    assert_eq!(files.len(), 9);
    let names: Vec<PathBuf> = survey
        .sources
        .iter()
        .map(|source| PathBuf::from(&source.name))
        .collect();
    assert_eq!(names, files);
    for source in &survey.sources {
        assert!(
            source.notes.is_empty(),
            "{}: {:?}",
            source.name,
            source.notes
        );
    }
    assert!(survey.start < survey.end);
    assert_eq!((shown.ends.len(), shown.finished), (0, 1));
}

#[test]
fn snapshots_come_once_per_interval_in_which_there_were_packets() {
    let directory = tempfile::tempdir().unwrap();
    // Two captures: the second begins later, and after 2.1 s nothing happens for an hour.
    let first = pcap(&directory, "first", &[0, 300, 900, 1100, 2100, 3_602_000]);
    let second = pcap(&directory, "second", &[1500, 1600]);
    let config = ReplayConfig {
        interval: Some(Duration::from_secs(1)),
        ..config(&[first, second])
    };

    let mut shown = Shown::default();
    let survey = replay(&config, &mut shown).unwrap();

    assert_eq!(shown.ends, [900, 1600, 2100].map(at));
    assert_eq!((survey.start, survey.end), (at(0), at(3_602_000)));
    assert_eq!(shown.finished, 1);
}

#[test]
fn cut_capture_is_analysed_and_the_note_says_how_far_it_goes() {
    let directory = tempfile::tempdir().unwrap();
    let whole = pcap(&directory, "whole", &[0, 100, 200]);
    let octets = fs::read(&whole).unwrap();
    let cut = directory.path().join("cut.pcap");
    fs::write(&cut, &octets[..octets.len() - 5]).unwrap();

    let survey = replay(&config(&[cut]), &mut Shown::default()).unwrap();

    assert_eq!(survey.end, at(100));
    assert_eq!(
        survey.sources[0].notes,
        [
            "the capture is cut off behind packet 2, at octet 188: everything before that is analysed, nothing of it is lost"
        ]
    );
}

#[test]
fn assumed_direction_and_disorder_are_noted() {
    let directory = tempfile::tempdir().unwrap();
    let fragment = udp()
        .data_len(100)
        .in_ipv4(SERVER, CLIENT)
        .first_fragment()
        .frame();
    let path = directory.path().join("disorder.pcap");
    write_pcap(&path, &[500, 0], &fragment);

    let survey = replay(&config(&[path]), &mut Shown::default()).unwrap();

    let notes = &survey.sources[0].notes;
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].starts_with("2 of 2 packets belong to no connection"));
    assert!(notes[1].starts_with("1 of 2 packets stand more than 100 ms too late"));
}

#[test]
fn capture_without_packets_is_no_error_but_noted() {
    let directory = tempfile::tempdir().unwrap();
    let empty = pcap(&directory, "empty", &[]);

    let survey = replay(&config(&[empty]), &mut Shown::default()).unwrap();

    assert_eq!(survey.sources[0].notes, ["the capture holds no packets"]);
}

#[test]
fn interfaces_without_ip_are_an_error_only_when_there_is_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let radio = DataLink::IEEE802_11_RADIOTAP;
    let only = pcapng(&directory, "only", &[radio, radio]);
    let mixed = pcapng(&directory, "mixed", &[radio, DataLink::ETHERNET]);

    let error = replay(&config(&[only]), &mut Shown::default()).unwrap_err();
    assert!(matches!(
        error,
        ReplayError::Capture(CaptureError::LinkType { .. })
    ));
    let survey = replay(&config(&[mixed]), &mut Shown::default()).unwrap();
    assert_eq!(
        survey.sources[0].notes,
        ["1 of 2 packets are of link type IEEE802_11_RADIOTAP (127), and were not looked into"]
    );
}

#[test]
fn filter_leaves_out_what_it_does_not_admit_and_the_report_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let file = pcap(&directory, "file", &[0, 1000, 5000]);
    let server = format!("{SERVER}");
    for (remote, ports, syns, decided) in [
        (server.as_str(), &[][..], 3, 2),
        ("198.18.0.0/15", &[], 0, 0),
        ("0.0.0.0/0", &[443], 3, 2),
        ("0.0.0.0/0", &[4443], 3, 0),
    ] {
        let mut config = config(std::slice::from_ref(&file));
        config.filter.remotes = vec![remote.parse().unwrap()];
        config.filter.ports = ports.to_vec();
        let survey = replay(&config, &mut Shown::default()).unwrap();
        let remotes = &survey.sources[0].diagnosis.remotes;
        let sum = |value: fn(&RemoteCounters) -> u64| -> u64 {
            remotes.iter().map(|remote| value(&remote.counters)).sum()
        };
        assert_eq!(
            sum(|counters| counters.syn_sent),
            syns,
            "{remote} {ports:?}"
        );
        let dropped = sum(|counters| counters.syn_predicted_pass_dropped);
        assert_eq!(dropped, decided, "{remote} {ports:?}");
        let note = &survey.sources[0].notes[0];
        let start = "a filter is on: only remote hosts in ";
        assert!(note.starts_with(start), "{note}");
    }
}

#[test]
fn missing_file_is_named() {
    let error = replay(&config(&["no/such/file".into()]), &mut Shown::default()).unwrap_err();
    assert_eq!(error.to_string(), "cannot open capture `no/such/file`");
}

#[test]
fn view_that_cannot_write_ends_the_replay() {
    let directory = tempfile::tempdir().unwrap();
    let file = pcap(&directory, "file", &[0]);
    let error = replay(&config(&[file]), &mut ClosedPipe).unwrap_err();
    assert!(matches!(error, ReplayError::View(_)));
}

/// What a view was shown.
#[derive(Default)]
struct Shown {
    ends: Vec<Timestamp>,
    finished: usize,
}

impl View for Shown {
    fn interim(&mut self, survey: Survey) -> io::Result<()> {
        self.ends.push(survey.end);
        Ok(())
    }

    fn finish(&mut self, _survey: &Survey) -> io::Result<()> {
        self.finished += 1;
        Ok(())
    }
}

struct ClosedPipe;

impl View for ClosedPipe {
    fn interim(&mut self, _survey: Survey) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn finish(&mut self, _survey: &Survey) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

fn config(files: &[PathBuf]) -> ReplayConfig {
    ReplayConfig {
        names: false,
        files: files.to_vec(),
        filter: Filter::default(),
        local: Vec::new(),
        interval: None,
        top: Top::All,
    }
}

fn at(millis: u64) -> Timestamp {
    let time = START + Duration::from_millis(millis);
    Timestamp(u64::try_from(time.as_nanos()).unwrap())
}

/// Writes SYNs, at these milliseconds.
fn pcap(directory: &TempDir, name: &str, times_ms: &[u64]) -> PathBuf {
    let path = directory.path().join(name).with_extension("pcap");
    write_pcap(&path, times_ms, &syn());
    path
}

fn write_pcap(path: &Path, times_ms: &[u64], frame: &[u8]) {
    let file = fs::File::create(path).unwrap();
    let mut writer = PcapWriter::new(file).unwrap();
    let wire_len = u32::try_from(frame.len()).unwrap();
    for time_ms in times_ms {
        let time = START + Duration::from_millis(*time_ms);
        writer
            .write_packet(&PcapPacket::new(time, wire_len, frame).unwrap())
            .unwrap();
    }
}

/// Writes one SYN on each of these interfaces.
fn pcapng(directory: &TempDir, name: &str, links: &[DataLink]) -> PathBuf {
    let path = directory.path().join(name).with_extension("pcapng");
    let mut writer = PcapNgWriter::new(fs::File::create(&path).unwrap()).unwrap();
    for link in links {
        writer
            .write_pcapng_block(InterfaceDescriptionBlock::new(*link, 0))
            .unwrap();
    }
    for interface_id in 0..u32::try_from(links.len()).unwrap() {
        let block = EnhancedPacketBlock {
            interface_id,
            timestamp: START,
            original_len: u32::try_from(syn().len()).unwrap(),
            data: syn().into(),
            options: Vec::new(),
        };
        writer.write_pcapng_block(block).unwrap();
    }
    path
}

fn syn() -> Vec<u8> {
    tcp().syn().timestamps(7, 0).in_ipv4(CLIENT, SERVER).frame()
}
