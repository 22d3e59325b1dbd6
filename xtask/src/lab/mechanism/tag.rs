//! VLAN tags between the NAT and the router, which both of them put on and take off behind the watched hook.

use anyhow::Result;
use aya::EbpfLoader;

use crate::lab::{
    bpf::{self, Attached, EGRESS, INGRESS},
    network::{Network, OUTSIDE, PUBLIC},
    parameters::Parameters,
};

/// How many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tags {
    /// 802.1Q.
    One,
    /// 802.1Q in 802.1ad.
    Two,
}

impl Tags {
    pub(super) fn install(
        self,
        network: &Network,
        parameters: &Parameters,
    ) -> Result<Vec<Attached>> {
        let service = match self {
            Self::One => 0,
            Self::Two => parameters.vlan + 1,
        };
        [(&network.router, OUTSIDE), (&network.nat, PUBLIC)]
            .into_iter()
            .map(|(host, interface)| {
                bpf::attach(
                    host,
                    interface,
                    &[("lab_tag_in", INGRESS), ("lab_tag_out", EGRESS)],
                    EbpfLoader::new()
                        .override_global("CUSTOMER_VLAN", &parameters.vlan, true)
                        .override_global("SERVICE_VLAN", &service, true),
                )
            })
            .collect()
    }
}
