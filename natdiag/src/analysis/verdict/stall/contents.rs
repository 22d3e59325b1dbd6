//! A device on the path keeps what it does not like. Data does not tell it well enough to name it.

use super::trouble::{Accused, Trouble, ln_any_size, ln_stray_older, ln_with_a_hole};
use crate::analysis::{
    diagnosis::Cause,
    verdict::{
        contest::fits,
        likelihood::{Rate, ln_series},
    },
};

/// What a filter of contents keeps: any share.
const OPEN: Rate = Rate::new(1.0, 1.0);

pub(super) const CONTENTS: Trouble = Trouble {
    name: "contents",
    // Most filters go by addresses and ports, and so stop the SYN already.
    prior: 0.07,
    ln_holes: |stalls| {
        ln_series(OPEN, stalls.down()) + ln_any_size(stalls) + ln_series(OPEN, stalls.up())
    },
    ln_given_up: ln_with_a_hole,
    ln_older: ln_stray_older,
    accused: Some(Accused {
        cause: Cause::Filtered,
        why_excluded: |stalls| {
            format!(
                "it is the size that decides: {} small holes",
                stalls.small_holes
            )
        },
        why_left: fits,
        named: None,
    }),
};
