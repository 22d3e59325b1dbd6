//! Faulty devices in front of the server that rewrite what it sends.

use anyhow::Result;
use aya::EbpfLoader;

use crate::lab::{
    bpf::{self, Attached, EGRESS},
    network::{ETH0, Network},
};

/// What happens to segments with data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// On some connections their timestamps are older than what the client has seen.
    OldTimestamps,
    /// Some lie outside the window.
    OutsideWindow,
}

impl Damage {
    pub(super) fn install(self, network: &Network) -> Result<Attached> {
        let program = match self {
            Self::OldTimestamps => "lab_age_out",
            Self::OutsideWindow => "lab_shift_out",
        };
        bpf::attach(
            &network.server,
            ETH0,
            &[(program, EGRESS)],
            &mut EbpfLoader::new(),
        )
    }
}

/// Segments rewritten.
pub(super) fn segments(attached: &Attached) -> Result<u64> {
    attached.number("DAMAGED_SEGMENTS", 0)
}
