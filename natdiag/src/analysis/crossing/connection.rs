//! A connection on its way through this host, by the transmissions of its SYN.

use std::net::IpAddr;

use natdiag_common::wire::seq::TsVal;

use crate::event::Timestamp;

/// One transmission of a SYN: where it was seen first, and where then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transmission {
    pub(super) tsval: Option<TsVal>,
    pub(super) first: Seen,
    pub(super) then: Option<Seen>,
    pub(super) is_settled: bool,
}

/// Where a packet was seen, and which host of ours had sent it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) time: Timestamp,
    pub(super) source: usize,
    pub(super) near: IpAddr,
}

/// A connection, by its SYNs.
#[derive(Clone, Debug, Default)]
pub(super) struct Connection {
    pub(super) transmissions: Vec<Transmission>,
    /// When the first answer was seen, and by which source.
    pub(super) answered: Option<(Timestamp, usize)>,
    /// Whether it has been counted as its client's.
    pub(super) is_counted: bool,
    pub(super) is_hit: bool,
    /// Whether its answer has been counted.
    pub(super) is_noted: bool,
}
