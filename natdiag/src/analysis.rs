//! From events and counters to a diagnosis. Pure: no clock, no file, no socket, no log; it cannot fail.

pub mod diagnosis;

use std::net::IpAddr;

use natdiag_common::counter::{RemoteCounts, Totals};

use crate::{
    analysis::diagnosis::Diagnosis,
    event::{Event, Timestamp},
};

/// Everything that is known about the traffic of one source: an interface or a capture.
#[derive(Debug, Default)]
pub struct Analysis {}

impl Analysis {
    /// Adds to the counters of one remote host. `counts` are what came since the last call: sums add up, maxima
    /// (`RemoteCounter::FIRST_MAXIMUM` and up) are raised.
    pub fn count(&mut self, _remote: IpAddr, _counts: &RemoteCounts, _now: Timestamp) {}

    /// Sets the counters of the whole source, as of now.
    pub fn set_totals(&mut self, _totals: &Totals) {}

    /// Takes one event. Events come in the order of their times.
    pub fn observe(&mut self, _event: &Event) {}

    /// Lets time pass: SYNs that nobody answered become dropped, datagrams incomplete, old state goes.
    pub fn advance(&mut self, _now: Timestamp) {}

    /// Says what is known at `now`; `top` bounds the remotes without findings.
    #[must_use]
    pub fn diagnose(&self, _now: Timestamp, _top: usize) -> Diagnosis {
        Diagnosis::default()
    }
}
