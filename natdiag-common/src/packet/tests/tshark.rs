//! Fragments as tshark sees them: an independent reader of the same packets.

use std::{
    fs,
    process::{Command, Stdio},
};

use super::*;
use crate::testkit::{Packet, Random, pcap};

/// Fragment offset and More Fragments of one frame.
type Part = (u16, bool);

/// What tshark makes of one frame.
enum Reading {
    /// A fragment, or none.
    Part(Option<Part>),
    /// A chain of extension headers that tshark does not follow.
    NotFollowed,
}

/// Offset of the second frame, a fragment of IPv4.
const SECOND_OFFSET: u16 = (600 - 24) & !7;

#[test]
fn tshark_sees_the_same_fragments() {
    if !tshark_is_here("tshark_sees_the_same_fragments") {
        return;
    }
    let frames = frames();
    let ours: Vec<Option<Part>> = frames.iter().map(|frame| part(frame)).collect();
    let mut compared = 0;
    for (frame, (theirs, ours)) in frames
        .iter()
        .zip(tshark_readings(&frames).iter().zip(&ours))
    {
        let _evidence = Evidence::new("tshark", LinkType::Ethernet, frame);
        if let Reading::Part(theirs) = theirs {
            assert_eq!(theirs, ours);
            compared += usize::from(ours.is_some());
        }
    }
    assert!(compared > 1000, "only {compared} fragments compared");
}

#[test]
fn tshark_finds_no_wrong_checksum() {
    if !tshark_is_here("tshark_finds_no_wrong_checksum") {
        return;
    }
    let frames: Vec<Vec<u8>> = fixture::all().into_iter().map(|it| it.frame).collect();
    let rows = run_tshark(
        "checksums",
        &frames,
        &[
            "tcp.checksum.status",
            "udp.checksum.status",
            "ip.checksum.status",
            "icmp.checksum.status",
            "icmpv6.checksum.status",
        ],
    );
    let good = rows.iter().filter(|row| row.contains('1')).count();
    assert!(good > 30, "only {good} checksums seen");
    for (row, Fixture { name, .. }) in rows.iter().zip(fixture::all()) {
        assert!(!row.contains('0'), "{name}: {row}");
    }
}

/// Says so where tshark is not installed: then the test has not run.
fn tshark_is_here(test: &str) -> bool {
    let version = Command::new("tshark")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if version.is_err() {
        println!("SKIP {test}: tshark is not installed");
    }
    version.is_ok()
}

/// What a router makes of large packets, the fixtures, and many random frames.
fn frames() -> Vec<Vec<u8>> {
    let segment = tcp().ack(1).data_len(4000);
    let v4 = segment.in_ipv4(SERVER, CLIENT).options(&[1; 4]);
    let v6 = segment.in_ipv6(SERVER_V6, CLIENT_V6).hop_by_hop();
    let mut frames = Vec::new();
    for mtu in [600, 1280, 1400, 1500] {
        frames.extend(v4.fragments(mtu).iter().map(Packet::frame));
        frames.extend(v6.fragments(mtu).iter().map(Packet::frame));
    }
    frames.extend(fixture::all().into_iter().map(|fixture| fixture.frame));
    let mut random = Random::new(1);
    frames.extend((0..6000).map(|_| random.frame(LinkType::Ethernet)));
    // What natdiag cannot read, and IP within IP, tshark reads by rules of its own.
    frames.retain(|frame| match parse_ethernet(frame) {
        Ok(Some(packet)) => matches!(packet.protocol, 1 | 6 | 17 | 58),
        Ok(None) => true,
        Err(_) => false,
    });
    frames
}

fn part(frame: &[u8]) -> Option<Part> {
    let fragment = parse_ethernet(frame).ok()??.fragment?;
    Some((fragment.offset_octets, fragment.more))
}

fn tshark_readings(frames: &[Vec<u8>]) -> Vec<Reading> {
    let fields = [
        // To tshark these are the payload, whatever their Next Header says.
        "mip6.hlen",
        "hip.hdr_len",
        "shim6.len",
        "ip.frag_offset",
        "ip.flags.mf",
        "ipv6.fraghdr.offset",
        "ipv6.fraghdr.more",
    ];
    let rows = run_tshark("fragments", frames, &fields);
    assert_eq!(rows.len(), frames.len());
    // Some versions give the offset of IPv4 in octets, others in units of eight.
    let second = rows.get(1).map(|row| tshark_reading(row, 1));
    let unit = match second {
        Some(Reading::Part(Some((SECOND_OFFSET, true)))) => 1,
        _ => 8,
    };
    rows.iter().map(|row| tshark_reading(row, unit)).collect()
}

fn tshark_reading(row: &str, unit: u16) -> Reading {
    let [
        mobility,
        host_identity,
        shim6,
        offset,
        more,
        offset_v6,
        more_v6,
    ] = row
        .split('\t')
        .collect::<Vec<_>>()
        .try_into()
        .expect("seven fields");
    if ![mobility, host_identity, shim6].concat().is_empty() {
        return Reading::NotFollowed;
    }
    let part = |offset: &str, unit: u16, more: &str| {
        let offset: u16 = offset.parse().expect("an offset");
        (offset * unit, is_set(more))
    };
    if !offset_v6.is_empty() {
        return Reading::Part(Some(part(offset_v6, 8, more_v6)));
    }
    if offset.is_empty() {
        return Reading::Part(None);
    }
    let part = part(offset, unit, more);
    Reading::Part((part != (0, false)).then_some(part))
}

fn is_set(flag: &str) -> bool {
    matches!(flag, "1" | "True")
}

/// One line for each frame, with these fields of the outermost packet.
fn run_tshark(name: &str, frames: &[Vec<u8>], fields: &[&str]) -> Vec<String> {
    let path = pcap::directory().join(format!("tshark-{name}-{}.pcap", std::process::id()));
    pcap::write(&path, LinkType::Ethernet, frames).expect("the capture can be written");
    let mut tshark = Command::new("tshark");
    tshark
        .args(["-n", "-T", "fields", "-E", "occurrence=f", "-r"])
        .arg(&path);
    for preference in [
        "ip.defragment:FALSE",
        "ipv6.defragment:FALSE",
        "ip.check_checksum:TRUE",
        "tcp.check_checksum:TRUE",
        "udp.check_checksum:TRUE",
        "tcp.desegment_tcp_streams:FALSE",
        "tcp.analyze_sequence_numbers:FALSE",
    ] {
        tshark.args(["-o", preference]);
    }
    for field in fields {
        tshark.args(["-e", field]);
    }
    let output = tshark.output().expect("tshark runs");
    let text = String::from_utf8(output.stdout).expect("tshark writes UTF-8");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tshark: {error}");
    fs::remove_file(&path).expect("the capture can be removed");
    text.lines().map(str::to_owned).collect()
}
