//! Why a packet could not be read: a layer and a cause, two octets.

/// The header that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Layer {
    /// Ethernet II header.
    Ethernet,
    /// 802.1Q or 802.1ad tag.
    Vlan,
    /// IPv4 header.
    Ipv4,
    /// IPv6 header.
    Ipv6,
    /// IPv6 extension header, the Fragment header included.
    Ipv6Extension,
    /// TCP header.
    Tcp,
    /// UDP header.
    Udp,
    /// `ICMP` or `ICMPv6` header.
    Icmp,
}

/// What is wrong with the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Cause {
    /// The frame ends before the header does.
    Truncated,
    /// A length field contradicts its minimum or the length of what surrounds it.
    BadLength,
    /// The version field is not the one that the layer below announced.
    BadVersion,
    /// More headers of this layer than natdiag reads (two VLAN tags, eight extension headers).
    TooMany,
}

/// Why a packet could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(C)]
pub struct ParseError {
    /// The header concerned.
    pub layer: Layer,
    /// What is wrong with it.
    pub cause: Cause,
}

impl Layer {
    /// All layers, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Ethernet,
        Self::Vlan,
        Self::Ipv4,
        Self::Ipv6,
        Self::Ipv6Extension,
        Self::Tcp,
        Self::Udp,
        Self::Icmp,
    ];

    /// The frame ends before this header does.
    #[inline(always)]
    #[must_use]
    pub const fn truncated(self) -> ParseError {
        ParseError {
            layer: self,
            cause: Cause::Truncated,
        }
    }

    /// A length field of this header is wrong.
    #[inline(always)]
    #[must_use]
    pub const fn bad_length(self) -> ParseError {
        ParseError {
            layer: self,
            cause: Cause::BadLength,
        }
    }

    /// The version field of this header is wrong.
    #[inline(always)]
    #[must_use]
    pub const fn bad_version(self) -> ParseError {
        ParseError {
            layer: self,
            cause: Cause::BadVersion,
        }
    }

    /// There are more headers of this layer than natdiag reads.
    #[inline(always)]
    #[must_use]
    pub const fn too_many(self) -> ParseError {
        ParseError {
            layer: self,
            cause: Cause::TooMany,
        }
    }

    /// The layer's name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ethernet => "ethernet",
            Self::Vlan => "vlan",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Ipv6Extension => "ipv6_extension",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
        }
    }
}

impl Cause {
    /// All causes, in the order of their numbers.
    pub const ALL: [Self; 4] = [
        Self::Truncated,
        Self::BadLength,
        Self::BadVersion,
        Self::TooMany,
    ];

    /// The cause's name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::BadLength => "bad_length",
            Self::BadVersion => "bad_version",
            Self::TooMany => "too_many",
        }
    }
}

impl ParseError {
    /// How many different errors [`Self::index`] tells apart.
    pub const COUNT: usize = Layer::ALL.len() * Cause::ALL.len();

    /// This error's place among all, for counting.
    #[inline(always)]
    #[must_use]
    pub const fn index(self) -> usize {
        self.layer as usize * Cause::ALL.len() + self.cause as usize
    }
}
