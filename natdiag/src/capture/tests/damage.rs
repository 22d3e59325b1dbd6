//! Captures that are cut off, damaged, or none.

use std::{io::Write, time::Duration};

use flate2::{Compression, write::GzEncoder};
use natdiag_common::{
    counter::{Counter, RemoteCounter},
    testkit::{CLIENT, Payload, Random, SERVER, tcp},
};
use pcap_file::{
    DataLink, Endianness,
    pcap::{PcapHeader, PcapTsResolution},
    pcapng::blocks::interface_description::InterfaceTsResolution,
};

use super::sample::{conversation, open, packets, pcap, pcap_with_header, pcapng};
use crate::capture::{Capture, CaptureError, Ending, Playback, dissect::Dissector};

#[test]
fn capture_cut_at_any_octet_gives_the_packets_before() {
    let all = conversation();
    let pcap = pcap(&all, Endianness::Little, PcapTsResolution::MicroSecond);
    let pcapng = pcapng(&all, Endianness::Big, InterfaceTsResolution::NANO, 0);
    for (name, file, header_len) in [("pcap", pcap, 24), ("pcapng", pcapng, 28)] {
        for len in header_len..file.len() {
            let mut capture = open(&file[..len]).unwrap();
            let found = packets(&mut capture);
            assert_eq!(found, all[..found.len()], "{name} of {len} octets");
            let ends_with_a_packet = capture.progress().octets == len as u64;
            assert_eq!(
                matches!(capture.ending(), Ending::Complete),
                ends_with_a_packet,
                "{name} of {len} octets"
            );
        }
    }
}

#[test]
fn cut_gzip_gives_the_packets_before() {
    let all = conversation();
    let file = pcap(&all, Endianness::Little, PcapTsResolution::MicroSecond);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(&file).unwrap();
    let packed = encoder.finish().unwrap();

    let mut capture = open(&packed[..packed.len() / 2]).unwrap();

    let found = packets(&mut capture);
    assert!(!found.is_empty());
    assert_eq!(found, all[..found.len()]);
    assert!(matches!(capture.ending(), Ending::CutOff));
}

#[test]
fn gzip_that_gives_nothing_is_cut_and_not_empty() {
    let Err(error) = open(&[0x1f, 0x8b, 0x08, 0x00, 0x00]) else {
        panic!("there is nothing in it");
    };
    assert!(matches!(error, CaptureError::HeaderCut { .. }), "{error}");
}

#[test]
fn directory_is_no_capture_and_holds_some() {
    let directory = tempfile::tempdir().unwrap();
    let Err(error) = Capture::open(directory.path()) else {
        panic!("there is nothing in it");
    };
    let text = error.to_string();
    assert!(
        text.contains("is a directory; name the captures in it"),
        "{text}"
    );
}

#[test]
fn packet_of_impossible_length_ends_the_capture_there() {
    let all = conversation();
    let mut file = pcap(&all, Endianness::Little, PcapTsResolution::MicroSecond);
    let second = 24 + 16 + all[0].1.len();
    file[second + 11] = 0x7f;

    let mut capture = open(&file).unwrap();

    assert_eq!(packets(&mut capture), all[..1]);
    assert!(matches!(capture.ending(), Ending::Damaged(_)));
    assert_eq!(capture.progress().octets, second as u64);
}

#[test]
fn block_that_cannot_be_read_is_left_out_and_the_next_is_not() {
    let all = conversation();
    let mut file = pcapng(&all, Endianness::Little, InterfaceTsResolution::NANO, 0);
    let first = file.len()
        - all
            .iter()
            .map(|(_, frame)| 32 + frame.len().next_multiple_of(4))
            .sum::<usize>();
    // The interface that it names does not exist.
    file[first + 8] = 9;

    let mut capture = open(&file).unwrap();

    assert_eq!(packets(&mut capture), all[1..]);
    assert_eq!(capture.progress().damaged, 1);
}

#[test]
fn what_is_no_capture_is_refused_with_what_to_do() {
    let unknown_link = pcap_with_header(
        &[],
        PcapHeader {
            datalink: DataLink::IEEE802_11_RADIOTAP,
            ..PcapHeader::default()
        },
    );
    for (octets, want) in [
        (&b""[..], "capture `test.pcap` is empty;"),
        (b"\xa1", "begins with a1;"),
        (
            b"<html>",
            "begins with 3c 68 74 6d; convert it with `editcap",
        ),
        (
            b"\xd4\xc3\xb2\xa1\x02\0",
            "within its header, after 6 octets",
        ),
        (
            b"\x0a\x0d\x0d\x0a\x1c\0\0\0",
            "within its header, after 8 octets",
        ),
        (
            b"\x28\xb5\x2f\xfd\0\0",
            "use `zstd -dc test.pcap | natdiag replay -`",
        ),
        (
            b"\x0a\x0d\x0d\x0a\x1c\0\0\0\0\0\0\0\0",
            "header of capture `test.pcap` is damaged",
        ),
        (&unknown_link, "has link type IEEE802_11_RADIOTAP (127)"),
    ] {
        let error = open(octets).err().unwrap().to_string();
        assert!(error.contains(want), "{error}");
    }
}

#[test]
fn packet_that_the_capture_cut_is_not_malformed() {
    // Ethernet, IPv4 and TCP need 54 octets, and the timestamps 12 more.
    for (snaplen, syns, events) in [(33, 0, 0), (53, 0, 0), (54, 1, 0), (65, 1, 0), (66, 1, 1)] {
        let header = PcapHeader {
            snaplen,
            ..PcapHeader::default()
        };
        let mut capture = open(&pcap_with_header(&conversation()[..1], header)).unwrap();
        let mut dissector = Dissector::new(Vec::new());
        let mut found = (0, 0);
        while let Some(packet) = capture.packet() {
            let dissected = dissector.dissect(&packet);
            if let Some((_, counts)) = dissected.as_ref().and_then(|dissected| dissected.charge) {
                found.0 += counts.value(RemoteCounter::SynSent);
            }
            found.1 += u32::from(dissected.is_some_and(|dissected| dissected.record.is_some()));
            capture.advance();
        }
        assert_eq!(found, (syns, events), "snap length {snaplen}");
        assert_eq!(dissector.totals().malformed(), 0, "snap length {snaplen}");
        let missed = dissector.totals().value(Counter::MissedRecordsRing);
        assert_eq!(missed, u64::from(1 - events), "snap length {snaplen}");
        assert_eq!(dissector.omissions().cut, missed, "snap length {snaplen}");
    }
}

#[test]
fn syn_whose_options_the_capture_cut_is_undecided() {
    // The options end behind 66 octets. What is whole has a fate: the SYN-ACK answers it.
    let syn = tcp().ports(40000, 80).syn().seq(6).timestamps(7, 0);
    let syn_ack = tcp().ports(80, 40000).flags(0x12).ack(7).timestamps(9, 7);
    let handshake = [
        (Duration::from_secs(1), syn.in_ipv4(CLIENT, SERVER).frame()),
        (
            Duration::from_secs(1),
            syn_ack.in_ipv4(SERVER, CLIENT).frame(),
        ),
    ];
    for (snaplen, undecided) in [(54, 1), (65, 1), (66, 0)] {
        let header = PcapHeader {
            snaplen,
            ..PcapHeader::default()
        };
        let capture = open(&pcap_with_header(&handshake, header)).unwrap();
        let mut playback = Playback::new(capture, Vec::new());
        playback.play(None).unwrap();
        let survey = playback.survey(10);
        let [remote] = survey.diagnosis.remotes.as_slice() else {
            panic!("snap length {snaplen}: {:?}", survey.diagnosis.remotes);
        };
        let counters = &remote.counters;
        let found = (counters.syn_sent, counters.syn_undecided);
        assert_eq!(found, (1, undecided), "snap length {snaplen}");
    }
}

#[test]
fn mutated_captures_never_panic() {
    let all = conversation();
    let mut random = Random::new(7);
    for file in [
        pcap(&all, Endianness::Little, PcapTsResolution::MicroSecond),
        pcapng(&all, Endianness::Big, InterfaceTsResolution::NANO, 5),
    ] {
        for _ in 0..3_000 {
            let mut mutated = file.clone();
            for _ in 0..=random.below(4) {
                let place = random.below(mutated.len());
                mutated[place] = random.octet();
            }
            let Ok(mut capture) = open(&mutated) else {
                continue;
            };
            let mut dissector = Dissector::new(Vec::new());
            while let Some(packet) = capture.packet() {
                dissector.dissect(&packet);
                capture.advance();
            }
            assert!(capture.progress().packets <= all.len() as u64 * 2);
        }
    }
}
