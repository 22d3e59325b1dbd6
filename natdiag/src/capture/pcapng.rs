//! The elements of a pcapng file (draft-ietf-opsawg-pcapng): blocks, of which three kinds hold a packet.
//!
//! Options that cannot be read are left out. A packet block that cannot be read without them is left out too, and
//! counted: its length says where the next one begins. Sections and interfaces are remembered by the parser, each
//! interface with its link type and the unit of its times.

use std::time::Duration;

use natdiag_common::Direction;
use pcap_file::{
    Endianness,
    pcapng::{
        Block, PcapNgParseError, PcapNgParser, RawBlock,
        blocks::{
            ENHANCED_PACKET_BLOCK, INTERFACE_STATISTIC_BLOCK, PACKET_BLOCK, SECTION_HEADER_BLOCK,
            SIMPLE_PACKET_BLOCK, enhanced_packet::EnhancedPacketOption,
            interface_statistics::InterfaceStatisticsOption, opt_common::CommonOption,
            packet::PacketOption,
        },
    },
};

use super::{
    element::{Content, Element, MAX_ELEMENT_LEN, Place, Stop},
    options::{Keep, without_options},
};
use crate::{event::Timestamp, evidence::arrange::is_ours};

/// Type and length stand before the body of a block.
const BLOCK_HEADER_LEN: usize = 8;
/// Where the frame begins in an Enhanced Packet Block, and in its predecessor.
const FRAME_OFFSET: usize = BLOCK_HEADER_LEN + 20;
/// Where the frame begins in a Simple Packet Block.
const SIMPLE_FRAME_OFFSET: usize = BLOCK_HEADER_LEN + 4;

/// Which options are kept when a block is read again.
const KEEPS: [Keep; 2] = [Keep::Needed, Keep::Nothing];

/// A pcapng file of which the first block has been read.
pub(super) struct PcapNg {
    parser: PcapNgParser,
}

impl PcapNg {
    /// Reads the first block, and returns its length too.
    pub(super) fn parse_header(octets: &[u8]) -> Result<(usize, Self), Stop> {
        let refused = match PcapNgParser::new(octets) {
            Ok((rest, parser)) => return Ok((octets.len() - rest.len(), Self { parser })),
            Err(error) => stop(error),
        };
        if matches!(refused, Stop::Incomplete) {
            return Err(refused);
        }
        let parser = KEEPS.into_iter().find_map(|keep| {
            let block = without_options(octets, false, keep)?;
            let (_, parser) = PcapNgParser::new(&block).ok()?;
            Some(Self { parser })
        });
        parser
            .zip(block_len(octets, is_big_section(octets)))
            .map(|(parser, len)| (len, parser))
            .ok_or(refused)
    }

    /// Reads the block that `octets` begin with.
    pub(super) fn parse(&mut self, octets: &[u8]) -> Result<Element, Stop> {
        let refused = match self.parser.next_raw_block(octets) {
            Ok((rest, block)) => {
                let content = match content(&self.parser, block) {
                    Content::Damaged => self.again(octets).unwrap_or(Content::Damaged),
                    content @ (Content::Packet(_) | Content::Said(..) | Content::Other) => content,
                };
                let len = octets.len() - rest.len();
                return Ok(Element { len, content });
            }
            Err(error) => stop(error),
        };
        if matches!(refused, Stop::Incomplete) {
            return Err(refused);
        }
        let is_big = if is_section(octets) {
            is_big_section(octets)
        } else {
            self.is_big()
        };
        let Some(len) = block_len(octets, is_big) else {
            return Err(refused);
        };
        self.again(octets)
            .map(|content| Element { len, content })
            .ok_or(refused)
    }

    /// Reads a block once more, with fewer and fewer options.
    fn again(&mut self, octets: &[u8]) -> Option<Content> {
        KEEPS.into_iter().find_map(|keep| {
            let block = without_options(octets, self.is_big(), keep)?;
            let (_, block) = self.parser.next_raw_block(&block).ok()?;
            Some(content(&self.parser, block))
                .filter(|content| !matches!(content, Content::Damaged))
        })
    }

    fn is_big(&self) -> bool {
        self.parser.section().endianness == Endianness::Big
    }

    /// Whether natdiag has kept this section as evidence.
    pub(super) fn is_evidence(&self) -> bool {
        is_ours(self.parser.section())
    }
}

/// What a block is.
fn content(parser: &PcapNgParser, block: RawBlock<'_>) -> Content {
    match block.type_ {
        ENHANCED_PACKET_BLOCK | PACKET_BLOCK | SIMPLE_PACKET_BLOCK => {
            place(parser, block).map_or(Content::Damaged, Content::Packet)
        }
        INTERFACE_STATISTIC_BLOCK if is_ours(parser.section()) => said(parser, block),
        _ => Content::Other,
    }
}

/// Whether a block begins a section, which says its byte order itself.
fn is_section(octets: &[u8]) -> bool {
    octets.starts_with(&SECTION_HEADER_BLOCK.to_be_bytes())
}

fn is_big_section(octets: &[u8]) -> bool {
    octets.get(BLOCK_HEADER_LEN) == Some(&0x1a)
}

/// Length of the block that `octets` begin with, if all of it is there.
fn block_len(octets: &[u8], is_big: bool) -> Option<usize> {
    let len = *octets.get(4..)?.first_chunk()?;
    let len = if is_big {
        u32::from_be_bytes(len)
    } else {
        u32::from_le_bytes(len)
    };
    let len = usize::try_from(len).ok()?;
    (len <= octets.len()).then_some(len)
}

/// What evidence says beside its packets.
fn said(parser: &PcapNgParser, block: RawBlock<'_>) -> Content {
    let Ok(Block::InterfaceStatistics(said)) = block.try_into_block(parser.state()) else {
        return Content::Other;
    };
    let statement = said.options.iter().find_map(|option| {
        if let InterfaceStatisticsOption::Common(CommonOption::Comment(text)) = option {
            text.parse().ok()
        } else {
            None
        }
    });
    Content::Said(timestamp(said.timestamp), statement.map(Box::new))
}

/// Finds the frame in a packet block.
fn place(parser: &PcapNgParser, block: RawBlock<'_>) -> Option<Place> {
    let block = block.try_into_block(parser.state()).ok()?;
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
    let interface = parser.interfaces().get(interface)?;
    Some(Place {
        start,
        len,
        wire_len: len.max(wire_len as usize),
        time: time.map(timestamp),
        link_type: interface.linktype.into(),
        direction: flags.and_then(direction),
    })
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
