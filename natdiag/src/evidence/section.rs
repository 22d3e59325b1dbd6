//! Writing captures: packets that a finding rests on, each from its record, as a section of a pcapng file
//! (draft-ietf-opsawg-pcapng). A section stands for itself, so that sections one behind the other are a file.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, time::Duration};

use natdiag_common::record::Record;
use pcap_file::{
    DataLink, Endianness,
    pcapng::{
        PcapNgWriteError, PcapNgWriter,
        blocks::{
            enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption},
            interface_description::{
                InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
            },
            interface_statistics::{InterfaceStatisticsBlock, InterfaceStatisticsOption},
            opt_common::CommonOption,
            section_header::{SectionHeaderBlock, SectionHeaderOption},
        },
    },
};

use super::{rebuild::packet, statement::Statement};
use crate::event::Timestamp;

/// What wrote a section of evidence, whose packets were chosen.
pub(super) const PROGRAM: &str = "natdiag evidence ";
/// What wrote a section with everything there was of some hosts.
const PROGRAM_FULL: &str = "natdiag ";

/// Bits 0 and 1 of the flags word (section 4.3.1).
const RECEIVED: u32 = 0b01;
const SENT: u32 = 0b10;

/// What a section says about itself.
#[derive(Clone, Debug)]
pub struct About<'a> {
    /// The interface.
    pub interface: &'a str,
    /// The hooks by which it was watched.
    pub hooks: &'a [String],
    /// What the packets are evidence for.
    pub finding: &'a str,
    /// Since when the interface is watched.
    pub start: Timestamp,
    /// Up to when it was judged: whatever is not there up to then did not come.
    pub judged: Timestamp,
    /// What was counted beside the packets, since the suspicion began.
    pub statement: Option<Statement>,
}

/// A packet of a section.
#[derive(Clone, Debug)]
pub struct Exhibit {
    /// The record; its time is since 1970.
    pub record: Record,
    /// Why it was kept.
    pub why: String,
}

/// A packet as it was.
#[derive(Clone, Debug)]
pub struct WholePacket {
    /// When it passed.
    pub time: Timestamp,
    /// Whether it was sent.
    pub is_sent: bool,
    /// It, from its IP header.
    pub octets: Vec<u8>,
}

/// Writes a section of evidence.
///
/// # Errors
/// The library refuses a block.
pub fn section(about: &About<'_>, exhibits: &[Exhibit]) -> Result<Vec<u8>, PcapNgWriteError> {
    write(PROGRAM, about, exhibits.iter().map(block))
}

/// Writes a section of whole packets.
///
/// # Errors
/// The library refuses a block.
pub fn full_section(
    about: &About<'_>,
    packets: &[WholePacket],
) -> Result<Vec<u8>, PcapNgWriteError> {
    let blocks = packets.iter().map(|packet| EnhancedPacketBlock {
        interface_id: 0,
        timestamp: since_1970(packet.time),
        original_len: u32::try_from(packet.octets.len()).unwrap_or(u32::MAX),
        data: Cow::Borrowed(&packet.octets),
        options: vec![
            flags(!packet.is_sent),
            EnhancedPacketOption::Common(comment(about.finding)),
        ],
    });
    write(PROGRAM_FULL, about, blocks)
}

fn write<'a>(
    program: &str,
    about: &About<'_>,
    packets: impl Iterator<Item = EnhancedPacketBlock<'a>>,
) -> Result<Vec<u8>, PcapNgWriteError> {
    let program = format!("{program}{}", env!("CARGO_PKG_VERSION"));
    let header = SectionHeaderBlock {
        endianness: Endianness::Little,
        options: vec![
            SectionHeaderOption::UserApplication(Cow::Owned(program)),
            SectionHeaderOption::Common(comment(about.finding)),
        ],
        ..SectionHeaderBlock::default()
    };
    let mut writer = PcapNgWriter::with_section_header(Vec::new(), header)?;
    writer.write_pcapng_block(InterfaceDescriptionBlock {
        // Neither records nor whole packets have a link header.
        linktype: DataLink::RAW,
        snaplen: 0,
        options: vec![
            InterfaceDescriptionOption::IfName(Cow::Borrowed(about.interface)),
            InterfaceDescriptionOption::IfDescription(Cow::Owned(about.hooks.join(", "))),
            InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO),
        ],
    })?;
    for packet in packets {
        writer.write_pcapng_block(packet)?;
    }
    let mut options = vec![
        InterfaceStatisticsOption::IsbStartTime(since_1970(about.start)),
        InterfaceStatisticsOption::IsbEndTime(since_1970(about.judged)),
    ];
    let stated = about.statement.as_ref().map(ToString::to_string);
    options
        .extend(stated.map(|text| {
            InterfaceStatisticsOption::Common(CommonOption::Comment(Cow::Owned(text)))
        }));
    writer.write_pcapng_block(InterfaceStatisticsBlock {
        interface_id: 0,
        timestamp: since_1970(about.judged),
        options,
    })?;
    Ok(writer.into_inner())
}

fn block(exhibit: &Exhibit) -> EnhancedPacketBlock<'_> {
    let record = &exhibit.record;
    let data = packet(record);
    EnhancedPacketBlock {
        interface_id: 0,
        timestamp: Duration::from_nanos(record.time_ns),
        original_len: record
            .total_len
            .max(u32::try_from(data.len()).unwrap_or(u32::MAX)),
        data: Cow::Owned(data),
        options: vec![
            flags(record.direction == natdiag_common::Direction::Ingress as u8),
            EnhancedPacketOption::Common(comment(&exhibit.why)),
        ],
    }
}

fn flags(is_received: bool) -> EnhancedPacketOption<'static> {
    EnhancedPacketOption::Flags(if is_received { RECEIVED } else { SENT })
}

const fn since_1970(time: Timestamp) -> Duration {
    Duration::from_nanos(time.0)
}

fn comment(text: &str) -> CommonOption<'_> {
    CommonOption::Comment(Cow::Borrowed(text))
}
