//! Ethernet II with up to two VLAN tags (IEEE 802.3, 802.1Q, 802.1ad).
//!
//! ```text
//!  0         6         12      14
//! | destination | source | type | payload
//!                        | 81 00 | tag | type | payload      with one tag, and so on
//! ```

use crate::{FrameBytes, Layer, ParseError};

/// Octets of an Ethernet II header.
pub const HEADER_LEN: usize = 14;
/// Octets that each VLAN tag adds.
pub const VLAN_TAG_LEN: usize = 4;
/// Most VLAN tags that natdiag reads.
pub const MAX_VLAN_TAGS: usize = 2;
/// `EtherType` of IPv4.
pub const TYPE_IPV4: u16 = 0x0800;
/// `EtherType` of IPv6.
pub const TYPE_IPV6: u16 = 0x86dd;
/// `EtherType` of an 802.1Q tag.
pub const TYPE_VLAN: u16 = 0x8100;
/// `EtherType` of an 802.1ad service tag.
pub const TYPE_SERVICE_VLAN: u16 = 0x88a8;

/// Place of the type field.
pub const TYPE_OFFSET: usize = 12;

/// Returns the type of the payload and where it begins.
///
/// # Errors
/// The frame ends within the header or a tag, or has more than [`MAX_VLAN_TAGS`] tags.
#[inline(always)]
pub fn parse<F: FrameBytes + ?Sized>(frame: &F) -> Result<(u16, usize), ParseError> {
    let ether_type = frame
        .octets(TYPE_OFFSET)
        .ok_or(Layer::Ethernet.truncated())?;
    let ether_type = u16::from_be_bytes(ether_type);
    if !is_vlan(ether_type) {
        return Ok((ether_type, HEADER_LEN));
    }
    let inner = tagged_type(frame, HEADER_LEN)?;
    if !is_vlan(inner) {
        return Ok((inner, frame.forget_way(HEADER_LEN + VLAN_TAG_LEN)));
    }
    let innermost = tagged_type(frame, HEADER_LEN + VLAN_TAG_LEN)?;
    if is_vlan(innermost) {
        return Err(Layer::Vlan.too_many());
    }
    Ok((
        innermost,
        frame.forget_way(HEADER_LEN + MAX_VLAN_TAGS * VLAN_TAG_LEN),
    ))
}

/// Whether a tag follows.
#[inline(always)]
#[must_use]
pub const fn is_vlan(ether_type: u16) -> bool {
    matches!(ether_type, TYPE_VLAN | TYPE_SERVICE_VLAN)
}

/// The type field of the tag at `offset`.
#[inline(always)]
fn tagged_type<F: FrameBytes + ?Sized>(frame: &F, offset: usize) -> Result<u16, ParseError> {
    let [_, _, high, low] = frame.octets(offset).ok_or(Layer::Vlan.truncated())?;
    Ok(u16::from_be_bytes([high, low]))
}
