//! `PKTAP` of Darwin: before each packet the interface that it was seen at, which way it went, and its own link header
//! (`bsd/net/pktap.h` of XNU). Numbers are little-endian on every machine that has it.
//!
//! ```text
//! | length | type | link type | interface, 24 octets | flags | family | ... up to the length
//! ```

use natdiag_common::{Direction, FrameBytes, Layer, frame::CapturedFrame};

use super::{Content, LinkHeader, Opened, Protocol, rest};
use crate::capture::interface::{Interface, NAME_LEN};

/// Octets up to the end of the flags: each header has them.
const SHORTEST_LEN: usize = FLAGS_OFFSET + 4;
/// Where the name of the interface stands, and the flags.
const NAME_OFFSET: usize = 12;
const FLAGS_OFFSET: usize = NAME_OFFSET + NAME_LEN;
/// `PTH_FLAG_DIR_IN` and `PTH_FLAG_DIR_OUT`.
const DIRECTIONS: u32 = 0b11;

/// Reads the header, and that of the packet behind it.
pub(super) fn open(frame: CapturedFrame<'_>) -> Opened<'_> {
    let word = |offset: usize| frame.octets(offset).map(u32::from_le_bytes);
    let name = frame.octets::<NAME_LEN>(NAME_OFFSET);
    let (Some(len), Some(link_type), Some(name), Some(flags)) =
        (word(0), word(8), name, word(FLAGS_OFFSET))
    else {
        return Opened::truncated();
    };
    let said = Opened {
        direction: match flags & DIRECTIONS {
            0b01 => Some(Direction::Ingress),
            0b10 => Some(Direction::Egress),
            _ => None,
        },
        interface: Some(Interface::Name(name)),
        content: Ok(Content::Other(Protocol::Link(link_type))),
    };
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    if len < SHORTEST_LEN || len > frame.wire_len {
        return Opened {
            content: Err(Layer::Ethernet.bad_length()),
            ..said
        };
    }
    match LinkHeader::of(link_type) {
        None | Some(LinkHeader::Pktap) => said,
        Some(header) => Opened {
            content: header.open(rest(frame, len)).content,
            ..said
        },
    }
}
