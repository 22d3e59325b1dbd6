//! Who makes fragments: the server itself, or a hop on the path with a smaller MTU.

use natdiag_common::counter::RemoteCounter;

use super::{super::case::Case, FRAGMENT_UNIT, headers};
use crate::analysis::diagnosis::{Alternative, Cause};

/// MTU of Ethernet: what to suppose where no SYN-ACK told an MSS.
const ETHERNET_MTU: u64 = 1500;

/// Confidence that the endpoint fragments where routers cannot: IPv6, or Don't Fragment set.
const ONLY_ENDPOINT: f64 = 0.999;
/// The endpoint fragments at its own MTU, which its MSS tells; a hop with just this MTU is rare (1 in 50, as first
/// fragments at other sizes are about 1 in 20 from endpoints with a tunnel of their own).
const AT_ENDPOINT_MTU: f64 = 0.98;
/// A hop fragments where first fragments are smaller than the endpoint's own MTU, which its MSS tells; few endpoints do
/// so.
const BELOW_ENDPOINT_MTU: f64 = 0.96;
/// A hop fragments where first fragments are smaller than the MTU of Ethernet, which is supposed where no MSS was seen.
const SUPPOSED_MTU: f64 = 0.75;

/// Who makes fragments, how sure that is, and what tells.
pub(super) struct Maker {
    pub(super) cause: Cause,
    pub(super) confidence: f64,
    pub(super) told_by: String,
}

pub(super) fn maker(case: &Case, largest: u64) -> Maker {
    let offered = case
        .syns
        .and_then(|syns| syns.largest_mss)
        .map(|mss| u64::from(mss) + headers(case));
    let endpoint_mtu = offered.unwrap_or(ETHERNET_MTU);
    let endpoint = |confidence, told_by: String| Maker {
        cause: Cause::EndpointFragmentation,
        confidence,
        told_by,
    };
    if case.is_ipv6 {
        endpoint(ONLY_ENDPOINT, "IPv6 routers do not fragment".to_owned())
    } else if case.counts.value(RemoteCounter::FragmentDontFragment) > 0 {
        endpoint(
            ONLY_ENDPOINT,
            "no router may fragment what has Don't Fragment set".to_owned(),
        )
    } else if largest + FRAGMENT_UNIT >= endpoint_mtu {
        let told_by = format!(
            "the first fragments are as large as the server's own MTU, {endpoint_mtu} octets"
        );
        endpoint(offered.map_or(SUPPOSED_MTU, |_| AT_ENDPOINT_MTU), told_by)
    } else {
        Maker {
            cause: Cause::PathFragmentation,
            confidence: offered.map_or(SUPPOSED_MTU, |_| BELOW_ENDPOINT_MTU),
            told_by: format!(
                "the first fragments have {largest} octets, less than the server's own MTU of {endpoint_mtu}"
            ),
        }
    }
}

/// The one that it could be in place of `cause`, and what stands against it.
pub(super) fn other_maker(cause: Cause) -> Alternative {
    if cause == Cause::PathFragmentation {
        Alternative {
            cause: Cause::EndpointFragmentation,
            why: "a tunnel on the server itself would make such fragments too".to_owned(),
        }
    } else {
        Alternative {
            cause: Cause::PathFragmentation,
            why: "a router would have cut at its own, smaller MTU".to_owned(),
        }
    }
}
