//! What may become of an Ethernet frame on its way: another IP version, other identifications, tags and labels.

use std::net::{Ipv4Addr, Ipv6Addr};

use natdiag_common::testkit::{Addresses, Payload as _, ethernet, raw};

/// Octets of an Ethernet header, behind which IP begins.
pub(crate) const ETHERNET_LEN: usize = 14;
/// `EtherType` of IPv4 (RFC 894).
const IPV4: u16 = 0x0800;
/// Where an IPv4 header has its identification, its checksum, and the least of its octets.
const IDENTIFICATION: usize = 4;
const IPV4_CHECKSUM: usize = 10;
const IPV4_LEN: usize = 20;
/// Where a TCP header has its checksum.
const TCP_CHECKSUM: usize = 16;

/// Whether it carries IPv4.
fn is_ipv4(frame: &[u8]) -> bool {
    frame[12..ETHERNET_LEN] == IPV4.to_be_bytes()
}

/// Sets the identification of IPv4 to 0, as hosts do that never fragment (RFC 6864).
pub(crate) fn without_identification(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    if is_ipv4(&frame) {
        let header = &mut frame[ETHERNET_LEN..];
        header[IDENTIFICATION..IDENTIFICATION + 2].fill(0);
        header[IPV4_CHECKSUM..IPV4_CHECKSUM + 2].fill(0);
        let sum: u32 = header[..header_len(header)]
            .chunks(2)
            .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
            .sum();
        let sum = (sum & 0xffff) + (sum >> 16);
        let sum = (sum & 0xffff) + (sum >> 16);
        let checksum = !u16::try_from(sum).unwrap();
        header[IPV4_CHECKSUM..IPV4_CHECKSUM + 2].copy_from_slice(&checksum.to_be_bytes());
    }
    frame
}

/// Lowers the time to live, as a router does; checksums are not mended.
pub(crate) fn a_hop_further(frame: &[u8]) -> Vec<u8> {
    let place = if is_ipv4(frame) { 8 } else { 7 };
    let mut frame = frame.to_vec();
    frame[ETHERNET_LEN + place] -= 1;
    // It comes from the router.
    frame[6..12].copy_from_slice(&[0x02, 0, 0, 0, 0, 0x77]);
    frame
}

/// The same segment over IPv6.
pub(crate) fn as_ipv6(frame: &[u8]) -> Vec<u8> {
    if !is_ipv4(frame) {
        return frame.to_vec();
    }
    let packet = &frame[ETHERNET_LEN..];
    let total_len = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    let address = |place: usize| -> Ipv6Addr {
        let octets: [u8; 4] = packet[place..place + 4].try_into().unwrap();
        wider(octets.into())
    };
    let (source, destination) = (address(12), address(16));
    let mut segment = packet[header_len(packet)..total_len].to_vec();
    segment[TCP_CHECKSUM..TCP_CHECKSUM + 2].fill(0);
    let checksum = Addresses::V6(source, destination).checksum(packet[9], &segment);
    segment[TCP_CHECKSUM..TCP_CHECKSUM + 2].copy_from_slice(&checksum.to_be_bytes());
    raw(packet[9], &segment)
        .in_ipv6(source, destination)
        .hop_limit(packet[8])
        .frame()
}

/// An address of IPv6 for one of IPv4: a private one stays private.
fn wider(address: Ipv4Addr) -> Ipv6Addr {
    let [a, b, c, d] = address.octets();
    let first = if address.is_private() { 0xfd00 } else { 0x2600 };
    let low = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
    Ipv6Addr::new(first, 0xdb8, 0, 0, 0, 0, low[0], low[1])
}

/// Through a VLAN (802.1Q).
pub(crate) fn tagged(frame: &[u8]) -> Vec<u8> {
    let mut rest = vec![0, 42];
    rest.extend(&frame[12..]);
    ethernet(0x8100, &rest)
}

/// Through `PPPoE` (RFC 2516) and PPP (RFC 1661).
pub(crate) fn in_pppoe(frame: &[u8]) -> Vec<u8> {
    let packet = &frame[ETHERNET_LEN..];
    let protocol: u16 = if is_ipv4(frame) { 0x0021 } else { 0x0057 };
    let len = u16::try_from(packet.len() + 2).unwrap();
    let mut rest = vec![0x11, 0, 0, 7];
    rest.extend(len.to_be_bytes());
    rest.extend(protocol.to_be_bytes());
    rest.extend(packet);
    ethernet(0x8864, &rest)
}

/// Under one label of MPLS (RFC 3032), the bottom of its stack.
pub(crate) fn under_mpls(frame: &[u8]) -> Vec<u8> {
    let mut rest = vec![0, 1, 0x21, 64];
    rest.extend(&frame[ETHERNET_LEN..]);
    ethernet(0x8847, &rest)
}

/// Octets of an IPv4 header.
pub(crate) fn header_len(packet: &[u8]) -> usize {
    let octets = usize::from(packet[0] & 0x0f) * 4;
    assert!(octets >= IPV4_LEN, "an IPv4 header of {octets} octets");
    octets
}
