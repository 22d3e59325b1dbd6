//! Microseconds, as whole numbers and with fractions.

/// As a number with fractions.
#[expect(clippy::cast_precision_loss, reason = "microseconds of some minutes")]
pub(crate) const fn as_f64(number: u64) -> f64 {
    number as f64
}

/// The whole part of a number.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "microseconds of some minutes"
)]
pub(crate) const fn as_u64(number: f64) -> u64 {
    number as u64
}
