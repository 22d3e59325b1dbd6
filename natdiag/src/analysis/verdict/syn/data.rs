//! Data of established connections as a control: what loses SYNs at random loses data too, and a rule about SYNs leaves
//! it alone.

use super::trouble::Seen;
use crate::analysis::{
    fates::Outcomes,
    verdict::{
        data::{Data, STRAY},
        likelihood::{Rate, ln_mixture, ln_series},
    },
};

/// Loss beside another trouble.
const BESIDE: Rate = Rate::new(1.0, 19.0);

/// How likely a trouble makes what became of data each way, where anything is known of it.
pub(super) fn ln_data_of(seen: &Seen, ln: impl Fn(Data) -> f64) -> f64 {
    Data::of_case(seen.case).map_or(0.0, ln)
}

/// A rule about SYNs leaves data alone.
pub(super) fn ln_data(seen: &Seen) -> f64 {
    ln_data_of(seen, |data| {
        ln_left_alone(data.forth) + ln_left_alone(data.back)
    })
}

/// A rule about SYNs leaves data alone; there may be loss beside it.
pub(super) fn ln_left_alone(way: Outcomes) -> f64 {
    ln_mixture(&[
        (0.95, ln_series(STRAY, way)),
        (0.05, ln_series(BESIDE, way)),
    ])
}
