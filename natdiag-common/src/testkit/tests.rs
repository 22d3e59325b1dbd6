//! Tests of the builder itself.

use std::{fs, path::Path};

use super::*;
use crate::{LinkType, packet::Fragment};

#[test]
fn checksum_is_that_of_rfc_1071() {
    let octets = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
    assert_eq!(field::checksum(&octets), !0xddf2);
    assert_eq!(field::checksum(&[0xff]), 0x00ff);
}

#[test]
fn a_packet_that_holds_its_checksum_sums_up_to_zero() {
    let octets = tcp().in_ipv4(CLIENT, SERVER).options(&[1; 7]).octets();
    assert_eq!(field::checksum(&octets[..28]), 0);
    let segment = tcp().data_len(33).in_ipv6(CLIENT_V6, SERVER_V6).octets();
    let addresses = Addresses::V6(CLIENT_V6, SERVER_V6);
    assert_eq!(addresses.checksum(6, &segment[40..]), 0);
}

#[test]
fn fragments_cover_the_datagram() {
    let segment = tcp().data_len(4000);
    let v4 = segment.in_ipv4(CLIENT, SERVER).options(&[1; 4]);
    let v6 = segment.in_ipv6(CLIENT_V6, SERVER_V6).hop_by_hop();
    for mtu in [68, 576, 1280, 1400, 1500, 3000] {
        check_fragments(mtu, &v4.fragments(mtu));
        check_fragments(mtu, &v6.fragments(mtu));
    }
    assert_eq!(v4.fragments(9000), [v4]);
}

fn check_fragments<H: packet::IpHeader>(mtu: usize, fragments: &[Packet<H>]) {
    let mut end = 0;
    let last = fragments.len() - 1;
    for (place, fragment) in fragments.iter().enumerate() {
        let frame = fragment.frame();
        assert!(frame.len() - 14 <= mtu.max(72));
        let packet = crate::packet::parse(frame.as_slice(), LinkType::Ethernet);
        let Ok(Some(packet)) = packet else {
            panic!("fragment {place} of MTU {mtu}: {packet:?}");
        };
        let Some(Fragment {
            offset_octets,
            more,
            data_octets,
        }) = packet.fragment
        else {
            panic!("no fragment: {packet:?}");
        };
        assert_eq!(u32::from(offset_octets), end);
        assert_eq!(more, place != last);
        end += data_octets;
    }
    assert_eq!(end, 4020);
}

#[test]
fn a_seed_gives_the_same_frames_again() {
    let frames = |seed| {
        let mut random = Random::new(seed);
        let frames = (0..50).map(|_| random.frame(LinkType::Ethernet));
        frames.collect::<Vec<_>>()
    };
    assert_eq!(frames(7), frames(7));
    assert_ne!(frames(7), frames(8));
}

#[test]
fn random_frames_are_of_all_kinds() {
    let mut random = Random::new(1);
    let (mut whole, mut fragments, mut malformed, mut not_ip) = (0, 0, 0, 0);
    for _ in 0..2000 {
        let frame = random.frame(LinkType::Ethernet);
        match crate::packet::parse(frame.as_slice(), LinkType::Ethernet) {
            Ok(Some(packet)) if packet.fragment.is_some() => fragments += 1,
            Ok(Some(_)) => whole += 1,
            Ok(None) => not_ip += 1,
            Err(_) => malformed += 1,
        }
    }
    for count in [whole, fragments, malformed, not_ip] {
        assert!(count > 20, "{whole} {fragments} {malformed} {not_ip}");
    }
}

#[test]
fn names_of_fixtures_are_unique() {
    let mut names: Vec<_> = fixture::all().iter().map(|it| it.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn a_capture_has_the_header_of_libpcap() {
    let capture = pcap::encode(LinkType::RawIp, &[vec![1, 2, 3]]);
    assert_eq!(capture.len(), 24 + 16 + 3);
    assert_eq!(capture[..4], 0xa1b2_c3d4_u32.to_ne_bytes());
    assert_eq!(
        capture[4..8],
        [2_u16.to_ne_bytes(), 4_u16.to_ne_bytes()].concat()
    );
    assert_eq!(capture[20..24], 101_u32.to_ne_bytes());
    assert_eq!(capture[40..], [1, 2, 3]);
}

/// What fuzzing found goes to `testdata/fuzz/TARGET/`, one file each, and stays found.
#[test]
fn what_fuzzing_found_stays_fixed() {
    replay("parse_frame", invariant::check_frame);
    replay("tcp_options", invariant::check_tcp_options);
}

fn replay(target: &str, check: impl Fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/fuzz");
    let files: Vec<_> = fs::read_dir(directory.join(target))
        .expect("the directory is part of the sources")
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    assert!(!files.is_empty(), "no files for {target}");
    for file in files {
        println!("{}", file.display());
        check(&fs::read(&file).expect("the file can be read"));
    }
}
