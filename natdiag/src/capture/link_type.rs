//! What link types of captures are called, and what to do about those that are not read.

use pcap_file::DataLink;

/// Link types that natdiag reads, as an error says it.
pub(super) const READ: &str =
    "Ethernet, raw IP, loopback, Linux cooked, PPP, PPPoE, NFLOG, PKTAP and IPNET";

/// Name and number of a link type.
pub(super) fn link_type_name(link_type: u32) -> String {
    let known = DataLink::from(link_type);
    if known == DataLink::Unknown(link_type) {
        format!("{link_type} (of no name that natdiag knows)")
    } else {
        format!("{known:?} ({link_type})")
    }
}

/// What works in place of a link type that natdiag does not read.
pub(super) const fn advice(link_type: u32) -> &'static str {
    match link_type {
        // 802.11, with and without what the radio says.
        105 | 119 | 127 | 163 | 192 => {
            "what a radio hears is encrypted: capture on the interface of a host that takes part, without monitor mode"
        }
        // Bluetooth, USB, 802.15.4, CAN, netlink and other buses.
        187 | 189 | 195 | 201 | 220 | 227 | 230 | 240 | 249 | 251..=256 | 266 => {
            "there is no IP in it: capture on the network interface, or with `-i any`"
        }
        _ => "capture on the interface that carries IP, or with `-i any`",
    }
}
