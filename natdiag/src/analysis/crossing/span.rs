//! When a source was watched.

use crate::event::Timestamp;

/// From when on a source shows everything, and up to when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The beginning.
    pub from: Timestamp,
    /// The end, if it has come.
    pub until: Option<Timestamp>,
}

impl Span {
    /// What is left of it after a time in which something was missed.
    #[must_use]
    pub fn after(self, missed_until: Option<Timestamp>) -> Self {
        Self {
            from: self.from.max(missed_until.unwrap_or_default()),
            ..self
        }
    }

    /// Whether all of a time is in it.
    pub(super) fn holds(self, from: Timestamp, length_ns: u64) -> bool {
        from >= self.from && self.until.is_none_or(|until| from.plus(length_ns) <= until)
    }
}
