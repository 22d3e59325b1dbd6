//! Takes out of a pcapng block the options that a strict reader refuses: text that is not UTF-8, lengths that cannot
//! be. No packet depends on them; tshark and tcpdump read such files.

use pcap_file::pcapng::blocks::{
    ENHANCED_PACKET_BLOCK, INTERFACE_DESCRIPTION_BLOCK, INTERFACE_STATISTIC_BLOCK, PACKET_BLOCK,
    SECTION_HEADER_BLOCK,
};

/// Octets of type and length, before the body of a block.
const HEADER_LEN: usize = 8;
/// Where options begin in a Section Header, an Interface Description and an Interface Statistics Block.
const SECTION_OPTIONS: usize = 24;
const INTERFACE_OPTIONS: usize = 16;
const STATISTICS_OPTIONS: usize = 20;
/// Where a packet block has the length of what was kept, and where that begins.
const KEPT_LEN: usize = 20;
const FRAME: usize = 28;
/// What a section says first, in big-endian (section 4.1).
const BYTE_ORDER_BIG: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];

/// `if_name`, `if_tsresol` and `if_tsoffset`.
const NAME: u16 = 2;
const RESOLUTION: u16 = 9;
const OFFSET: u16 = 14;
/// `epb_flags`, and `pack_flags` of its predecessor.
const FLAGS: u16 = 2;
/// `shb_userappl`: by it natdiag knows its own evidence.
const USER_APPLICATION: u16 = 4;

/// Which options to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Those that matter, where they can be read.
    Needed,
    /// None.
    Nothing,
}

/// The block that `octets` begin with, with other options left out. `None` where it has none, or is no such block.
pub(super) fn without_options(octets: &[u8], is_big: bool, keep: Keep) -> Option<Vec<u8>> {
    let read = Numbers {
        octets,
        // A section says its byte order itself.
        is_big: match octets.get(HEADER_LEN..HEADER_LEN + 4) {
            Some(order) if is_section(octets) => order == BYTE_ORDER_BIG,
            _ => is_big,
        },
    };
    let kind = read.u32(0)?;
    let len = read.u32(4)? as usize;
    let start = match kind {
        SECTION_HEADER_BLOCK => SECTION_OPTIONS,
        INTERFACE_DESCRIPTION_BLOCK => INTERFACE_OPTIONS,
        INTERFACE_STATISTIC_BLOCK => STATISTICS_OPTIONS,
        ENHANCED_PACKET_BLOCK | PACKET_BLOCK => {
            FRAME.checked_add((read.u32(KEPT_LEN)? as usize).checked_next_multiple_of(4)?)?
        }
        _ => return None,
    };
    let end = len.checked_sub(4)?;
    let mut block = octets.get(..start)?.to_vec();
    if start >= end {
        return None;
    }
    let mut at = start;
    while keep == Keep::Needed
        && at + 4 <= end
        && let Some((code, option_len)) = read.u16(at).zip(read.u16(at + 2))
        && code != 0
    {
        let behind = at + 4 + usize::from(option_len).next_multiple_of(4);
        let Some(option) = octets.get(at..behind).filter(|_| behind <= end) else {
            break;
        };
        let value = option.get(4..4 + usize::from(option_len))?;
        if is_needed(kind, code, value) {
            block.extend(option);
        }
        at = behind;
    }
    let new_len = u32::try_from(block.len() + 4).ok()?;
    let new_len = if read.is_big {
        new_len.to_be_bytes()
    } else {
        new_len.to_le_bytes()
    };
    block.get_mut(4..HEADER_LEN)?.copy_from_slice(&new_len);
    block.extend(new_len);
    Some(block)
}

/// Whether a block begins a section.
fn is_section(octets: &[u8]) -> bool {
    octets.starts_with(&SECTION_HEADER_BLOCK.to_be_bytes())
}

fn is_needed(kind: u32, code: u16, value: &[u8]) -> bool {
    let is_text = std::str::from_utf8(value).is_ok();
    match (kind, code) {
        (SECTION_HEADER_BLOCK, USER_APPLICATION) | (INTERFACE_DESCRIPTION_BLOCK, NAME) => is_text,
        (INTERFACE_DESCRIPTION_BLOCK, RESOLUTION) => value.len() == 1,
        (INTERFACE_DESCRIPTION_BLOCK, OFFSET) => value.len() == 8,
        (ENHANCED_PACKET_BLOCK | PACKET_BLOCK, FLAGS) => value.len() == 4,
        _ => false,
    }
}

/// Numbers in a block.
struct Numbers<'a> {
    octets: &'a [u8],
    is_big: bool,
}

impl Numbers<'_> {
    fn u32(&self, at: usize) -> Option<u32> {
        let octets = *self.octets.get(at..)?.first_chunk()?;
        Some(if self.is_big {
            u32::from_be_bytes(octets)
        } else {
            u32::from_le_bytes(octets)
        })
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let octets = *self.octets.get(at..)?.first_chunk()?;
        Some(if self.is_big {
            u16::from_be_bytes(octets)
        } else {
            u16::from_le_bytes(octets)
        })
    }
}
