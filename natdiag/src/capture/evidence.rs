//! Writing captures: packets that a finding rests on, each from its record, as a section of a pcapng file
//! (draft-ietf-opsawg-pcapng). A section stands for itself, so that sections one behind the other are a file.

mod rebuild;
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
            opt_common::CommonOption,
            section_header::{SectionHeaderBlock, SectionHeaderOption},
        },
    },
};

pub use self::rebuild::packet;

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
}

/// A packet of a section.
#[derive(Clone, Debug)]
pub struct Exhibit {
    /// The record; its time is since 1970.
    pub record: Record,
    /// Why it was kept.
    pub why: String,
}

/// Writes a section.
///
/// # Errors
/// The library refuses a block.
pub fn section(about: &About<'_>, exhibits: &[Exhibit]) -> Result<Vec<u8>, PcapNgWriteError> {
    let program = concat!("natdiag ", env!("CARGO_PKG_VERSION"));
    let header = SectionHeaderBlock {
        endianness: Endianness::Little,
        options: vec![
            SectionHeaderOption::UserApplication(Cow::Borrowed(program)),
            SectionHeaderOption::Common(comment(about.finding)),
        ],
        ..SectionHeaderBlock::default()
    };
    let mut writer = PcapNgWriter::with_section_header(Vec::new(), header)?;
    writer.write_pcapng_block(InterfaceDescriptionBlock {
        // Records hold no link header.
        linktype: DataLink::RAW,
        snaplen: 0,
        options: vec![
            InterfaceDescriptionOption::IfName(Cow::Borrowed(about.interface)),
            InterfaceDescriptionOption::IfDescription(Cow::Owned(about.hooks.join(", "))),
            InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO),
        ],
    })?;
    for exhibit in exhibits {
        writer.write_pcapng_block(block(exhibit))?;
    }
    Ok(writer.into_inner())
}

fn block(exhibit: &Exhibit) -> EnhancedPacketBlock<'_> {
    let record = &exhibit.record;
    let data = packet(record);
    let is_received = record.direction == natdiag_common::Direction::Ingress as u8;
    EnhancedPacketBlock {
        interface_id: 0,
        timestamp: Duration::from_nanos(record.time_ns),
        original_len: record
            .total_len
            .max(u32::try_from(data.len()).unwrap_or(u32::MAX)),
        data: Cow::Owned(data),
        options: vec![
            EnhancedPacketOption::Flags(if is_received { RECEIVED } else { SENT }),
            EnhancedPacketOption::Common(comment(&exhibit.why)),
        ],
    }
}

fn comment(text: &str) -> CommonOption<'_> {
    CommonOption::Comment(Cow::Borrowed(text))
}
