//! Links that carry less than TCP believes.

use anyhow::Result;

use crate::lab::network::{NAT, Network};

/// A router that fragments: it may, because the server sends without DF.
pub(super) fn router_fragments(network: &Network, mtu: u32) -> Result<()> {
    network.server.sysctl(&[("ipv4/ip_no_pmtu_disc", "1")])?;
    network.router.ip(&[format!("link set outside mtu {mtu}")])
}

/// A server that fragments its own packets: TCP takes the route's MTU, and a socket whose path MTU discovery is
/// off (`IP_PMTUDISC_OMIT`, see `net/ipv4/ip_output.c:ip_finish_output`) is cut to the device's. The MSS that it
/// announces is the device's.
pub(super) fn server_fragments(network: &Network, mtu: u32) -> Result<()> {
    network.server.ip(&[
        format!("link set eth0 mtu {mtu}"),
        format!(
            "route add {NAT} via 203.0.113.65 dev eth0 mtu lock 1500 advmss {}",
            mtu - 40
        ),
    ])
}
