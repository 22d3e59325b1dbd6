//! Where IP begins in an Ethernet frame that carries it in something else than at most two VLAN tags: `PPPoE`, MPLS, LLC with
//! SNAP, more tags. The watching programs do not look into these; a capture can afford it.

use natdiag_common::{FrameBytes as _, frame::CapturedFrame, wire::ethernet};

/// Where the type of an Ethernet frame stands, and what is behind it.
const TYPE_OFFSET: usize = 12;
const ETHERNET_LEN: usize = 14;
/// The tag of providers before IEEE 802.1ad.
const TYPE_OLD_SERVICE_VLAN: u16 = 0x9100;
/// `PPPoE` session (RFC 2516, section 4).
const TYPE_PPPOE_SESSION: u16 = 0x8864;
/// MPLS, unicast and multicast (RFC 5332, section 4).
const TYPE_MPLS: u16 = 0x8847;
const TYPE_MPLS_MULTICAST: u16 = 0x8848;
/// Up to here the field is the length of an LLC frame (IEEE 802.3, clause 3.2.6).
const LONGEST_LLC: u16 = 1500;
/// LLC that announces SNAP, and the organisation whose types are those of Ethernet (RFC 1042).
const SNAP: [u8; 6] = [0xaa, 0xaa, 0x03, 0, 0, 0];
/// IPv4 and IPv6 over PPP (RFC 1332, section 2; RFC 5072, section 3).
const PPP_IP: [u16; 2] = [0x0021, 0x0057];
/// Headers, and labels of one stack, that are looked behind.
const MOST: usize = 8;

/// Where IP begins, if it stands in something that the parser of packets does not read itself.
pub(super) fn ip_offset(frame: CapturedFrame<'_>) -> Option<usize> {
    let mut ether_type = u16::from_be_bytes(frame.octets(TYPE_OFFSET)?);
    let mut offset = ETHERNET_LEN;
    // Whether the parser reads all up to here itself.
    let mut tags = 0;
    let mut is_usual = true;
    for _ in 0..MOST {
        match ether_type {
            ethernet::TYPE_IPV4 | ethernet::TYPE_IPV6 => {
                let is_read_anyway = is_usual && tags <= ethernet::MAX_VLAN_TAGS;
                return (!is_read_anyway).then_some(offset);
            }
            ethernet::TYPE_VLAN | ethernet::TYPE_SERVICE_VLAN | TYPE_OLD_SERVICE_VLAN => {
                is_usual &= ether_type != TYPE_OLD_SERVICE_VLAN;
                let [_, _, high, low] = frame.octets(offset)?;
                ether_type = u16::from_be_bytes([high, low]);
                offset += ethernet::VLAN_TAG_LEN;
                tags += 1;
            }
            TYPE_PPPOE_SESSION => {
                let [_, code, _, _, _, _, high, low] = frame.octets(offset)?;
                let is_ip = code == 0 && PPP_IP.contains(&u16::from_be_bytes([high, low]));
                return is_ip.then_some(offset + 8);
            }
            TYPE_MPLS | TYPE_MPLS_MULTICAST => return behind_labels(frame, offset),
            length if length <= LONGEST_LLC => {
                let [llc @ .., high, low] = frame.octets::<8>(offset)?;
                if llc != SNAP {
                    return None;
                }
                is_usual = false;
                ether_type = u16::from_be_bytes([high, low]);
                offset += 8;
            }
            _ => return None,
        }
    }
    None
}

/// What follows a stack of labels says only by its first octet what it is (RFC 4928, section 2).
fn behind_labels(frame: CapturedFrame<'_>, mut offset: usize) -> Option<usize> {
    for _ in 0..MOST {
        let [_, _, label, _] = frame.octets(offset)?;
        offset += 4;
        if label & 1 == 1 {
            let [first, _] = frame.octets(offset)?;
            return matches!(first >> 4, 4 | 6).then_some(offset);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(behind_addresses: &[u8]) -> Option<usize> {
        let mut octets = vec![0; TYPE_OFFSET];
        octets.extend(behind_addresses);
        octets.extend([0x45, 0, 0, 40]);
        let wire_len = octets.len() + 100;
        let frame = CapturedFrame {
            octets: &octets,
            wire_len,
        };
        ip_offset(frame)
    }

    #[test]
    fn ip_is_found_behind_what_carries_it() {
        let tag = [0x81, 0, 0, 7];
        let pppoe = [0x88, 0x64, 0x11, 0, 0, 9, 0, 42, 0, 0x21];
        let two_labels = [0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64];
        let snap = [0, 60, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
        for (name, octets, want) in [
            ("PPPoE", pppoe.to_vec(), Some(22)),
            ("PPPoE behind a tag", [&tag[..], &pppoe].concat(), Some(26)),
            ("two MPLS labels", two_labels.to_vec(), Some(22)),
            (
                "MPLS behind a tag",
                [&tag[..], &two_labels].concat(),
                Some(26),
            ),
            ("SNAP", snap.to_vec(), Some(22)),
            ("SNAP behind a tag", [&tag[..], &snap].concat(), Some(26)),
            (
                "three tags",
                [&tag[..], &tag, &tag, &[8, 0]].concat(),
                Some(26),
            ),
        ] {
            assert_eq!(found(&octets), want, "{name}");
        }
    }

    #[test]
    fn what_the_parser_reads_is_left_to_it_and_what_is_no_ip_is_not_taken_for_it() {
        for (name, octets) in [
            ("IPv4", vec![8, 0]),
            ("a tag", vec![0x81, 0, 0, 7, 8, 0]),
            (
                "PPPoE discovery",
                vec![0x88, 0x63, 0x11, 9, 0, 0, 0, 4, 0, 0],
            ),
            (
                "LCP in PPPoE",
                vec![0x88, 0x64, 0x11, 0, 0, 9, 0, 42, 0xc0, 0x21],
            ),
            ("spanning tree", vec![0, 38, 0x42, 0x42, 3, 0, 0, 0, 0, 0]),
            ("ARP", vec![8, 6]),
            ("a pseudowire", vec![0x88, 0x47, 0, 1, 1, 64, 0, 0, 0, 0]),
        ] {
            assert_eq!(found(&octets), None, "{name}");
        }
    }

    #[test]
    fn frame_that_is_cut_anywhere_is_not_found_and_harms_nobody() {
        let whole = [0x81, 0, 0, 7, 0x88, 0x64, 0x11, 0, 0, 9, 0, 42, 0, 0x21];
        let octets: Vec<u8> = [0; TYPE_OFFSET].into_iter().chain(whole).collect();
        for len in 0..octets.len() {
            let frame = CapturedFrame {
                octets: &octets[..len],
                wire_len: 100,
            };
            assert_eq!(ip_offset(frame), None, "{len}");
        }
    }
}
