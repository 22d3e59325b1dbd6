//! What stands before the IP header in a capture (www.tcpdump.org/linktypes.html). Ethernet stays, because
//! [`natdiag_common::packet::parse`] reads it; anything else is taken off, so that the IP header comes first.

use natdiag_common::{
    Direction, FrameBytes, Layer, LinkType, ParseError, frame::CapturedFrame, wire::ethernet,
};

use super::encapsulation;

/// Octets of the address family that stands before the packet.
const FAMILY_LEN: usize = 4;
/// Octets of a cooked header.
const COOKED_LEN: usize = 16;
/// Octets of a cooked header, version 2.
const COOKED_V2_LEN: usize = 20;

/// A header that natdiag knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkHeader {
    /// Ethernet II.
    Ethernet,
    /// None.
    RawIp,
    /// An address family, in the byte order of the machine that captured or in network byte order.
    Family,
    /// `LINUX_SLL`: `| packet type | ARPHRD | address length | address, 8 octets | protocol |`.
    Cooked,
    /// `LINUX_SLL2`: `| protocol | 0 | interface, 4 octets | ARPHRD | packet type | address length | address |`.
    CookedV2,
}

/// A frame whose link header is one that the parser of packets reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stripped<'a> {
    /// What is left.
    pub(super) frame: CapturedFrame<'a>,
    /// What it begins with.
    pub(super) link: LinkType,
    /// Which way it went, if the header says so.
    pub(super) direction: Option<Direction>,
}

impl LinkHeader {
    /// The header by its number in the list of link types.
    pub(super) const fn of(link_type: u32) -> Option<Self> {
        match link_type {
            1 => Some(Self::Ethernet),
            // 12 is the number of DLT_RAW on Linux, which some programs write into files.
            12 | 101 | 228 | 229 => Some(Self::RawIp),
            0 | 108 => Some(Self::Family),
            113 => Some(Self::Cooked),
            276 => Some(Self::CookedV2),
            _ => None,
        }
    }

    /// Takes the header off. `None` for what carries no IP.
    pub(super) fn strip(
        self,
        frame: CapturedFrame<'_>,
    ) -> Result<Option<Stripped<'_>>, ParseError> {
        match self {
            Self::Ethernet => Ok(Some(match encapsulation::ip_offset(frame) {
                Some(offset) => raw_ip(frame, offset, None),
                None => Stripped {
                    frame,
                    link: LinkType::Ethernet,
                    direction: None,
                },
            })),
            Self::RawIp => Ok(Some(raw_ip(frame, 0, None))),
            Self::Family => {
                let family = frame.octets(0).ok_or(Layer::Ethernet.truncated())?;
                Ok(is_ip_family(family).then(|| raw_ip(frame, FAMILY_LEN, None)))
            }
            Self::Cooked => {
                let header: [u8; COOKED_LEN] =
                    frame.octets(0).ok_or(Layer::Ethernet.truncated())?;
                let [_, packet_type, .., high, low] = header;
                behind_tags(
                    frame,
                    COOKED_LEN,
                    u16::from_be_bytes([high, low]),
                    direction(packet_type),
                )
            }
            Self::CookedV2 => {
                let header: [u8; COOKED_V2_LEN] =
                    frame.octets(0).ok_or(Layer::Ethernet.truncated())?;
                let [high, low, _, _, _, _, _, _, _, _, packet_type, ..] = header;
                behind_tags(
                    frame,
                    COOKED_V2_LEN,
                    u16::from_be_bytes([high, low]),
                    direction(packet_type),
                )
            }
        }
    }
}

/// `AF_INET` is 2 everywhere; `AF_INET6` is 10 on Linux, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on Darwin.
const fn is_ip_family(octets: [u8; 4]) -> bool {
    matches!(
        octets,
        [2 | 10 | 24 | 28 | 30, 0, 0, 0] | [0, 0, 0, 2 | 10 | 24 | 28 | 30]
    )
}

/// `PACKET_HOST`, `PACKET_BROADCAST`, `PACKET_MULTICAST` and `PACKET_OUTGOING` of `linux/if_packet.h`. What was for
/// another host went neither way.
const fn direction(packet_type: u8) -> Option<Direction> {
    match packet_type {
        0..=2 => Some(Direction::Ingress),
        4 => Some(Direction::Egress),
        _ => None,
    }
}

/// Skips VLAN tags; `ether_type` is what stands at `offset`.
fn behind_tags(
    frame: CapturedFrame<'_>,
    mut offset: usize,
    mut ether_type: u16,
    direction: Option<Direction>,
) -> Result<Option<Stripped<'_>>, ParseError> {
    for _ in 0..=ethernet::MAX_VLAN_TAGS {
        match ether_type {
            ethernet::TYPE_IPV4 | ethernet::TYPE_IPV6 => {
                return Ok(Some(raw_ip(frame, offset, direction)));
            }
            ethernet::TYPE_VLAN | ethernet::TYPE_SERVICE_VLAN => {
                let [_, _, high, low] = frame.octets(offset).ok_or(Layer::Vlan.truncated())?;
                ether_type = u16::from_be_bytes([high, low]);
                offset += ethernet::VLAN_TAG_LEN;
            }
            _ => return Ok(None),
        }
    }
    Err(Layer::Vlan.too_many())
}

/// What is left behind `offset`, which has been read.
fn raw_ip(frame: CapturedFrame<'_>, offset: usize, direction: Option<Direction>) -> Stripped<'_> {
    Stripped {
        frame: CapturedFrame {
            octets: frame.octets.get(offset..).unwrap_or_default(),
            wire_len: frame.wire_len.saturating_sub(offset),
        },
        link: LinkType::RawIp,
        direction,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(octets: &[u8]) -> CapturedFrame<'_> {
        CapturedFrame {
            octets,
            wire_len: octets.len() + 100,
        }
    }

    #[test]
    fn cooked_header_says_which_way_and_what() {
        struct Case {
            name: &'static str,
            packet_type: u8,
            protocol: &'static [u8],
            want: Option<(Option<Direction>, usize)>,
        }
        for Case {
            name,
            packet_type,
            protocol,
            want,
        } in [
            Case {
                name: "sent",
                packet_type: 4,
                protocol: &[0x08, 0x00],
                want: Some((Some(Direction::Egress), 100)),
            },
            Case {
                name: "received, with a tag",
                packet_type: 0,
                protocol: &[0x81, 0x00, 0x00, 0x07, 0x86, 0xdd],
                want: Some((Some(Direction::Ingress), 100)),
            },
            Case {
                name: "for another host",
                packet_type: 3,
                protocol: &[0x08, 0x00],
                want: Some((None, 100)),
            },
            Case {
                name: "ARP",
                packet_type: 0,
                protocol: &[0x08, 0x06],
                want: None,
            },
        ] {
            let (ether_type, tags) = protocol.split_at(2);
            let mut v1 = vec![0, packet_type, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0];
            v1.extend(protocol);
            let mut v2 = ether_type.to_vec();
            v2.extend([
                0,
                0,
                0,
                0,
                0,
                1,
                0,
                1,
                packet_type,
                6,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
            ]);
            v2.extend(tags);
            for (header, octets) in [(LinkHeader::Cooked, v1), (LinkHeader::CookedV2, v2)] {
                let stripped = header.strip(frame(&octets)).unwrap();
                let found = stripped.map(|s| (s.direction, s.frame.wire_len));
                assert_eq!(found, want, "{name}, {header:?}");
            }
        }
    }

    #[test]
    fn family_in_either_byte_order_is_taken_off() {
        for family in [[2, 0, 0, 0], [0, 0, 0, 2], [30, 0, 0, 0], [0, 0, 0, 24]] {
            let stripped = LinkHeader::Family.strip(frame(&family)).unwrap().unwrap();
            assert_eq!(stripped.frame.wire_len, 100, "{family:?}");
        }
        assert!(
            LinkHeader::Family
                .strip(frame(&[7, 0, 0, 0]))
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn short_header_is_truncated() {
        for header in [LinkHeader::Family, LinkHeader::Cooked, LinkHeader::CookedV2] {
            let error = header.strip(frame(&[0; 3])).unwrap_err();
            assert_eq!(error, Layer::Ethernet.truncated(), "{header:?}");
        }
    }

    #[test]
    fn third_tag_is_too_many() {
        let mut octets = vec![0; 14];
        octets.extend([0x81, 0, 0, 1, 0x81, 0, 0, 1, 0x81, 0, 0, 1, 0x08, 0]);
        let error = LinkHeader::Cooked.strip(frame(&octets)).unwrap_err();
        assert_eq!(error, Layer::Vlan.too_many());
    }
}
