//! A managed NAT gateway: it knows no TCP or ICMP fragments.

use anyhow::Result;

use crate::lab::network::Network;

/// Drops them as they come in, before anything reassembles them. UDP fragments pass.
pub(super) fn drops_fragments(network: &Network) -> Result<()> {
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
