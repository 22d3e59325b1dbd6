//! A server with `net.ipv4.tcp_tw_recycle=1`.

use anyhow::Result;
use aya::EbpfLoader;

use crate::lab::{
    bpf::{self, Attached, EGRESS, INGRESS},
    namespace::Namespace,
    network::ETH0,
};

/// The kernels that knew `tcp_tw_recycle`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// Up to 3.16: a SYN without timestamps passes.
    Until316,
    /// From 3.17 to 4.11: it does not.
    From317,
}

/// What the painted server has counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Syns {
    /// SYNs that reached it.
    pub(crate) seen: u64,
    /// Those that it dropped.
    pub(crate) dropped: u64,
}

/// Puts the rule in front of a server.
pub(crate) fn paint(server: &Namespace, era: Era) -> Result<Attached> {
    let drop_without_timestamps = u8::from(era == Era::From317);
    bpf::attach(
        server,
        ETH0,
        &[("lab_recycle_in", INGRESS), ("lab_recycle_out", EGRESS)],
        EbpfLoader::new().override_global(
            "DROP_WITHOUT_TIMESTAMPS",
            &drop_without_timestamps,
            true,
        ),
    )
}

/// Reads its counters.
pub(super) fn syns(attached: &Attached) -> Result<Syns> {
    Ok(Syns {
        seen: attached.number("RECYCLE_SYNS", 0)?,
        dropped: attached.number("RECYCLE_SYNS", 1)?,
    })
}
