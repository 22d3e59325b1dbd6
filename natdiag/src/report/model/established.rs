//! Established connections, as the report has them.

use std::time::Duration;

use serde::Serialize;

use crate::{analysis::diagnosis::EstablishedSums, survey};

/// Established connections that are looked at: one in `one_in`, drawn by their four-tuples.
#[derive(Debug, Serialize)]
pub(super) struct LookedAt {
    one_in: u32,
    segments: u64,
    missed: u64,
    let_go: u64,
}

/// What established connections have shown, of those that were looked at.
#[derive(Debug, Serialize)]
pub(super) struct Established {
    connections: u64,
    stuck: u64,
    data_sent: u64,
    data_sent_again: u64,
    data_received: u64,
    data_received_again: u64,
    round_trip_seconds: Option<RoundTrip>,
    longest_idle_lived_seconds: Option<f64>,
    shortest_idle_died_seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
struct RoundTrip {
    median: f64,
    p90: f64,
}

impl From<survey::LookedAt> for LookedAt {
    fn from(looked_at: survey::LookedAt) -> Self {
        let survey::LookedAt {
            one_in,
            segments,
            missed,
            let_go,
        } = looked_at;
        Self {
            one_in,
            segments,
            missed,
            let_go,
        }
    }
}

impl From<&EstablishedSums> for Established {
    fn from(sums: &EstablishedSums) -> Self {
        let seconds = |ns| Duration::from_nanos(ns).as_secs_f64();
        Self {
            connections: sums.connections,
            stuck: sums.stuck,
            data_sent: sums.data_sent,
            data_sent_again: sums.data_sent_again,
            data_received: sums.data_received,
            data_received_again: sums.data_received_again,
            round_trip_seconds: sums.round_trip_ns.map(|(median, p90)| RoundTrip {
                median: seconds(median),
                p90: seconds(p90),
            }),
            longest_idle_lived_seconds: sums.longest_idle_lived_ns.map(seconds),
            shortest_idle_died_seconds: sums.shortest_idle_died_ns.map(seconds),
        }
    }
}
