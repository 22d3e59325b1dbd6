//! Rules of the router that drop packets.

use anyhow::Result;

use crate::lab::network::{Network, SERVER};

/// Drops what goes to one port.
pub(super) fn guard_port(network: &Network, port: u16) -> Result<()> {
    forward(network, &format!("tcp dport {port} drop"))
}

/// Drops what goes to the server's first address.
pub(super) fn guard_host(network: &Network) -> Result<()> {
    forward(network, &format!("ip daddr {SERVER} drop"))
}

/// Drops SYNs at random.
pub(super) fn lose_syns(network: &Network, percent: u32) -> Result<()> {
    forward(
        network,
        &format!("tcp flags & (syn | ack) == syn numgen random mod 100 < {percent} drop"),
    )
}

fn forward(network: &Network, rule: &str) -> Result<()> {
    network.router.nft(&format!(
        "table inet filter {{
            chain forward {{
                type filter hook forward priority 0;
                {rule}
            }}
        }}"
    ))
}
