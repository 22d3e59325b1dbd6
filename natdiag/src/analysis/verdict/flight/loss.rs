//! Loss so heavy that what is sent again is lost too. Loss is named by SYNs and by data that was sent again, and not by
//! this.

use super::{seen::Seen, trouble::Trouble};
use crate::analysis::{
    diagnosis::Cause,
    fates::Outcomes,
    verdict::likelihood::{Rate, ln_series},
};

/// Share of flights that loss keeps: what is lost is sent again.
const LEFT_BY_LOSS: Rate = Rate::new(0.1, 9.9);
/// Whether a tail arrives is chance.
const ANY: Rate = Rate::new(1.0, 1.0);

pub(super) const LOSS: Trouble = Trouble {
    name: "loss",
    // Loss is frequent, but seldom so heavy.
    prior: 0.2,
    // It does not ask where a flight stands: all of them have one rate.
    ln_first: |seen| ln_series(LEFT_BY_LOSS, all(seen)),
    ln_silence: |_| 0.0,
    ln_in_use: |_| 0.0,
    ln_tails: |seen| ln_series(ANY, seen.tails()),
    cause: Cause::PacketLoss,
    why_excluded: |_| "what is lost by chance gets through when it is sent again".to_owned(),
    named: None,
};

fn all(seen: Seen) -> Outcomes {
    seen.first_of_one()
        .plus(seen.first_of_several())
        .plus(seen.after_silence())
        .plus(seen.in_use_small())
        .plus(seen.in_use_large())
}
