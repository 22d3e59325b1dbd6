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
    /// The direction's name in reports and in the names of files: that of the hook it passes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }

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
