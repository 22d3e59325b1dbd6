//! Where IP begins behind what carries it: VLAN tags, `PPPoE`, PPP, MPLS, LLC with SNAP. One walk for all links, that
//! says what it found where that is no IP. The watching programs look behind two tags at most; a capture can afford
//! more.

use natdiag_common::{FrameBytes as _, Layer, ParseError, frame::CapturedFrame, wire::ethernet};

use super::protocol::Protocol;

/// The tags of providers before IEEE 802.1ad.
const OLD_SERVICE_VLANS: [u16; 2] = [0x9100, 0x9200];
/// `PPPoE` discovery and session (RFC 2516, section 4).
const TYPE_PPPOE_DISCOVERY: u16 = 0x8863;
const TYPE_PPPOE_SESSION: u16 = 0x8864;
/// MPLS, unicast and multicast (RFC 5332, section 4).
const TYPE_MPLS: u16 = 0x8847;
const TYPE_MPLS_MULTICAST: u16 = 0x8848;
/// Up to here the field is the length of an LLC frame (IEEE 802.3, clause 3.2.6), or a number by which Linux says that
/// one follows (`ETH_P_802_2` of `linux/if_ether.h`).
const LONGEST_LLC: u16 = 1500;
/// Service access point of SNAP, on both sides, and unnumbered information (RFC 1042).
const SNAP: [u8; 3] = [0xaa, 0xaa, 0x03];
/// Organisations whose types are those of Ethernet: RFC 1042 and IEEE 802.1H.
const ETHERNET_TYPES: [[u8; 3]; 2] = [[0, 0, 0], [0, 0, 0xf8]];
/// IPv4, IPv6 and MPLS over PPP (RFC 1332, section 2; RFC 5072, section 3; RFC 3032, section 4.1).
const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;
const PPP_MPLS: u16 = 0x0281;
const PPP_MPLS_MULTICAST: u16 = 0x0283;
/// Address and control before PPP in frames like those of HDLC (RFC 1662, section 3.1).
const HDLC: [u8; 2] = [0xff, 0x03];
/// Addresses of frames of Cisco's HDLC: to one, to all (RFC 1547, section 4.3.1). An `EtherType` follows the control
/// field.
const CISCO_HDLC: [u8; 2] = [0x0f, 0x8f];
/// Octets of a `PPPoE` header.
const PPPOE_LEN: usize = 6;
/// Headers, and labels of one stack, that are looked behind.
const MOST: usize = 8;

/// What a frame carries at last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carried {
    /// IP, which begins here.
    Ip(usize),
    /// Something else.
    Other(Protocol),
}

/// What an Ethernet frame carries.
pub(super) fn in_ethernet(frame: &CapturedFrame<'_>) -> Result<Carried, ParseError> {
    let ether_type = frame
        .octets(ethernet::TYPE_OFFSET)
        .ok_or(Layer::Ethernet.truncated())?;
    behind(frame, u16::from_be_bytes(ether_type), ethernet::HEADER_LEN)
}

/// What is carried at `offset`, which an `EtherType` announces.
pub(super) fn behind(
    frame: &CapturedFrame<'_>,
    mut ether_type: u16,
    mut offset: usize,
) -> Result<Carried, ParseError> {
    for _ in 0..MOST {
        match ether_type {
            ethernet::TYPE_IPV4 | ethernet::TYPE_IPV6 => return ip(frame, ether_type, offset),
            _ if is_vlan(ether_type) => {
                let [_, _, high, low] = frame.octets(offset).ok_or(Layer::Vlan.truncated())?;
                ether_type = u16::from_be_bytes([high, low]);
                offset += ethernet::VLAN_TAG_LEN;
            }
            TYPE_PPPOE_SESSION => return in_pppoe(frame, offset),
            TYPE_MPLS | TYPE_MPLS_MULTICAST => return under_labels(frame, offset),
            length if length <= LONGEST_LLC => {
                let llc = frame.octets(offset).ok_or(Layer::Ethernet.truncated())?;
                if llc != SNAP {
                    return Ok(Carried::Other(Protocol::Llc(llc[0])));
                }
                let [a, b, c, high, low] = frame
                    .octets(offset + 3)
                    .ok_or(Layer::Ethernet.truncated())?;
                if !ETHERNET_TYPES.contains(&[a, b, c]) {
                    return Ok(Carried::Other(Protocol::Snap([a, b, c])));
                }
                ether_type = u16::from_be_bytes([high, low]);
                offset += 8;
            }
            other => return Ok(Carried::Other(Protocol::EtherType(other))),
        }
    }
    Err(Layer::Vlan.too_many())
}

/// What a `PPPoE` header at `offset` carries: `| version, type | code | session | length |`.
pub(super) fn in_pppoe(frame: &CapturedFrame<'_>, offset: usize) -> Result<Carried, ParseError> {
    let [_, code] = frame.octets(offset).ok_or(Layer::Ethernet.truncated())?;
    if code == 0 {
        in_ppp(frame, offset + PPPOE_LEN)
    } else {
        Ok(Carried::Other(Protocol::EtherType(TYPE_PPPOE_DISCOVERY)))
    }
}

/// What PPP at `offset` carries, with or without the address and the control field of HDLC, and with a protocol field
/// of one octet where that was agreed on (RFC 1661, section 6.5).
pub(super) fn in_ppp(frame: &CapturedFrame<'_>, mut offset: usize) -> Result<Carried, ParseError> {
    let truncated = Layer::Ethernet.truncated();
    let start: [u8; 2] = frame.octets(offset).ok_or(truncated)?;
    if CISCO_HDLC.contains(&start[0]) && start[1] == 0 {
        let ether_type = frame.octets(offset + 2).ok_or(truncated)?;
        return behind(frame, u16::from_be_bytes(ether_type), offset + 4);
    }
    if start == HDLC {
        offset += HDLC.len();
    }
    let [first, second] = frame.octets(offset).ok_or(truncated)?;
    let (protocol, offset) = if first & 1 == 1 {
        (u16::from(first), offset + 1)
    } else {
        (u16::from_be_bytes([first, second]), offset + 2)
    };
    match protocol {
        PPP_IPV4 => ip(frame, ethernet::TYPE_IPV4, offset),
        PPP_IPV6 => ip(frame, ethernet::TYPE_IPV6, offset),
        PPP_MPLS | PPP_MPLS_MULTICAST => under_labels(frame, offset),
        other => Ok(Carried::Other(Protocol::Ppp(other))),
    }
}

/// What follows a stack of labels says only by its first octet what it is (RFC 4928, section 2).
fn under_labels(frame: &CapturedFrame<'_>, mut offset: usize) -> Result<Carried, ParseError> {
    for _ in 0..MOST {
        let [_, _, label, _] = frame.octets(offset).ok_or(Layer::Ethernet.truncated())?;
        offset += 4;
        if label & 1 == 1 {
            let [first, _] = frame.octets(offset).ok_or(Layer::Ethernet.truncated())?;
            return Ok(match first >> 4 {
                4 | 6 => Carried::Ip(offset),
                _ => Carried::Other(Protocol::UnderLabels),
            });
        }
    }
    Err(Layer::Ethernet.too_many())
}

/// IP at `offset`, if its version is the one that was announced.
fn ip(frame: &CapturedFrame<'_>, ether_type: u16, offset: usize) -> Result<Carried, ParseError> {
    let (layer, version) = if ether_type == ethernet::TYPE_IPV4 {
        (Layer::Ipv4, 4)
    } else {
        (Layer::Ipv6, 6)
    };
    let [first, _] = frame.octets(offset).ok_or(layer.truncated())?;
    if first >> 4 == version {
        Ok(Carried::Ip(offset))
    } else {
        Err(layer.bad_version())
    }
}

const fn is_vlan(ether_type: u16) -> bool {
    let [old, older] = OLD_SERVICE_VLANS;
    matches!(
        ether_type,
        ethernet::TYPE_VLAN | ethernet::TYPE_SERVICE_VLAN
    ) || ether_type == old
        || ether_type == older
}

#[cfg(test)]
mod tests;
