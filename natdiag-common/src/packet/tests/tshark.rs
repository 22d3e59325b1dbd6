//! Fragments as tshark sees them: an independent reader of the same packets.

use std::{
    fs,
    process::{Command, Stdio},
};

use super::*;
use crate::testkit::{Random, pcap};

/// Fragment offset and More Fragments of one frame.
type Part = (u16, bool);

/// Offset of the second frame, a fragment of IPv4.
const SECOND_OFFSET: u16 = (600 - 24) & !7;

#[test]
fn tshark_sees_the_same_fragments() {
    if !tshark_is_here("tshark_sees_the_same_fragments") {
        return;
    }
    let frames = frames();
    let ours: Vec<Option<Part>> = frames.iter().map(|frame| part(frame)).collect();
    let fragments = ours.iter().flatten().count();
    assert!(fragments > 1000, "only {fragments} fragments");
    for (place, (theirs, ours)) in tshark_parts(&frames).iter().zip(&ours).enumerate() {
        let _evidence = Evidence::new("tshark", LinkType::Ethernet, &frames[place]);
        assert_eq!(theirs, ours, "frame {place}");
    }
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
        frames.extend(v4.fragments(mtu).iter().map(|packet| packet.frame()));
        frames.extend(v6.fragments(mtu).iter().map(|packet| packet.frame()));
    }
    frames.extend(fixture::all().into_iter().map(|fixture| fixture.frame));
    let mut random = Random::new(1);
    frames.extend((0..6000).map(|_| random.frame(LinkType::Ethernet)));
    // What natdiag cannot read tshark reads by rules of its own.
    frames.retain(|frame| parse_ethernet(frame).is_ok());
    frames
}

fn part(frame: &[u8]) -> Option<Part> {
    let fragment = parse_ethernet(frame).ok()??.fragment?;
    Some((fragment.offset_octets, fragment.more))
}

fn tshark_parts(frames: &[Vec<u8>]) -> Vec<Option<Part>> {
    let fields = [
        "ip.frag_offset",
        "ip.flags.mf",
        "ipv6.fraghdr.offset",
        "ipv6.fraghdr.more",
    ];
    let rows = run_tshark("fragments", frames, &fields);
    assert_eq!(rows.len(), frames.len());
    // Some versions give the offset of IPv4 in octets, others in units of eight.
    let second = rows.get(1).and_then(|row| tshark_part(row, 1));
    let unit = if second == Some((SECOND_OFFSET, true)) {
        1
    } else {
        8
    };
    rows.iter().map(|row| tshark_part(row, unit)).collect()
}

fn tshark_part(row: &str, unit: u16) -> Option<Part> {
    let [offset, more, offset_v6, more_v6] = row
        .split('\t')
        .collect::<Vec<_>>()
        .try_into()
        .expect("four fields");
    if !offset_v6.is_empty() {
        let units: u16 = offset_v6.parse().expect("an offset");
        return Some((units * 8, is_set(more_v6)));
    }
    if offset.is_empty() {
        return None;
    }
    let offset: u16 = offset.parse().expect("an offset");
    let part = (offset * unit, is_set(more));
    (part != (0, false)).then_some(part)
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
