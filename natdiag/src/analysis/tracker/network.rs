//! What the hosts of one network do together: where all are silent, it is the way there.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::Tracker;
use crate::analysis::fates::{SynSums, neighbours::Neighbours};
use crate::seed::Seed;

/// SYNs that must have been dropped for a host to count as silent.
const SILENT: u64 = 2;

/// The networks of all silent hosts.
#[derive(Debug, Default)]
pub struct Networks {
    hosts: HashMap<IpAddr, Neighbours, Seed>,
}

impl Networks {
    /// The other hosts in the network of one.
    #[must_use]
    pub fn neighbours(&self, address: IpAddr, sums: &SynSums) -> Neighbours {
        let mut neighbours = self
            .hosts
            .get(&network(address))
            .copied()
            .unwrap_or_default();
        if is_silent(sums) {
            neighbours.silent = neighbours.silent.saturating_sub(1);
        } else if sums.all().answered > 0 {
            neighbours.answering = neighbours.answering.saturating_sub(1);
        }
        neighbours
    }
}

impl Tracker {
    /// What the hosts of each network do in which one is silent.
    #[must_use]
    pub fn networks(&self) -> Networks {
        let mut hosts: HashMap<IpAddr, Neighbours, Seed> = HashMap::default();
        for (address, state) in &self.remotes {
            if is_silent(&state.sums) {
                hosts.entry(network(*address)).or_default().silent += 1;
            }
        }
        if !hosts.is_empty() {
            for (address, state) in &self.remotes {
                if state.sums.all().answered > 0
                    && let Some(neighbours) = hosts.get_mut(&network(*address))
                {
                    neighbours.answering += 1;
                }
            }
        }
        Networks { hosts }
    }
}

fn is_silent(sums: &SynSums) -> bool {
    let all = sums.all();
    all.answered == 0 && all.dropped >= SILENT
}

/// The /24 or /64 of an address: the smallest networks that routes are announced for (RFC 7454, section 6.1.3; RFC
/// 4291, section 2.5.4).
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & !0xff).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}
