//! Every form of a capture gives the same packets.

use std::{io::Write, time::Duration};

use flate2::{Compression, write::GzEncoder};
use natdiag_common::{Direction, testkit::ethernet};
use pcap_file::{
    DataLink, Endianness,
    pcap::PcapTsResolution,
    pcapng::{
        PcapNgWriter,
        blocks::{
            interface_description::{InterfaceDescriptionBlock, InterfaceTsResolution},
            packet::PacketBlock,
            simple_packet::SimplePacketBlock,
        },
    },
};

use super::sample::{Seen, conversation, enhanced, open, packets, pcap, pcapng};
use crate::capture::Ending;

#[test]
fn every_format_and_byte_order_gives_the_same_packets() {
    let want = conversation();
    for endianness in [Endianness::Big, Endianness::Little] {
        for resolution in [PcapTsResolution::MicroSecond, PcapTsResolution::NanoSecond] {
            let file = pcap(&want, endianness, resolution);
            let name = format!("pcap, {endianness:?}, {resolution:?}");
            assert_gives(&file, &want, &name);
        }
        for (resolution, offset_s) in [
            (InterfaceTsResolution::MICRO, 0),
            (InterfaceTsResolution::NANO, 1_600_000_000),
            (InterfaceTsResolution::NANO, -3600),
        ] {
            let file = pcapng(&want, endianness, resolution, offset_s);
            let name = format!("pcapng, {endianness:?}, {resolution}, {offset_s} s");
            assert_gives(&file, &want, &name);
        }
    }
}

#[test]
fn binary_time_unit_is_understood() {
    let resolution = InterfaceTsResolution::new(true, 20).unwrap();
    let half = [(Duration::from_millis(1_700_000_000_500), vec![0; 60])];
    assert_gives(
        &pcapng(&half, Endianness::Little, resolution, 0),
        &half,
        "2^-20 s",
    );
}

#[test]
fn gzip_is_known_by_its_first_octets_also_in_several_members() {
    let want = conversation();
    let file = pcapng(&want, Endianness::Little, InterfaceTsResolution::NANO, 0);
    let (first, second) = file.split_at(777);
    let members = [gzip(first), gzip(second)].concat();
    assert_gives(&gzip(&file), &want, "one member");
    assert_gives(&members, &want, "two members");
}

#[test]
fn sections_have_their_own_byte_order_and_interfaces() {
    let want = conversation();
    let (early, late) = want.split_at(3);
    let file = [
        pcapng(early, Endianness::Big, InterfaceTsResolution::MICRO, 0),
        pcapng(late, Endianness::Little, InterfaceTsResolution::NANO, 7),
    ]
    .concat();
    assert_gives(&file, &want, "two sections");
}

#[test]
fn interfaces_have_their_own_link_type_and_packets_their_direction() {
    let time = Duration::from_secs(1_700_000_000);
    let mut writer = PcapNgWriter::new(Vec::new()).unwrap();
    for link_type in [DataLink::ETHERNET, DataLink::RAW, DataLink::LINUX_SLL2] {
        let interface = InterfaceDescriptionBlock::new(link_type, 0);
        writer.write_pcapng_block(interface).unwrap();
    }
    for (interface, flags) in [(0, Some(1)), (1, Some(2)), (2, Some(0)), (1, None)] {
        let block = enhanced(interface, time, &[0x45; 30], flags);
        writer.write_pcapng_block(block).unwrap();
    }
    let mut capture = open(&writer.into_inner()).unwrap();
    let mut found = Vec::new();
    while let Some(packet) = capture.packet() {
        found.push((packet.link_type, packet.direction));
        capture.advance();
    }
    assert_eq!(
        found,
        [
            (1, Some(Direction::Ingress)),
            (101, Some(Direction::Egress)),
            (276, None),
            (101, None)
        ]
    );
}

#[test]
fn older_packet_blocks_are_read_and_those_without_time_get_that_of_the_last() {
    let time = Duration::from_secs(1_700_000_000);
    let frame = ethernet(0x0806, &[0; 41]);
    let mut writer = PcapNgWriter::new(Vec::new()).unwrap();
    let interface = InterfaceDescriptionBlock::new(DataLink::ETHERNET, 50);
    writer.write_pcapng_block(interface).unwrap();
    let packet = PacketBlock {
        interface_id: 0,
        drop_count: 0,
        timestamp: time,
        original_len: 55,
        data: frame.clone().into(),
        options: Vec::new(),
    };
    writer.write_pcapng_block(packet).unwrap();
    let packet = SimplePacketBlock {
        original_len: 55,
        data: frame[..50].to_vec().into(),
    };
    writer.write_pcapng_block(packet).unwrap();

    let mut capture = open(&writer.into_inner()).unwrap();

    let want = [(time, frame.clone()), (time, frame[..50].to_vec())];
    assert_eq!(packets(&mut capture), want);
    assert_eq!(capture.progress().untimed, 1);
}

fn assert_gives(file: &[u8], want: &[Seen], name: &str) {
    let mut capture = open(file).unwrap();
    assert_eq!(packets(&mut capture), want, "{name}");
    assert!(matches!(capture.ending(), Ending::Complete), "{name}");
    assert_eq!(capture.progress().packets, want.len() as u64, "{name}");
}

fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}
