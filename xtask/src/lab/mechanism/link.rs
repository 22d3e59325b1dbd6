//! What links carry, and where they lead.

use anyhow::Result;

use crate::lab::network::{self, BACKUP, ETH0, NAT, Network, OUTSIDE, PUBLIC};

/// A change of links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// The router's link to the NAT has this MTU, and the server leaves DF clear.
    RouterFragments {
        /// MTU in octets.
        mtu: u32,
    },
    /// The router's link to the NAT has this MTU, and the server sets DF: the router says so by `ICMP`.
    RouterRefuses {
        /// MTU in octets.
        mtu: u32,
    },
    /// The server's own link has a smaller MTU than its TCP believes; IPv4.
    ServerFragments {
        /// MTU in octets.
        mtu: u32,
    },
    /// Segments are merged and cut by the devices.
    Offloads,
    /// The router's link to the server is slow.
    Slow,
    /// What the server sends to the NAT comes in by a second link, where the NAT's reverse path filter drops it.
    AsymmetricRoute {
        /// Whether the NAT's reverse path filter drops that.
        is_filtered: bool,
    },
}

impl Links {
    pub(super) fn change(self, network: &Network) -> Result<()> {
        match self {
            Self::RouterFragments { mtu } => {
                network.server.sysctl(&[("ipv4/ip_no_pmtu_disc", "1")])?;
                narrow(network, mtu)
            }
            Self::RouterRefuses { mtu } => narrow(network, mtu),
            Self::ServerFragments { mtu } => server_fragments(network, mtu),
            Self::Offloads => offload(network),
            Self::Slow => network
                .router
                .tc("qdisc add dev inside root tbf rate 600kbit burst 2000 limit 200000"),
            Self::AsymmetricRoute { is_filtered } => second_uplink(network, is_filtered),
        }
    }
}

/// The router's link to the NAT carries less.
fn narrow(network: &Network, mtu: u32) -> Result<()> {
    network
        .router
        .ip(&[format!("link set {OUTSIDE} mtu {mtu}")])
}

/// A server that fragments its own packets: TCP takes the route's MTU, and a socket whose path MTU discovery is
/// off (`IP_PMTUDISC_OMIT`, see `net/ipv4/ip_output.c:ip_finish_output`) is cut to the device's. The MSS that it
/// announces is the device's.
fn server_fragments(network: &Network, mtu: u32) -> Result<()> {
    network.server.ip(&[
        format!("link set {ETH0} mtu {mtu}"),
        format!(
            "route add {NAT} via 203.0.113.65 dev {ETH0} mtu lock 1500 advmss {}",
            mtu - 40
        ),
    ])
}

/// Turns on what [`network::link`] has turned off, on the way from the server to the watched interface.
fn offload(network: &Network) -> Result<()> {
    for (host, interface) in [
        (&network.server, ETH0),
        (&network.router, "inside"),
        (&network.router, OUTSIDE),
        (&network.nat, PUBLIC),
    ] {
        network::set_offloads(host, interface, "on")?;
    }
    Ok(())
}

fn second_uplink(network: &Network, is_filtered: bool) -> Result<()> {
    network::link((&network.nat, BACKUP), (&network.router, "outside2"))?;
    network.nat.sysctl(&[
        ("ipv4/conf/all/rp_filter", "0"),
        (
            "ipv4/conf/backup/rp_filter",
            if is_filtered { "1" } else { "0" },
        ),
    ])?;
    network.nat.ip(&[
        "addr add 203.0.113.5/30 dev backup".to_owned(),
        format!("link set {BACKUP} up"),
    ])?;
    network.router.ip(&[
        "addr add 203.0.113.6/30 dev outside2".to_owned(),
        "link set outside2 up".to_owned(),
        format!("route add {NAT}/32 via 203.0.113.5 dev outside2"),
    ])
}
