//! Puts a file of evidence into the order in which the packets were seen, and takes it apart by interface. Such a file
//! is written host by host, each when a finding about it appears; the analysis wants one time line, and a source for
//! each interface.

use std::{
    collections::BTreeMap,
    io::{self, Cursor, Read},
    time::Duration,
};

use pcap_file::pcapng::{
    Block, PcapNgParser, PcapNgWriter,
    blocks::{
        interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption},
        section_header::{SectionHeaderBlock, SectionHeaderOption},
    },
};

use super::section::PROGRAM;

/// Enough to hold the first block of a file of evidence.
const HEAD_LEN: u64 = 16 * 1024;
/// Largest file that is put into order; the usual one is a sixteenth of it. It is held in memory.
const MAX_LEN: u64 = 256 << 20;

/// What a stream turns out to be.
pub(crate) enum Arranged {
    /// Something else, or too large: the same octets.
    Other(Box<dyn Read + Send>),
    /// Evidence: the name of each interface, and its own capture.
    Evidence(Vec<(String, Vec<u8>)>),
}

/// Reads a stream, if it is evidence.
pub(crate) fn arrange(mut stream: Box<dyn Read + Send>) -> io::Result<Arranged> {
    let mut octets = Vec::new();
    (&mut stream).take(HEAD_LEN).read_to_end(&mut octets)?;
    if !is_evidence(&octets) {
        return Ok(Arranged::Other(Box::new(Cursor::new(octets).chain(stream))));
    }
    let rest = (&mut stream).take(MAX_LEN).read_to_end(&mut octets);
    // What cannot be read to its end is played as far as it goes.
    if rest.is_err() || octets.len() as u64 > MAX_LEN {
        return Ok(Arranged::Other(Box::new(Cursor::new(octets).chain(stream))));
    }
    Ok(Arranged::Evidence(by_interface(&octets)))
}

fn is_evidence(octets: &[u8]) -> bool {
    PcapNgParser::new(octets).is_ok_and(|(_, parser)| is_ours(parser.section()))
}

/// Whether natdiag has written a section.
pub(crate) fn is_ours(section: &SectionHeaderBlock<'_>) -> bool {
    section.options.iter().any(|option| {
        matches!(option, SectionHeaderOption::UserApplication(name) if name.starts_with(PROGRAM))
    })
}

/// The blocks of one interface.
struct Part {
    section: SectionHeaderBlock<'static>,
    description: InterfaceDescriptionBlock<'static>,
    blocks: Vec<(Duration, Block<'static>)>,
}

fn by_interface(octets: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut parts = BTreeMap::new();
    let rest = read(octets, &mut parts).unwrap_or(octets);
    let mut parts: Vec<_> = parts
        .into_iter()
        .filter_map(|(name, part)| Some((name, write(part)?)))
        .collect();
    // What is left cannot be read: whoever plays it shall meet with it and say so.
    match parts.last_mut() {
        Some((_, last)) => last.extend(rest),
        None => parts.push((String::new(), octets.to_vec())),
    }
    parts
}

/// Sorts the blocks by interface. Returns what cannot be read.
fn read<'a>(octets: &'a [u8], parts: &mut BTreeMap<String, Part>) -> Option<&'a [u8]> {
    let (mut rest, mut parser) = PcapNgParser::new(octets).ok()?;
    let mut interface = String::new();
    while !rest.is_empty() {
        let Ok((behind, block)) = parser.next_block(rest) else {
            break;
        };
        rest = behind;
        let (time, block) = match block {
            Block::InterfaceDescription(description) => {
                interface = name(&description);
                parts.entry(interface.clone()).or_insert_with(|| Part {
                    section: parser.section().clone().into_owned(),
                    description: description.into_owned(),
                    blocks: Vec::new(),
                });
                continue;
            }
            Block::EnhancedPacket(packet) => {
                (packet.timestamp, Block::EnhancedPacket(packet.into_owned()))
            }
            Block::InterfaceStatistics(said) => (
                said.timestamp,
                Block::InterfaceStatistics(said.into_owned()),
            ),
            Block::SectionHeader(_)
            | Block::Packet(_)
            | Block::SimplePacket(_)
            | Block::NameResolution(_)
            | Block::SystemdJournalExport(_)
            | Block::CustomCopiable(_)
            | Block::CustomNonCopiable(_)
            | Block::Unknown(_) => continue,
        };
        if let Some(part) = parts.get_mut(&interface) {
            part.blocks.push((time, block));
        }
    }
    Some(rest)
}

fn name(description: &InterfaceDescriptionBlock<'_>) -> String {
    let names = description.options.iter().find_map(|option| {
        if let InterfaceDescriptionOption::IfName(name) = option {
            Some(name.as_ref().to_owned())
        } else {
            None
        }
    });
    names.unwrap_or_default()
}

fn write(mut part: Part) -> Option<Vec<u8>> {
    part.blocks.sort_by_key(|(time, _)| *time);
    let mut writer = PcapNgWriter::with_section_header(Vec::new(), part.section).ok()?;
    writer.write_pcapng_block(part.description).ok()?;
    for (_, block) in part.blocks {
        writer.write_block(&block).ok()?;
    }
    Some(writer.into_inner())
}
