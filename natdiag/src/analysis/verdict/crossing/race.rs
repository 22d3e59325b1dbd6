//! One SYN is lost now and then: two packets want one entry in the table of connections (`insert_failed`).

use super::{local::LOCAL, trouble::Trouble};
use crate::analysis::verdict::likelihood::{Rate, ln_series};

/// Races are lost now and then.
const FEW: Rate = Rate::new(1.0, 4.0);

pub(super) const RACE: Trouble = Trouble {
    // It takes two packets within one moment that get the same entry.
    prior: 0.3,
    // A race may be lost by any SYN, and says nothing about the next.
    ln_likelihood: |seen| ln_series(FEW, seen.here.plus(seen.elsewhere)),
    words: &LOCAL,
};
