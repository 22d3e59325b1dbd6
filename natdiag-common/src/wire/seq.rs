//! Numbers that wrap: compared modulo 2^32, never by `<`.

/// A TCP sequence number (RFC 9293, section 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "user", derive(serde::Serialize, serde::Deserialize))]
#[repr(transparent)]
pub struct SeqNumber(pub u32);

impl SeqNumber {
    /// The number `octets` later.
    #[must_use]
    pub const fn plus(self, octets: u32) -> Self {
        Self(self.0.wrapping_add(octets))
    }

    /// Whether this number comes at or after `other`, on the half circle.
    #[must_use]
    pub const fn at_or_after(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0) < 1 << 31
    }
}

/// A TCP timestamp value (RFC 7323, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "user", derive(serde::Serialize, serde::Deserialize))]
#[repr(transparent)]
pub struct TsVal(pub u32);

impl TsVal {
    /// How far this value is ahead of `other`, as the kernel's `(s32)(a - b)`: positive when later, negative when
    /// earlier.
    #[must_use]
    pub const fn ahead_of(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0).cast_signed()
    }
}

#[cfg(test)]
mod tests;
