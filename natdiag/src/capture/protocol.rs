//! What a frame carries that is not looked into: which of it there is most, and whether IP may be hidden in it.

use std::{cmp::Reverse, collections::BTreeMap, fmt};

use super::link_type::link_type_name;

/// Kinds told apart. Captures of usual links have a handful; damaged ones may have any number.
const MAX_KINDS: usize = 256;

/// What a frame or a packet carries in place of something that natdiag reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Protocol {
    /// A link header that natdiag does not know, by its link type.
    Link(u32),
    /// An `EtherType`.
    EtherType(u16),
    /// A protocol of PPP.
    Ppp(u16),
    /// LLC without SNAP, by the service access point that it is for.
    Llc(u8),
    /// SNAP of an organisation that is not IEEE 802.3's.
    Snap([u8; 3]),
    /// Something under MPLS labels that is no IP: a pseudowire.
    UnderLabels,
    /// An address family of BSD or Solaris.
    Family(u32),
    /// A packet that should be IP, and whose version is neither 4 nor 6.
    NoIp,
    /// A protocol over IP that carries other packets.
    Tunnel(u8),
}

impl Protocol {
    /// The tunnel that a protocol of IP is, if it is one: IPv4 and IPv6 in IP, GRE, ESP, AH, `EtherIP`, IPIP, `IPComp`,
    /// MPLS in IP (www.iana.org/assignments/protocol-numbers).
    pub(super) fn tunnel(protocol: u8) -> Option<Self> {
        matches!(protocol, 4 | 41 | 47 | 50 | 51 | 94 | 97 | 108 | 137)
            .then_some(Self::Tunnel(protocol))
    }

    /// Whether it is of those neighbours on a link that cannot carry IP.
    pub(super) const fn is_neighbour(self) -> bool {
        match self {
            // ARP, wake on LAN, RARP, AppleTalk, IPX, pause, slow protocols (LACP), PPPoE discovery, HomePlug, EAPOL,
            // PROFINET, EtherCAT, ATA over Ethernet, LLTD, GOOSE, LLDP, MRP, 1905.1, PTP, PRP, CFM, FCoE, RoCE, loop
            // tests.
            Self::EtherType(ether_type) => matches!(
                ether_type,
                0x0806
                    | 0x0842
                    | 0x8035
                    | 0x809b
                    | 0x80f3
                    | 0x8137
                    | 0x8808
                    | 0x8809
                    | 0x8863
                    | 0x887b
                    | 0x888e
                    | 0x8892
                    | 0x8899
                    | 0x88a2
                    | 0x88a4
                    | 0x88b8
                    | 0x88ba
                    | 0x88cc
                    | 0x88d9
                    | 0x88e1
                    | 0x88e3
                    | 0x88f5
                    | 0x88f6
                    | 0x88f7
                    | 0x88fb
                    | 0x8902
                    | 0x8906
                    | 0x8912
                    | 0x8914
                    | 0x8915
                    | 0x893a
                    | 0x9000
            ),
            // From here on PPP only talks about the link and its networks (RFC 1661, section 2).
            Self::Ppp(protocol) => protocol >= 0x8000,
            // Spanning tree, NetBIOS, IPX, ISO (IS-IS), and XID of a switch that asks (null).
            Self::Llc(access_point) => {
                matches!(access_point & 0xfe, 0x00 | 0x42 | 0xe0 | 0xf0 | 0xfe)
            }
            // Cisco: CDP, VTP, DTP, PVST.
            Self::Snap(organisation) => matches!(organisation, [0x00, 0x00, 0x0c]),
            Self::Link(_) | Self::UnderLabels | Self::Family(_) | Self::NoIp | Self::Tunnel(_) => {
                false
            }
        }
    }
}

/// As what follows "packets".
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(link_type) => write!(f, "of link type {}", link_type_name(*link_type)),
            Self::EtherType(ether_type) => {
                write!(f, "of EtherType {ether_type:#06x}")?;
                ether_type_name(*ether_type).map_or(Ok(()), |name| write!(f, " ({name})"))
            }
            Self::Ppp(protocol) => write!(f, "of PPP protocol {protocol:#06x}"),
            Self::Llc(access_point) => write!(f, "of LLC service access point {access_point:#04x}"),
            Self::Snap([a, b, c]) => write!(f, "of SNAP organisation {a:02x}:{b:02x}:{c:02x}"),
            Self::UnderLabels => f.write_str("under MPLS labels that are not IP"),
            Self::Family(family) => write!(f, "of address family {family}"),
            Self::NoIp => f.write_str("of neither IP version"),
            Self::Tunnel(protocol) => {
                let name = match protocol {
                    4 | 94 => "IPv4 in IP",
                    41 => "IPv6 in IP",
                    47 => "GRE",
                    50 => "ESP",
                    51 => "AH",
                    97 => "EtherIP",
                    108 => "IPComp",
                    _ => "MPLS in IP",
                };
                write!(f, "in tunnels of IP protocol {protocol} ({name})")
            }
        }
    }
}

/// The name of an `EtherType` behind which IP is likely.
const fn ether_type_name(ether_type: u16) -> Option<&'static str> {
    Some(match ether_type {
        0x6558 => "bridged Ethernet",
        0x88e5 => "MACsec",
        0x88e7 => "provider backbone bridges",
        0x8909 => "TrustSec",
        0x892f => "HSR",
        0x894f => "network service header",
        0x22f3 => "TRILL",
        0x4305 => "B.A.T.M.A.N.",
        _ => return None,
    })
}

/// Frames that were not looked into, by what they carry. Neighbours are not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unread {
    kinds: BTreeMap<Protocol, u64>,
    others: u64,
}

impl Unread {
    /// Counts one.
    pub(super) fn note(&mut self, protocol: Protocol) {
        if protocol.is_neighbour() {
            return;
        }
        if self.kinds.len() < MAX_KINDS || self.kinds.contains_key(&protocol) {
            *self.kinds.entry(protocol).or_default() += 1;
        } else {
            self.others += 1;
        }
    }

    /// How many there are.
    pub(super) fn all(&self) -> u64 {
        self.kinds.values().sum::<u64>() + self.others
    }

    /// The kinds of which there are most, so many at most, and how many frames are of others.
    pub(super) fn most(&self, kinds: usize) -> (Vec<(Protocol, u64)>, u64) {
        let mut most: Vec<_> = self.kinds.iter().map(|(kind, n)| (*kind, *n)).collect();
        most.sort_by_key(|(kind, count)| (Reverse(*count), *kind));
        most.truncate(kinds);
        let shown: u64 = most.iter().map(|(_, count)| count).sum();
        (most, self.all() - shown)
    }

    /// How many have an unknown link header, and of which link type one of them is.
    pub(super) fn unknown_links(&self) -> (u64, Option<u32>) {
        let mut links = self.kinds.iter().filter_map(|(kind, count)| {
            if let Protocol::Link(link_type) = kind {
                Some((*link_type, *count))
            } else {
                None
            }
        });
        let Some((link_type, count)) = links.next() else {
            return (0, None);
        };
        (
            count + links.map(|(_, count)| count).sum::<u64>(),
            Some(link_type),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_are_told_and_the_rest_is_counted() {
        let mut unread = Unread::default();
        for (protocol, count) in [
            (Protocol::EtherType(0x88e5), 3),
            (Protocol::Ppp(0x003d), 5),
            (Protocol::EtherType(0x0806), 100),
            (Protocol::UnderLabels, 1),
            (Protocol::Ppp(0xc021), 7),
        ] {
            for _ in 0..count {
                unread.note(protocol);
            }
        }
        assert_eq!(unread.all(), 9);
        let want = vec![(Protocol::Ppp(0x003d), 5), (Protocol::EtherType(0x88e5), 3)];
        assert_eq!(unread.most(2), (want, 1));
    }

    #[test]
    fn kinds_are_bounded_and_nothing_is_lost() {
        let mut unread = Unread::default();
        for family in 0..1000 {
            unread.note(Protocol::Family(family));
        }
        assert_eq!(unread.all(), 1000);
        assert_eq!(unread.kinds.len(), MAX_KINDS);
        assert_eq!(unread.most(1), (vec![(Protocol::Family(0), 1)], 999));
    }

    #[test]
    fn neighbours_cannot_hide_ip() {
        for (protocol, is_neighbour) in [
            (Protocol::EtherType(0x0806), true),
            (Protocol::EtherType(0x88cc), true),
            (Protocol::EtherType(0x888e), true),
            (Protocol::EtherType(0x8863), true),
            (Protocol::Llc(0x42), true),
            (Protocol::Snap([0, 0, 0x0c]), true),
            (Protocol::Ppp(0xc021), true),
            (Protocol::EtherType(0x88e5), false),
            (Protocol::EtherType(0x0800), false),
            (Protocol::Llc(0x06), false),
            (Protocol::Snap([0, 0x80, 0xc2]), false),
            (Protocol::Ppp(0x002d), false),
            (Protocol::UnderLabels, false),
            (Protocol::NoIp, false),
        ] {
            assert_eq!(protocol.is_neighbour(), is_neighbour, "{protocol}");
        }
    }
}
