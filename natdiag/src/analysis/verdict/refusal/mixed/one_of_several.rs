//! Some of several servers behind the address refuse. That names no cause: why they do is not seen from here.

use super::{order::outcomes, trouble::Trouble};
use crate::analysis::verdict::likelihood::{Rate, ln_series};

/// Any share of the servers.
const ANY: Rate = Rate::new(1.0, 1.0);

pub(super) const ONE_OF_SEVERAL: Trouble = Trouble {
    name: "one-of-several",
    // Balancers mostly notice that a server is gone, and do so late.
    prior: 0.2,
    ln_order: |series| ln_series(ANY, outcomes(series)),
    by_other: 0.02,
    named: None,
};
