//! Rules that look at what a SYN is: its port, its client, its four-tuple, whether it carries timestamps.

use std::collections::BTreeMap;

use super::rates::{BACKGROUND, LEAKS, STRAY_LOSS, count, outcomes};
use crate::analysis::{
    fates::{Outcomes, Service, SynSums},
    verdict::likelihood::{ln_known, ln_mixture, ln_series},
};

/// Among how many paths or servers one is dead.
const SEVERAL: [f64; 6] = [2.0, 3.0, 4.0, 5.0, 6.0, 8.0];
/// Share of connections that get through late though something is wrong with their four-tuple.
const LATE_ALL_THE_SAME: f64 = 0.02;

/// One kind of SYN is dropped, others only by the way.
pub(super) fn ln_selective(dropped: Outcomes, others: Outcomes) -> f64 {
    if dropped.dropped == 0 {
        return f64::NEG_INFINITY;
    }
    ln_known(1.0 - LEAKS, dropped) + ln_series(BACKGROUND, others)
}

/// Each group is let through or blocked as a whole, at even odds; at least one is blocked.
pub(super) fn ln_filter(groups: impl Iterator<Item = Outcomes>) -> f64 {
    let (mut any, mut open_all) = (0.0, 0.0);
    for group in groups {
        let blocked = ln_known(1.0 - LEAKS, group);
        let open = ln_known(STRAY_LOSS, group);
        any += ln_mixture(&[(0.5, blocked), (0.5, open)]);
        open_all += 0.5_f64.ln() + open;
    }
    // Less the case that none is blocked, which is mere loss.
    any + (-(open_all - any).exp()).ln_1p()
}

pub(super) fn by_port(services: &[Service]) -> impl Iterator<Item = Outcomes> {
    let mut ports = BTreeMap::<u16, Outcomes>::new();
    for service in services {
        let port = ports.entry(service.port).or_default();
        *port = port.plus(service.outcomes);
    }
    ports.into_values()
}

/// Each connection fails or succeeds as a whole, by its four-tuple: one in so many paths or servers is dead.
pub(super) fn ln_four_tuple(syns: &SynSums) -> f64 {
    let connections = syns.connections;
    let whole = outcomes(connections.failed, connections.clean + connections.late);
    let weight = 1.0 / count(SEVERAL.len() as u64);
    let one_in = SEVERAL.map(|paths| (weight, ln_known(1.0 / paths, whole)));
    ln_mixture(&one_in) + ln_known(LATE_ALL_THE_SAME, outcomes(connections.late, 0))
}

pub(super) fn with_timestamps(syns: &SynSums) -> Outcomes {
    syns.predicted_drop.plus(syns.predicted_pass)
}

pub(super) fn without_timestamps(syns: &SynSums) -> Outcomes {
    syns.armed_without_timestamps.plus(syns.without_timestamps)
}
