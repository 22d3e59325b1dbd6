//! Rates that several hypotheses suppose, each with its reason.

use crate::analysis::{evidence::Outcomes, verdict::likelihood::Rate};

/// Share of SYNs that do not do what a rule of all or nothing says: real servers with tcp_tw_recycle dropped 7,518 of
/// 7,518 SYNs below the mark.
pub(super) const EXCEPTIONS: f64 = 0.000_2;
/// Share of packets that are lost, or come twice, now and then on any path.
pub(super) const NOW_AND_THEN: f64 = 0.001;
/// Share of SYNs that a filter lets through which it should drop: rules have no exceptions, but they are changed.
pub(super) const LEAKS: f64 = 0.000_01;
/// Share of packets lost beside a trouble that lets others pass.
pub(super) const STRAY_LOSS: f64 = 0.01;

/// Loss beside a rule that drops others.
pub(super) const BACKGROUND: Rate = Rate::new(1.0, 19.0);
/// Most are dropped, how many is open.
pub(super) const MOSTLY: Rate = Rate::new(3.0, 1.0);
/// Anything goes.
pub(super) const OPEN: Rate = Rate::new(1.0, 1.0);
/// What was dropped for its four-tuple or its server is dropped again.
pub(super) const AGAIN: Rate = Rate::new(9.0, 1.0);

/// So many dropped and so many answered.
pub(super) const fn outcomes(dropped: u64, answered: u64) -> Outcomes {
    Outcomes { dropped, answered }
}

/// A count as a number to reckon with.
#[expect(clippy::cast_precision_loss, reason = "counts of some SYNs")]
pub(super) const fn count(number: u64) -> f64 {
    number as f64
}
