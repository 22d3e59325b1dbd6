//! What stands before the IP header.

/// How the frames of a device or a capture begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum LinkType {
    /// Ethernet II, with up to two VLAN tags.
    Ethernet = 0,
    /// No link header: the IP header comes first (TUN, `WireGuard`, PPP).
    RawIp = 1,
}
