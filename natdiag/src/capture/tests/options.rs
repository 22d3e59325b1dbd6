//! Options that cannot be read cost no packet.

use std::time::Duration;

use pcap_file::{Endianness, pcapng::blocks::interface_description::InterfaceTsResolution};

use super::sample::{conversation, open, packets, pcapng};
use crate::capture::Ending;

/// Text in Latin-1: no UTF-8.
const LATIN: &[u8] = b"caf\xe9";

/// An option, with its padding.
fn option(code: u16, value: &[u8], is_big: bool) -> Vec<u8> {
    let len = u16::try_from(value.len()).unwrap();
    let words = if is_big {
        [code.to_be_bytes(), len.to_be_bytes()]
    } else {
        [code.to_le_bytes(), len.to_le_bytes()]
    };
    let mut octets = [&words.concat(), value].concat();
    octets.resize(octets.len().next_multiple_of(4), 0);
    octets
}

/// Adds options to every block of these types, before those that are there or, where there are none, at the end.
fn with_option(file: &[u8], types: &[u32], octets: &[u8], is_big: bool) -> Vec<u8> {
    let number = |at: usize| {
        let octets = file[at..at + 4].try_into().unwrap();
        if is_big {
            u32::from_be_bytes(octets)
        } else {
            u32::from_le_bytes(octets)
        }
    };
    let (mut at, mut out) = (0, Vec::new());
    while at < file.len() {
        let (kind, len) = (number(at), number(at + 4) as usize);
        let mut block = file[at..at + len].to_vec();
        if types.contains(&kind) {
            let place = match kind {
                0x0a0d_0d0a => 24,
                1 => 16,
                _ => len - 4,
            };
            block.splice(place..place, octets.iter().copied());
            let len = u32::try_from(block.len()).unwrap();
            let len = if is_big {
                len.to_be_bytes()
            } else {
                len.to_le_bytes()
            };
            let end = block.len() - 4;
            block[4..8].copy_from_slice(&len);
            block[end..].copy_from_slice(&len);
        }
        out.extend(block);
        at += len;
    }
    out
}

#[test]
fn no_packet_is_lost_for_an_option() {
    let want = conversation();
    for (endianness, is_big) in [(Endianness::Big, true), (Endianness::Little, false)] {
        let file = pcapng(&want, endianness, InterfaceTsResolution::NANO, 7);
        for (name, types, octets) in [
            ("comment of packets", &[6][..], option(1, LATIN, is_big)),
            (
                "comment everywhere",
                &[0x0a0d_0d0a, 1, 6],
                option(1, LATIN, is_big),
            ),
            (
                "name of the machine",
                &[0x0a0d_0d0a],
                option(2, LATIN, is_big),
            ),
            ("program", &[0x0a0d_0d0a], option(4, LATIN, is_big)),
            ("description", &[1], option(3, LATIN, is_big)),
            ("filter", &[1], option(11, b"\0\xff\xfe", is_big)),
            ("address of 3 octets", &[1], option(4, &[1, 2, 3], is_big)),
            ("speed of 2 octets", &[1], option(8, &[1, 2], is_big)),
            ("flags of 3 octets", &[6], option(2, &[1, 2, 3], is_big)),
            ("drops of 1 octet", &[6], option(4, &[1], is_big)),
        ] {
            let mut capture = open(&with_option(&file, types, &octets, is_big)).unwrap();
            assert_eq!(packets(&mut capture), want, "{name}, {endianness:?}");
            assert!(matches!(capture.ending(), Ending::Complete), "{name}");
            assert_eq!(capture.progress().damaged, 0, "{name}");
        }
    }
}

#[test]
fn flags_are_kept_where_a_comment_is_not() {
    let one = [(Duration::from_secs(1_700_000_000), vec![0; 60])];
    let file = pcapng(&one, Endianness::Little, InterfaceTsResolution::NANO, 0);
    let octets = [option(1, LATIN, false), option(2, &[2, 0, 0, 0], false)].concat();
    let capture = open(&with_option(&file, &[6], &octets, false)).unwrap();
    let direction = capture.packet().unwrap().direction;
    assert_eq!(direction, Some(natdiag_common::Direction::Egress));
}

#[test]
fn unknown_blocks_are_passed_over() {
    let want = conversation();
    let file = pcapng(&want, Endianness::Little, InterfaceTsResolution::NANO, 0);
    let (first, rest) = file.split_at(28);
    for kind in [2_u32, 4, 9, 10, 0x0bad, 0x8000_0001, 0x0000_0bae] {
        let block = [
            &kind.to_le_bytes()[..],
            &20_u32.to_le_bytes(),
            LATIN,
            &LATIN[..4],
            &20_u32.to_le_bytes(),
        ]
        .concat();
        let mut capture = open(&[first, &block, rest].concat()).unwrap();
        assert_eq!(packets(&mut capture), want, "{kind:#x}");
    }
}
