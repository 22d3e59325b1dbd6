//! The clocks of the clients.

use anyhow::{Context as _, Result};
use aya::EbpfLoader;

use crate::lab::{
    bpf::{self, Attached},
    network::{ETH0, Network},
};

/// Gives each client a base of its own, as hosts have that booted at different times. Linux's timestamps without a
/// random offset (`tcp_timestamps=2`) are the machine's clock.
pub(super) fn set(network: &Network, bases: &[u32]) -> Result<Vec<Attached>> {
    network
        .clients
        .iter()
        .zip(bases)
        .map(|(client, base)| {
            client.sysctl(&[("ipv4/tcp_timestamps", "2")])?;
            bpf::attach(
                client,
                ETH0,
                ["lab_clock_in", "lab_clock_out"],
                EbpfLoader::new().override_global("CLOCK_BASE", base, true),
            )
        })
        .collect()
}

/// Turns the last client's timestamps off.
pub(super) fn silence_last(network: &Network) -> Result<()> {
    let last = network.clients.last().context("there is no client")?;
    last.sysctl(&[("ipv4/tcp_timestamps", "0")])
}
