//! Fields that follow from the rest of a packet: checksums and lengths.

/// The Internet checksum (RFC 1071).
pub(super) fn checksum(octets: &[u8]) -> u16 {
    fold(sum(octets))
}

/// The sum of octets, two at a time.
pub(super) fn sum(octets: &[u8]) -> u64 {
    octets
        .chunks(2)
        .map(|pair| match *pair {
            [high, low] => u64::from(u16::from_be_bytes([high, low])),
            [high] => u64::from(high) << 8,
            _ => 0,
        })
        .sum()
}

/// A sum as the checksum that it gives: folded to two octets, every bit turned over.
pub(super) fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !u16::try_from(sum).unwrap_or(0)
}

/// A length for a field of two octets; what does not fit becomes the largest value.
pub(super) fn len_u16(octets: usize) -> u16 {
    u16::try_from(octets).unwrap_or(u16::MAX)
}
