//! What the NAT does besides translating. Each rule counts what it meets under the name `met`.

use anyhow::Result;

use super::filter::MET;
use crate::lab::{
    network::{NAT, Network},
    parameters::Parameters,
};

/// First of the few ports.
const FIRST_PORT: u16 = 20_000;

/// A way of the NAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gateway {
    /// Drops TCP and ICMP fragments as they come in, before anything reassembles them. UDP fragments pass.
    DropsFragments,
    /// Has few ports, which a connection holds as long as it is open: too few for all clients.
    FewPorts,
    /// Has so many times as few ports, and gives them again soon.
    PortsAgain {
        /// How many times.
        times: u16,
    },
    /// Loses some SYNs between its two sides.
    LosesSyns,
    /// Takes no new connection while it has so many.
    TableFull,
    /// Clamps the MSS, by the rule that natdiag recommends against a hole.
    ClampsMss,
}

impl Gateway {
    pub(super) const fn painted_by(self) -> Option<&'static str> {
        match self {
            Self::DropsFragments | Self::FewPorts | Self::PortsAgain { .. } | Self::ClampsMss => {
                None
            }
            Self::LosesSyns => Some("the race of two mappings by a rule that drops"),
            Self::TableFull => Some("the limit of the connection table by `ct count`"),
        }
    }

    pub(super) fn install(self, network: &Network, parameters: &Parameters) -> Result<()> {
        match self {
            Self::DropsFragments => drop_fragments(network),
            Self::FewPorts => few_ports(network, parameters.nat_ports),
            Self::PortsAgain { times } => few_ports(network, parameters.nat_ports * times),
            Self::LosesSyns => forward(
                network,
                &format!(
                    "tcp flags & (syn | ack) == syn numgen random mod 100 < {} counter name {MET} drop",
                    parameters.loss_percent * 2
                ),
            ),
            Self::ClampsMss => network.nat.nft(
                "table inet filter {
                    chain forward {
                        type filter hook forward priority 0;
                    }
                }
                add rule inet filter forward tcp flags syn tcp option maxseg size set 1200",
            ),
            Self::TableFull => forward(
                network,
                &format!(
                    "ct state new ct count over {} counter name {MET} drop",
                    parameters.connections_at_a_time
                ),
            ),
        }
    }
}

fn drop_fragments(network: &Network) -> Result<()> {
    network.nat.nft(
        "table netdev gateway {
            chain arriving {
                type filter hook ingress device \"public\" priority 0;
                ip frag-off & 0x3fff != 0 ip protocol { tcp, icmp } drop
                exthdr frag exists meta l4proto { tcp, ipv6-icmp } drop
            }
        }",
    )
}

fn few_ports(network: &Network, ports: u16) -> Result<()> {
    let last = FIRST_PORT + ports - 1;
    network.nat.nft(&format!(
        "flush chain inet nat postrouting
        add rule inet nat postrouting oifname \"public\" meta l4proto tcp snat ip to {NAT}:{FIRST_PORT}-{last}
        add rule inet nat postrouting oifname \"public\" masquerade"
    ))?;
    network.nat.sysctl(&[
        ("netfilter/nf_conntrack_tcp_timeout_time_wait", "1"),
        ("netfilter/nf_conntrack_tcp_timeout_last_ack", "1"),
        ("netfilter/nf_conntrack_tcp_timeout_close", "1"),
    ])
}

fn forward(network: &Network, rule: &str) -> Result<()> {
    network.nat.nft(&format!(
        "table inet gateway {{
            counter {MET} {{ }}
            chain forward {{
                type filter hook forward priority 0;
                oifname \"public\" {rule}
            }}
        }}"
    ))
}
