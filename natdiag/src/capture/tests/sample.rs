//! A conversation in every form that a capture may have.

use std::{io::Cursor, time::Duration};

use natdiag_common::testkit::{
    CLIENT, CLIENT_V6, Packet, Payload, SERVER, SERVER_V6, Segment, fragmentation_needed, tcp, udp,
};
use pcap_file::{
    DataLink, Endianness,
    pcap::{PcapHeader, PcapPacket, PcapTsResolution, PcapWriter},
    pcapng::{
        PcapNgWriter,
        blocks::{
            enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption},
            interface_description::{
                InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
            },
        },
    },
};

use crate::{
    capture::{Capture, CaptureError, CapturedPacket},
    event::Timestamp,
};

/// A frame and when it was seen.
pub(super) type Seen = (Duration, Vec<u8>);

/// What a capture gave, packet by packet.
pub(super) fn packets(capture: &mut Capture) -> Vec<Seen> {
    let mut packets = Vec::new();
    while let Some(packet) = capture.packet() {
        packets.push(seen(&packet));
        capture.advance();
    }
    packets
}

fn seen(packet: &CapturedPacket<'_>) -> Seen {
    let Timestamp(time_ns) = packet.time;
    (Duration::from_nanos(time_ns), packet.frame.octets.to_vec())
}

/// Opens what a file would hold.
pub(super) fn open(octets: &[u8]) -> Result<Capture, CaptureError> {
    Capture::read(
        "test.pcap".to_owned(),
        Box::new(Cursor::new(octets.to_vec())),
    )
}

/// A handshake, fragments of TCP and UDP, a RST and an `ICMP` error, 12.5 ms apart; Ethernet.
pub(super) fn conversation() -> Vec<Seen> {
    let up = |segment: Segment| segment.ports(40000, 80);
    let down = |segment: Segment| segment.ports(80, 40000);
    let big = down(tcp().data_len(3000)).in_ipv4(SERVER, CLIENT);
    let mut frames = vec![
        up(tcp().syn().timestamps(7, 0))
            .in_ipv4(CLIENT, SERVER)
            .frame(),
        down(tcp().flags(0x12).timestamps(9, 7))
            .in_ipv4(SERVER, CLIENT)
            .frame(),
        up(tcp().flags(0x10).timestamps(8, 9))
            .in_ipv4(CLIENT, SERVER)
            .frame(),
    ];
    frames.extend(big.fragments(1400).iter().map(Packet::frame));
    let datagram = udp().data_len(4000).in_ipv6(SERVER_V6, CLIENT_V6);
    frames.push(
        up(tcp().syn())
            .in_ipv6(CLIENT_V6, SERVER_V6)
            .vlan(5)
            .frame(),
    );
    frames.extend(datagram.fragments(1280).iter().map(Packet::frame));
    frames.push(
        down(tcp().flags(0x14).seq(0))
            .in_ipv6(SERVER_V6, CLIENT_V6)
            .frame(),
    );
    frames.push(down(tcp().rst().seq(77)).in_ipv4(SERVER, CLIENT).frame());
    let quoted = up(tcp().data_len(1400)).in_ipv4(CLIENT, SERVER).octets();
    frames.push(
        fragmentation_needed(1400, &quoted)
            .in_ipv4(SERVER, CLIENT)
            .frame(),
    );
    (0..)
        .map(|number| Duration::from_micros(1_700_000_000_000_000 + number * 12_500))
        .zip(frames)
        .collect()
}

/// The conversation with another link header than that of Ethernet. Link types for one version of IP get packets of
/// that only.
pub(super) fn with_link_header(link_type: u32) -> Vec<Seen> {
    let packets = conversation().into_iter().filter_map(|(time, frame)| {
        let is_tagged = frame[12..14] == [0x81, 0x00];
        let packet = &frame[if is_tagged { 18 } else { 14 }..];
        let is_v4 = packet[0] >> 4 == 4;
        let ether_type = if is_v4 { [0x08, 0x00] } else { [0x86, 0xdd] };
        // tshark knows the numbers of the BSDs: that of Darwin.
        let family = if is_v4 { 2 } else { 30 };
        let header = match link_type {
            12 | 101 => Vec::new(),
            228 if is_v4 => Vec::new(),
            229 if !is_v4 => Vec::new(),
            0 => vec![family, 0, 0, 0],
            // That of OpenBSD, in network byte order.
            108 => vec![0, 0, 0, if is_v4 { 2 } else { 24 }],
            113 => [&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0][..], &ether_type].concat(),
            276 => {
                let rest = [0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
                [&ether_type[..], &rest].concat()
            }
            9 | 50 => vec![0xff, 0x03, 0, if is_v4 { 0x21 } else { 0x57 }],
            51 => {
                let len = u16::try_from(packet.len() + 2).unwrap().to_be_bytes();
                let protocol = [0, if is_v4 { 0x21 } else { 0x57 }];
                [&[0x11, 0, 0, 7][..], &len, &protocol].concat()
            }
            104 => [&[0x0f, 0][..], &ether_type].concat(),
            226 => {
                let family = if is_v4 { 2 } else { 26 };
                let len = u32::try_from(packet.len()).unwrap().to_be_bytes();
                [&[1, family, 0, 0][..], &len, &[0, 0, 0, 3], &[0; 12]].concat()
            }
            239 => nflog(ether_type, packet.len()),
            258 => pktap(if is_tagged { 1 } else { 12 }),
            _ => return None,
        };
        if link_type == 258 && is_tagged {
            return Some((time, [header, frame].concat()));
        }
        Some((time, [&header, packet].concat()))
    });
    packets.collect()
}

/// What `NFLOG` puts before a packet that was logged as it arrived by interface 3, on a little-endian machine.
fn nflog(ether_type: [u8; 2], packet_len: usize) -> Vec<u8> {
    let family = if ether_type == [0x08, 0x00] { 2 } else { 10 };
    let len = u16::try_from(4 + packet_len).unwrap().to_le_bytes();
    [
        &[family, 0, 0, 5, 8, 0, 1, 0][..],
        &ether_type,
        &[1, 0, 8, 0, 4, 0, 0, 0, 0, 3, 5, 0, 10, 0, 0, 0, 0, 0],
        &len,
        &[9, 0],
    ]
    .concat()
}

/// What `PKTAP` puts before a packet with this link header, seen at en0.
fn pktap(link_type: u8) -> Vec<u8> {
    let mut header = vec![0; 108];
    (header[0], header[4], header[8], header[36]) = (108, 1, link_type, 1);
    header[12..15].copy_from_slice(b"en0");
    header
}

/// A pcap file.
pub(super) fn pcap(
    packets: &[Seen],
    endianness: Endianness,
    ts_resolution: PcapTsResolution,
) -> Vec<u8> {
    let header = PcapHeader {
        endianness,
        ts_resolution,
        ..PcapHeader::default()
    };
    pcap_with_header(packets, header)
}

/// A pcap file, whose frames have lost what is behind the snap length.
pub(super) fn pcap_with_header(packets: &[Seen], header: PcapHeader) -> Vec<u8> {
    let mut writer = PcapWriter::with_header(Vec::new(), header).unwrap();
    for (time, frame) in packets {
        let kept = &frame[..frame.len().min(header.snaplen as usize)];
        let wire_len = u32::try_from(frame.len()).unwrap();
        writer
            .write_packet(&PcapPacket::new(*time, wire_len, kept).unwrap())
            .unwrap();
    }
    writer.into_inner()
}

/// A section of a pcapng file with one Ethernet interface.
pub(super) fn pcapng(
    packets: &[Seen],
    endianness: Endianness,
    ts_resolution: InterfaceTsResolution,
    ts_offset_s: i64,
) -> Vec<u8> {
    let mut interface = InterfaceDescriptionBlock::new(DataLink::ETHERNET, 0);
    interface.options = vec![
        InterfaceDescriptionOption::IfName("eth0".into()),
        InterfaceDescriptionOption::IfTsResol(ts_resolution),
        InterfaceDescriptionOption::IfTsOffset(ts_offset_s),
    ];
    let mut writer = PcapNgWriter::with_endianness(Vec::new(), endianness).unwrap();
    writer.write_pcapng_block(interface).unwrap();
    for (time, frame) in packets {
        writer
            .write_pcapng_block(enhanced(0, *time, frame, None))
            .unwrap();
    }
    writer.into_inner()
}

/// An Enhanced Packet Block.
pub(super) fn enhanced(
    interface_id: u32,
    timestamp: Duration,
    frame: &[u8],
    flags: Option<u32>,
) -> EnhancedPacketBlock<'static> {
    EnhancedPacketBlock {
        interface_id,
        timestamp,
        original_len: u32::try_from(frame.len()).unwrap(),
        data: frame.to_vec().into(),
        options: flags.into_iter().map(EnhancedPacketOption::Flags).collect(),
    }
}
