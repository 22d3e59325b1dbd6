//! Healthy conversations out of the captures of real servers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Read as _,
    path::Path,
};

use flate2::read::MultiGzDecoder;
use natdiag_common::wire::tcp::{FIN, RST, SYN};
use pcap_file::pcap::PcapReader;

use crate::{
    frame::{ETHERNET_LEN, header_len},
    packet::Packet,
};

/// Captures in which many connections lived.
const CAPTURES: [&str; 6] = [
    "k4.9-B-recycle0-2cli-pub",
    "k4.9-D-client-closes-pub",
    "k4.9-G-1cli-pub",
    "k4.9-K-same-clock-2cli-pub",
    "k4.9-C-cli2-nots-pub",
    "k3.10-C-cli2-nots-pub",
];

/// What identifies a connection: the octets of both addresses and ports, the lower end first.
type Ends = [[u8; 6]; 2];

/// The healthy conversations of each capture, each with its packets in their order.
pub(crate) fn captures() -> Vec<(&'static str, Vec<Vec<Packet>>)> {
    CAPTURES.map(|name| (name, conversations(name))).into()
}

fn conversations(name: &str) -> Vec<Vec<Packet>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/captures")
        .join(name)
        .join("in.pcap.gz");
    let mut octets = Vec::new();
    MultiGzDecoder::new(File::open(file).unwrap())
        .read_to_end(&mut octets)
        .unwrap();
    let mut reader = PcapReader::new(&octets[..]).unwrap();
    let mut conversations: BTreeMap<Ends, Vec<(Segment, Packet)>> = BTreeMap::new();
    let mut order = Vec::new();
    while let Some(packet) = reader.next_packet() {
        let packet = packet.unwrap();
        let Some(segment) = Segment::of(packet.data()) else {
            continue;
        };
        let mut ends = [segment.source, segment.destination];
        ends.sort_unstable();
        let conversation = conversations.entry(ends).or_insert_with(|| {
            order.push(ends);
            Vec::new()
        });
        let opener = conversation
            .first()
            .map_or(segment.source, |(first, _)| first.source);
        let is_ours = segment.source == opener;
        let packet = Packet::new(
            packet.timestamp(),
            packet.data().to_vec(),
            is_ours,
            segment.flags,
        );
        conversation.push((segment, packet));
    }
    order
        .iter()
        .filter_map(|ends| conversations.remove(ends))
        .filter(|conversation| is_healthy(conversation))
        .map(|conversation| conversation.into_iter().map(|(_, packet)| packet).collect())
        .collect()
}

/// What a TCP header says.
struct Segment {
    source: [u8; 6],
    destination: [u8; 6],
    seq: u32,
    flags: u8,
    /// Octets of data, and one each for SYN and FIN.
    octets: usize,
}

impl Segment {
    /// Reads a segment in IPv4 over Ethernet.
    fn of(frame: &[u8]) -> Option<Self> {
        let packet = &frame[ETHERNET_LEN..];
        if frame[12..ETHERNET_LEN] != [8, 0] || packet[9] != 6 {
            return None;
        }
        let total_len = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
        let tcp = &packet[header_len(packet)..total_len];
        let end = |address: usize, port: usize| {
            let octets = [&packet[address..address + 4], &tcp[port..port + 2]].concat();
            octets.try_into().unwrap()
        };
        let flags = tcp[13];
        let data = tcp.len() - usize::from(tcp[12] >> 4) * 4;
        let more = usize::from(flags & SYN != 0) + usize::from(flags & FIN != 0);
        Some(Self {
            source: end(12, 0),
            destination: end(16, 2),
            seq: u32::from_be_bytes(tcp[4..8].try_into().unwrap()),
            flags,
            octets: data + more,
        })
    }
}

/// Whether it begins with a SYN, is closed by both sides, and nothing was sent twice or reset.
fn is_healthy(conversation: &[(Segment, Packet)]) -> bool {
    let mut sent = BTreeSet::new();
    let has_repeats = conversation
        .iter()
        .filter(|(segment, _)| segment.octets > 0)
        .any(|(segment, packet)| !sent.insert((packet.is_ours, segment.seq)));
    let closed = |ours| {
        conversation
            .iter()
            .any(|(segment, packet)| packet.is_ours == ours && segment.flags & FIN != 0)
    };
    let is_reset = conversation
        .iter()
        .any(|(segment, _)| segment.flags & RST != 0);
    let syns = conversation.iter().filter(|(_, packet)| packet.is_syn());
    let begins = conversation.first();
    // A port that is used again opens another connection.
    begins.is_some_and(|(_, packet)| packet.is_syn())
        && syns.count() == 1
        && closed(true)
        && closed(false)
        && !has_repeats
        && !is_reset
}
