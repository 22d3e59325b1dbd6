//! The elements of a pcap file (draft-ietf-opsawg-pcap): one header, then packets.
//!
//! Nothing is taken for wrong that leaves the next packet findable: not a length above the snap length, and not one
//! on the wire below the one kept. Programs that capture write both.

use pcap_file::pcap::{PcapParseError, PcapParser, PcapTsResolution};

use super::element::{Content, Element, Place, Stop};
use crate::event::Timestamp;

/// Octets before each packet.
const PACKET_HEADER_LEN: usize = 16;

/// Most octets of one packet; libpcap (`MAXIMUM_SNAPLEN`, pcap-int.h) and Wireshark take no more either.
const MAX_PACKET_LEN: usize = 262_144;

/// The lower half of the field names the link type; flags are above.
const LINK_TYPE_MASK: u32 = 0xffff;

/// Nanoseconds of a second.
const NS_PER_S: u64 = 1_000_000_000;

/// A pcap file of which the header has been read.
pub(super) struct Pcap {
    parser: PcapParser,
}

impl Pcap {
    /// Reads the header, and returns its length too.
    pub(super) fn parse_header(octets: &[u8]) -> Result<(usize, Self), Stop> {
        let (rest, parser) = PcapParser::new(octets).map_err(stop)?;
        Ok((octets.len() - rest.len(), Self { parser }))
    }

    /// What all packets begin with.
    pub(super) fn link_type(&self) -> u32 {
        u32::from(self.parser.header().datalink) & LINK_TYPE_MASK
    }

    /// Reads the packet that `octets` begin with.
    pub(super) fn parse(&self, octets: &[u8]) -> Result<Element, Stop> {
        let (rest, packet) = self.parser.next_raw_packet(octets).map_err(stop)?;
        let ns_per_unit = match self.parser.header().ts_resolution {
            PcapTsResolution::MicroSecond => 1_000,
            PcapTsResolution::NanoSecond => 1,
        };
        let time = u64::from(packet.ts_sec) * NS_PER_S + u64::from(packet.ts_frac) * ns_per_unit;
        let len = packet.data.len();
        if len > MAX_PACKET_LEN {
            return Err(too_long(len));
        }
        Ok(Element {
            len: octets.len() - rest.len(),
            content: Content::Packet(Place {
                start: PACKET_HEADER_LEN,
                len,
                wire_len: len.max(packet.orig_len as usize),
                time: Some(Timestamp(time)),
                link_type: self.link_type(),
                direction: None,
            }),
        })
    }
}

fn stop(error: PcapParseError) -> Stop {
    match error {
        PcapParseError::IncompleteBuffer(needed, _) if needed > MAX_PACKET_LEN => too_long(needed),
        PcapParseError::IncompleteBuffer(..) => Stop::Incomplete,
        PcapParseError::Validation(error) => Stop::Damaged(error.to_string()),
    }
}

fn too_long(len: usize) -> Stop {
    Stop::Damaged(format!(
        "a packet of {len} octets, more than any capture holds"
    ))
}
