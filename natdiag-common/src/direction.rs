//! Which way a packet goes, as seen from the watched interface.

/// The way of one packet through the watched interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Direction {
    /// Received: the remote host is the source.
    Ingress = 0,
    /// Sent: the remote host is the destination.
    Egress = 1,
}

impl Direction {
    /// Reads the octet of a record.
    #[must_use]
    pub const fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            0 => Some(Self::Ingress),
            1 => Some(Self::Egress),
            _ => None,
        }
    }
}
