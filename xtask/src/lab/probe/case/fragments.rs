//! Tests of fragments: responses that come in pieces, or do not come, and the clamp that cures it.

use super::{super::service, Case, HEALTHY, Test};
use crate::lab::mechanism::{Cut, Gateway, Links, Mechanism};

/// Large packets vanish, and nobody is told.
const LARGE_DROPPED: &str = "table inet large {
    chain forward {
        type filter hook forward priority 0;
        iifname \"inside\" meta length > 1400 drop
    }
}";
const LARGE: Case = Case {
    name: "large",
    test: Test::Fragments,
    service: service::Kind::Large,
    ..HEALTHY
};

/// A server that cuts its packets, or has them cut, behind a gateway that drops the pieces.
const LARGE_GATEWAY: Case = Case {
    mechanisms: &[
        Mechanism::Links(Links::RouterFragments { mtu: 1400 }),
        Mechanism::Gateway(Gateway::DropsFragments),
    ],
    expected: "path-fragmentation",
    says: &["verified on connections"],
    exit_code: 1,
    is_cured: true,
    ..LARGE
};

pub(super) const CASES: &[Case] = &[
    LARGE,
    Case {
        name: "large-ipv6",
        is_brief: false,
        is_v6: true,
        ..LARGE
    },
    Case {
        name: "large-https",
        service: service::Kind::LargeHttps,
        says: &["certificate does not verify"],
        ..LARGE
    },
    Case {
        name: "large-icmp",
        mechanisms: &[Mechanism::Gateway(Gateway::DropsFragments)],
        arguments: &["--icmp"],
        expected: "icmp-fragmentation",
        says: &["proves nothing about TCP"],
        ..LARGE
    },
    Case {
        name: "large-router-cuts",
        mechanisms: &[Mechanism::Links(Links::RouterFragments { mtu: 1400 })],
        expected: "path-fragmentation",
        says: &["verified on connections"],
        exit_code: 1,
        is_cured: true,
        ..LARGE
    },
    Case {
        name: "large-server-cuts",
        mechanisms: &[Mechanism::Links(Links::ServerFragments { mtu: 1300 })],
        service: service::Kind::LargeCut,
        expected: "endpoint-fragmentation",
        says: &["verified on connections"],
        exit_code: 1,
        is_cured: true,
        ..LARGE
    },
    Case {
        name: "large-server-cuts-ipv6",
        is_brief: false,
        mechanisms: &[Mechanism::Splitter(Cut::Fragments { mtu: 1400 })],
        is_v6: true,
        expected: "endpoint-fragmentation",
        says: &["verified on connections"],
        exit_code: 1,
        is_cured: true,
        ..LARGE
    },
    Case {
        name: "large-gateway-drops",
        is_brief: false,
        ..LARGE_GATEWAY
    },
    Case {
        name: "large-gateway-https",
        service: service::Kind::LargeHttps,
        ..LARGE_GATEWAY
    },
    Case {
        name: "large-gateway-endpoint",
        mechanisms: &[
            Mechanism::Links(Links::ServerFragments { mtu: 1300 }),
            Mechanism::Gateway(Gateway::DropsFragments),
        ],
        service: service::Kind::LargeCut,
        expected: "endpoint-fragmentation",
        expected_inside: Some("path-fragmentation"),
        ..LARGE_GATEWAY
    },
    Case {
        name: "large-black-hole",
        router: Some(LARGE_DROPPED),
        expected: "pmtu-black-hole",
        says: &["verified on connections"],
        exit_code: 1,
        is_cured: true,
        ..LARGE
    },
];
