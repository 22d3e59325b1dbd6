//! Loss so heavy that what is sent again is lost too. Loss is named by SYNs and by data that was
//! sent again, and not by this.

use super::trouble::{Accused, Trouble, ln_any_size, ln_stray_older, ln_with_a_hole};
use crate::analysis::{
    diagnosis::Cause,
    verdict::{
        contest::fits,
        likelihood::{Rate, ln_series},
    },
};

/// Share of connections that loss keeps from going on so long that they are given up: what is lost is sent again.
const LEFT_BY_LOSS: Rate = Rate::new(0.1, 9.9);

pub(super) const LOSS: Trouble = Trouble {
    name: "loss",
    // Loss is frequent, but seldom so heavy.
    prior: 0.2,
    ln_holes: |stalls| {
        ln_series(LEFT_BY_LOSS, stalls.down())
            + ln_any_size(stalls)
            + ln_series(LEFT_BY_LOSS, stalls.up())
    },
    ln_given_up: ln_with_a_hole,
    ln_older: ln_stray_older,
    accused: Some(Accused {
        cause: Cause::PacketLoss,
        why_excluded: |_| "what is lost by chance gets through when it is sent again".to_owned(),
        why_left: fits,
        named: None,
    }),
};
