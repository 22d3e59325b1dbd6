//! The elements of a pcapng file (draft-ietf-opsawg-pcapng): blocks, of which three kinds hold a packet.
//!
//! A packet block that cannot be read is left out and counted: its length says where the next one begins. Sections
//! and interfaces are remembered by the parser, each interface with its link type and the unit of its times.

use std::time::Duration;

use natdiag_common::Direction;
use pcap_file::pcapng::{
    Block, PcapNgParseError, PcapNgParser, RawBlock,
    blocks::{
        ENHANCED_PACKET_BLOCK, INTERFACE_STATISTIC_BLOCK, PACKET_BLOCK, SIMPLE_PACKET_BLOCK,
        enhanced_packet::EnhancedPacketOption, interface_statistics::InterfaceStatisticsOption,
        opt_common::CommonOption, packet::PacketOption,
    },
};

use super::element::{Content, Element, MAX_ELEMENT_LEN, Place, Stop};
use crate::{event::Timestamp, evidence::arrange::is_ours};

/// Type and length stand before the body of a block.
const BLOCK_HEADER_LEN: usize = 8;
/// Where the frame begins in an Enhanced Packet Block, and in its predecessor.
const FRAME_OFFSET: usize = BLOCK_HEADER_LEN + 20;
/// Where the frame begins in a Simple Packet Block.
const SIMPLE_FRAME_OFFSET: usize = BLOCK_HEADER_LEN + 4;

/// A pcapng file of which the first block has been read.
pub(super) struct PcapNg {
    parser: PcapNgParser,
}

impl PcapNg {
    /// Reads the first block, and returns its length too.
    pub(super) fn parse_header(octets: &[u8]) -> Result<(usize, Self), Stop> {
        let (rest, parser) = PcapNgParser::new(octets).map_err(stop)?;
        Ok((octets.len() - rest.len(), Self { parser }))
    }

    /// Reads the block that `octets` begin with.
    pub(super) fn parse(&mut self, octets: &[u8]) -> Result<Element, Stop> {
        let (rest, block) = self.parser.next_raw_block(octets).map_err(stop)?;
        let content = match block.type_ {
            ENHANCED_PACKET_BLOCK | PACKET_BLOCK | SIMPLE_PACKET_BLOCK => {
                self.place(block).map_or(Content::Damaged, Content::Packet)
            }
            INTERFACE_STATISTIC_BLOCK if self.is_evidence() => self.said(block),
            _ => Content::Other,
        };
        Ok(Element {
            len: octets.len() - rest.len(),
            content,
        })
    }

    /// Whether natdiag has kept this section as evidence.
    pub(super) fn is_evidence(&self) -> bool {
        is_ours(self.parser.section())
    }

    /// What evidence says beside its packets.
    fn said(&self, block: RawBlock<'_>) -> Content {
        let Ok(Block::InterfaceStatistics(said)) = block.try_into_block(self.parser.state()) else {
            return Content::Other;
        };
        let statement = said.options.iter().find_map(|option| match option {
            InterfaceStatisticsOption::Common(CommonOption::Comment(text)) => text.parse().ok(),
            _ => None,
        });
        Content::Said(timestamp(said.timestamp), statement.map(Box::new))
    }

    /// Finds the frame in a packet block.
    fn place(&self, block: RawBlock<'_>) -> Option<Place> {
        let block = block.try_into_block(self.parser.state()).ok()?;
        let (interface, start, len, wire_len, time, flags) = match &block {
            Block::EnhancedPacket(packet) => (
                packet.interface_id as usize,
                FRAME_OFFSET,
                packet.data.len(),
                packet.original_len,
                Some(packet.timestamp),
                packet.options.iter().find_map(|option| match option {
                    EnhancedPacketOption::Flags(flags) => Some(*flags),
                    EnhancedPacketOption::Hash(_)
                    | EnhancedPacketOption::DropCount(_)
                    | EnhancedPacketOption::Common(_) => None,
                }),
            ),
            Block::Packet(packet) => (
                usize::from(packet.interface_id),
                FRAME_OFFSET,
                packet.data.len(),
                packet.original_len,
                Some(packet.timestamp),
                packet.options.iter().find_map(|option| match option {
                    PacketOption::Flags(flags) => Some(*flags),
                    PacketOption::Hash(_) | PacketOption::Common(_) => None,
                }),
            ),
            Block::SimplePacket(packet) => (
                0,
                SIMPLE_FRAME_OFFSET,
                packet.data.len(),
                packet.original_len,
                None,
                None,
            ),
            Block::SectionHeader(_)
            | Block::InterfaceDescription(_)
            | Block::NameResolution(_)
            | Block::InterfaceStatistics(_)
            | Block::SystemdJournalExport(_)
            | Block::CustomCopiable(_)
            | Block::CustomNonCopiable(_)
            | Block::Unknown(_) => return None,
        };
        let interface = self.parser.interfaces().get(interface)?;
        Some(Place {
            start,
            len,
            wire_len: len.max(wire_len as usize),
            time: time.map(timestamp),
            link_type: interface.linktype.into(),
            direction: flags.and_then(direction),
        })
    }
}

/// Bits 0 and 1 of the flags word (section 4.3.1).
const fn direction(flags: u32) -> Option<Direction> {
    match flags & 0b11 {
        0b01 => Some(Direction::Ingress),
        0b10 => Some(Direction::Egress),
        _ => None,
    }
}

fn timestamp(since_1970: Duration) -> Timestamp {
    Timestamp(u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX))
}

fn stop(error: PcapNgParseError) -> Stop {
    match error {
        PcapNgParseError::IncompleteBuffer(needed, _) if needed > MAX_ELEMENT_LEN => Stop::Damaged(
            format!("a block of {needed} octets, more than any capture holds"),
        ),
        PcapNgParseError::IncompleteBuffer(..) => Stop::Incomplete,
        PcapNgParseError::InvalidFormat(error) => Stop::Damaged(error.to_string()),
        PcapNgParseError::BlockConversion(error) => Stop::Damaged(error.to_string()),
        PcapNgParseError::StateUpdate(error) => Stop::Damaged(error.to_string()),
    }
}
