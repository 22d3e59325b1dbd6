//! A packet as a capture holds it, with what the mutations ask of it, and captures written from such packets.

use std::{fs, path::Path, time::Duration};

use natdiag_common::wire::tcp::{ACK, SYN};
use pcap_file::{
    Endianness,
    pcap::{PcapHeader, PcapPacket, PcapTsResolution, PcapWriter},
};

/// A packet of a TCP connection in an Ethernet frame.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// When it passed, since 1970.
    pub(crate) time: Duration,
    /// As much of the frame as the capture kept.
    pub(crate) frame: Vec<u8>,
    /// Octets that the frame had on the wire.
    pub(crate) wire_len: usize,
    /// Whether the end that opened the connection sent it.
    pub(crate) is_ours: bool,
    /// Its TCP flags.
    pub(crate) flags: u8,
}

impl Packet {
    /// A packet that is kept whole.
    pub(crate) fn new(time: Duration, frame: Vec<u8>, is_ours: bool, flags: u8) -> Self {
        Self {
            time,
            wire_len: frame.len(),
            frame,
            is_ours,
            flags,
        }
    }

    /// Whether it opens a connection.
    pub(crate) fn is_syn(&self) -> bool {
        self.flags & (SYN | ACK) == SYN
    }

    /// The same packet in another frame.
    pub(crate) fn reframed(&self, reframe: impl Fn(&[u8]) -> Vec<u8>) -> Self {
        let frame = reframe(&self.frame);
        Self {
            wire_len: frame.len(),
            frame,
            ..*self
        }
    }

    /// The same packet, seen later.
    pub(crate) fn later(&self, after: Duration) -> Self {
        Self {
            time: self.time + after,
            ..self.clone()
        }
    }

    /// The same packet of which a capture keeps this many octets.
    pub(crate) fn snapped(mut self, octets: usize) -> Self {
        self.frame.truncate(octets);
        self
    }
}

/// Puts packets into the order of their times; those of the same time stay as they are.
pub(crate) fn in_order(mut packets: Vec<Packet>) -> Vec<Packet> {
    packets.sort_by_key(|packet| packet.time);
    packets
}

/// Writes packets as they come, with times in nanoseconds.
pub(crate) fn write(path: &Path, packets: &[Packet]) {
    let header = PcapHeader {
        ts_resolution: PcapTsResolution::NanoSecond,
        endianness: Endianness::native(),
        ..PcapHeader::default()
    };
    let mut capture = Vec::new();
    let mut writer = PcapWriter::with_header(&mut capture, header).unwrap();
    for packet in packets {
        let wire_len = u32::try_from(packet.wire_len).unwrap();
        let packet = PcapPacket::new(packet.time, wire_len, &packet.frame).unwrap();
        writer.write_packet(&packet).unwrap();
    }
    fs::write(path, capture).unwrap();
}
