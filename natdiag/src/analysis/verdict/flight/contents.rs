//! A device on the path keeps what it does not like, or something does that nobody has thought of: any share of any
//! kind of flight. It is never named.

use super::{seen::Seen, trouble::Trouble};
use crate::analysis::{
    diagnosis::Cause,
    verdict::likelihood::{Rate, ln_series},
};

/// Any share.
const ANY: Rate = Rate::new(1.0, 1.0);

pub(super) const CONTENTS: Trouble = Trouble {
    name: "contents",
    // Most filters go by addresses and ports, and so stop the SYN already.
    prior: 0.15,
    ln_first: |seen| ln_series(ANY, seen.first_of_one()) + ln_series(ANY, seen.first_of_several()),
    ln_silence: |seen: Seen| ln_series(ANY, seen.after_silence()),
    ln_in_use: |seen| ln_series(ANY, seen.in_use_small()) + ln_series(ANY, seen.in_use_large()),
    ln_tails: |seen| ln_series(ANY, seen.tails()),
    cause: Cause::Filtered,
    why_excluded: |_| "what hangs has something else in common than its contents".to_owned(),
    named: None,
};
