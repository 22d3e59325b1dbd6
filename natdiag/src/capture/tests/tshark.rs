//! tshark, an independent reader, counts the same in the same files.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use natdiag_common::{
    counter::{Counter, RemoteCounter, RemoteCounts, Totals},
    wire::tcp::{ACK, RST, SYN},
};
use pcap_file::{
    Endianness,
    pcap::{PcapHeader, PcapTsResolution},
    pcapng::blocks::interface_description::InterfaceTsResolution,
};

use super::sample::{conversation, pcap, pcap_with_header, pcapng, with_link_header};
use crate::capture::{Capture, dissect::Dissector};

/// What both count.
const NAMES: [&str; 5] = ["packets", "SYN", "SYN-ACK", "RST", "fragments"];

/// Packets, SYNs, SYN-ACKs, RSTs and fragments.
type Counts = [u64; NAMES.len()];

#[test]
fn tshark_counts_the_same_in_real_captures() {
    if !tshark_is_here("tshark_counts_the_same_in_real_captures") {
        return;
    }
    let captures = real_captures();
    assert_eq!(captures.len(), 9);
    for path in captures {
        let name = path.display();
        let ours = our_counts(&path);
        assert!(
            ours.iter().take(3).all(|count| *count > 0),
            "{name}: {ours:?}"
        );
        assert_eq!(named(ours), named(their_counts(&path)), "{name}");
    }
}

#[test]
fn tshark_counts_the_same_in_every_format() {
    if !tshark_is_here("tshark_counts_the_same_in_every_format") {
        return;
    }
    let all = conversation();
    let snaplen = PcapHeader {
        snaplen: 96,
        ..PcapHeader::default()
    };
    let directory = tempfile::tempdir().unwrap();
    for (name, octets) in [
        (
            "nanoseconds.pcap",
            pcap(&all, Endianness::Big, PcapTsResolution::NanoSecond),
        ),
        ("snap-length.pcap", pcap_with_header(&all, snaplen)),
        (
            "sections.pcapng",
            [
                pcapng(&all, Endianness::Big, InterfaceTsResolution::NANO, 9),
                pcapng(&all, Endianness::Little, InterfaceTsResolution::MICRO, 0),
            ]
            .concat(),
        ),
    ] {
        let path = directory.path().join(name);
        fs::write(&path, octets).unwrap();
        let ours = our_counts(&path);
        assert!(ours.iter().all(|count| *count > 0), "{name}: {ours:?}");
        assert_eq!(named(ours), named(their_counts(&path)), "{name}");
    }
}

#[test]
fn tshark_counts_the_same_behind_every_link_header() {
    if !tshark_is_here("tshark_counts_the_same_behind_every_link_header") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    for link_type in [
        12, 101, 228, 229, 0, 108, 113, 276, 9, 50, 51, 104, 226, 239, 258,
    ] {
        let cut = match link_type {
            // tshark looks into no fragment that is cut where one of these two stands before it.
            226 | 239 => 65_535,
            // PKTAP alone takes 108.
            258 => 208,
            _ => 100,
        };
        for snaplen in [65_535, cut] {
            let header = PcapHeader {
                datalink: link_type.into(),
                snaplen,
                ts_resolution: PcapTsResolution::NanoSecond,
                ..PcapHeader::default()
            };
            let packets = with_link_header(link_type);
            let path = directory.path().join(format!("{link_type}.pcap"));
            fs::write(&path, pcap_with_header(&packets, header)).unwrap();
            let name = format!("link type {link_type}, {snaplen} octets");
            let ours = our_counts(&path);
            assert!(ours[1] > 0 && ours[4] > 0, "{name}: {ours:?}");
            assert_eq!(named(ours), named(their_counts(&path)), "{name}");
        }
    }
}

fn real_captures() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/captures");
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("in.pcap.gz"))
        .filter(|path| path.exists())
        .collect()
}

fn our_counts(path: &Path) -> Counts {
    let mut capture = Capture::open(path).unwrap();
    let mut dissector = Dissector::new(Vec::new());
    let mut sums = [0; RemoteCounter::COUNT];
    while let Some(packet) = capture.packet() {
        let dissected = dissector.dissect(&packet);
        if let Some((_, RemoteCounts { words })) = dissected.and_then(|dissected| dissected.charge)
        {
            for (sum, word) in sums.iter_mut().zip(words) {
                *sum += u64::from(word);
            }
        }
        capture.advance();
    }
    let sum = |counters: &[RemoteCounter]| -> u64 {
        counters.iter().map(|counter| sums[*counter as usize]).sum()
    };
    let fragments: u64 = sums[..RemoteCounter::SynSent as usize].iter().sum();
    [
        frames(dissector.totals()),
        sum(&[RemoteCounter::SynSent, RemoteCounter::SynReceived]),
        sum(&[RemoteCounter::SynAckSent, RemoteCounter::SynAckReceived]),
        sum(&[
            RemoteCounter::RstSent,
            RemoteCounter::RstAnsweringSyn,
            RemoteCounter::RstEstablished,
        ]),
        fragments,
    ]
}

fn frames(totals: &Totals) -> u64 {
    totals.value(Counter::PacketsIngress) + totals.value(Counter::PacketsEgress)
}

fn their_counts(path: &Path) -> Counts {
    const FIELDS: [&str; 5] = [
        "tcp.flags",
        "icmp.type",
        "ip.flags.mf",
        "ip.frag_offset",
        "ipv6.fraghdr.nxt",
    ];
    let output = Command::new("tshark")
        .args(["-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"])
        .args(["-T", "fields", "-E", "occurrence=f", "-E", "separator=,"])
        .args(FIELDS.iter().flat_map(|field| ["-e", field]))
        .arg("-r")
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut counts = [0; NAMES.len()];
    for row in String::from_utf8(output.stdout).unwrap().lines() {
        let fields: Vec<&str> = row.split(',').collect();
        let [flags, icmp, more, offset, fragment_header] = fields[..] else {
            panic!("{row}");
        };
        let is_fragment = more == "1" || !matches!(offset, "" | "0") || !fragment_header.is_empty();
        // An ICMP error's flags are those of the segment that it quotes.
        let flags = match (icmp, is_fragment, flags.strip_prefix("0x")) {
            ("", false, Some(flags)) => u8::from_str_radix(&flags[2..], 16).unwrap(),
            _ => 0,
        };
        let kinds = [
            true,
            flags & (SYN | ACK | RST) == SYN,
            flags & (SYN | ACK | RST) == SYN | ACK,
            flags & RST != 0,
            is_fragment,
        ];
        for (count, is_kind) in counts.iter_mut().zip(kinds) {
            *count += u64::from(is_kind);
        }
    }
    counts
}

fn named(counts: Counts) -> BTreeMap<&'static str, u64> {
    NAMES.into_iter().zip(counts).collect()
}

/// Says so where tshark is not installed: then the test has not run.
fn tshark_is_here(test: &str) -> bool {
    let version = Command::new("tshark")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let is_here = version.is_ok_and(|status| status.success());
    if !is_here {
        println!("SKIP {test}: tshark is not installed");
    }
    is_here
}
