//! The table of connections is full.

use super::{
    local::LOCAL,
    trouble::{Trouble, ln_in_turns},
};
use crate::analysis::{
    fates::Outcomes,
    verdict::likelihood::{Rate, ln_series},
};

pub(super) const FULL_TABLE: Trouble = Trouble {
    // Distributions leave the limit to the size of the memory, and small hosts reach it.
    prior: 0.3,
    // It refuses whoever comes, and about as many everywhere.
    ln_likelihood: |seen| ln_in_turns(seen) + ln_series(as_many_as(seen.here), seen.elsewhere),
    words: &LOCAL,
};

/// A rate like that of others, as if a quarter of them had been seen: it differs from host to host and from time to
/// time.
#[expect(clippy::cast_precision_loss, reason = "counts of SYNs")]
fn as_many_as(others: Outcomes) -> Rate {
    let seen = |count: u64| 1.0 + count as f64 / 4.0;
    Rate::new(seen(others.dropped), seen(others.answered))
}
