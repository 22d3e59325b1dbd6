//! A SYN that was not lost, as the server and what stands before it see it.

/// A SYN as it arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// When, in microseconds.
    pub(crate) time_us: u64,
    /// Its timestamp.
    pub(crate) tsval: Option<u32>,
    /// The address that the server sees.
    pub(crate) seen_as: u32,
    /// The host that sent it.
    pub(crate) client: u32,
    /// The port asked for.
    pub(crate) port: u16,
    /// The port of the client.
    pub(crate) source_port: u16,
    /// What the path and the balancer hash.
    pub(crate) hash: u32,
    /// Whether the four-tuple is in TIME-WAIT at the server.
    pub(crate) in_time_wait: bool,
    /// Whether it asks for ECN.
    pub(crate) asks_for_ecn: bool,
    /// Whether its source port is odd.
    pub(crate) port_is_odd: bool,
    /// How many SYNs of this connection came before.
    pub(crate) attempt: usize,
}
