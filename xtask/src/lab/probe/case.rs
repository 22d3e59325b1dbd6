//! The servers and paths that natdiag tests, and what it must say about each.

use super::{bystander, service};
use crate::lab::mechanism::{Clocks, Era, Filter, Gateway, Links, Mechanism};

/// A server, the way to it, and what natdiag must say.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) test: Test,
    pub(super) mechanisms: &'static [Mechanism],
    /// Rules of the router.
    pub(super) router: Option<&'static str>,
    pub(super) service: service::Kind,
    /// Whether the guarded port is tested.
    pub(super) is_guarded: bool,
    pub(super) is_v6: bool,
    /// Another client behind the same NAT.
    pub(super) bystander: Option<bystander::Kind>,
    /// Whether that must lose nothing.
    pub(super) bystander_is_safe: bool,
    /// Cause, and kernel where one is told.
    pub(super) expected: &'static str,
    pub(super) exit_code: i32,
}

/// What natdiag is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Timestamps,
    Fragments,
}

const HEALTHY: Case = Case {
    name: "healthy",
    test: Test::Timestamps,
    mechanisms: &[],
    router: None,
    service: service::Kind::Closes,
    is_guarded: false,
    is_v6: false,
    bystander: None,
    bystander_is_safe: true,
    expected: "nothing",
    exit_code: 0,
};

/// A port that was in use when the server closed is not let through for a while.
const USED_PORTS: &str = "table inet ports {
    set used { type inet_service; flags timeout; timeout 60s; }
    chain forward {
        type filter hook forward priority 0;
        tcp flags & (syn | ack) == syn tcp sport @used drop
        iifname \"inside\" tcp flags & fin == fin add @used { tcp dport }
    }
}";
const TIMESTAMPS_DROPPED: &str = "table inet options {
    chain forward {
        type filter hook forward priority 0;
        tcp flags & (syn | ack) == syn tcp option timestamp exists drop
    }
}";
const LIMITED: &str = "table inet limited {
    chain forward {
        type filter hook forward priority 0;
        tcp flags & (syn | ack) == syn limit rate over 1/second burst 3 packets drop
    }
}";

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

/// All of them.
pub(super) const CASES: &[Case] = &[
    HEALTHY,
    Case {
        name: "healthy-ipv6",
        is_v6: true,
        ..HEALTHY
    },
    Case {
        name: "healthy-http",
        service: service::Kind::Http,
        ..HEALTHY
    },
    Case {
        name: "recycle-3.16",
        mechanisms: &[Mechanism::TwRecycle(Era::Until316)],
        expected: "tw-recycle, up to 3.16",
        exit_code: 1,
        ..HEALTHY
    },
    Case {
        name: "recycle-4.11",
        mechanisms: &[Mechanism::TwRecycle(Era::From317)],
        expected: "tw-recycle, 3.17 to 4.11",
        exit_code: 1,
        ..HEALTHY
    },
    Case {
        name: "recycle-4.11-ipv6",
        mechanisms: &[Mechanism::TwRecycle(Era::From317)],
        is_v6: true,
        expected: "tw-recycle, 3.17 to 4.11",
        exit_code: 1,
        ..HEALTHY
    },
    Case {
        name: "recycle-foreign-3.16",
        mechanisms: &[
            Mechanism::TwRecycle(Era::Until316),
            Mechanism::Clocks(Clocks::Fixed),
        ],
        bystander: Some(bystander::Kind::Polite),
        expected: "tw-recycle, up to 3.16",
        exit_code: 1,
        ..HEALTHY
    },
    Case {
        name: "recycle-foreign-4.11",
        mechanisms: &[
            Mechanism::TwRecycle(Era::From317),
            Mechanism::Clocks(Clocks::Fixed),
        ],
        bystander: Some(bystander::Kind::Polite),
        expected: "tw-recycle, 3.17 to 4.11",
        exit_code: 1,
        ..HEALTHY
    },
    Case {
        name: "latent",
        mechanisms: &[Mechanism::TwRecycle(Era::From317)],
        service: service::Kind::Http,
        expected: "tw-recycle-latent, 3.17 to 4.11",
        exit_code: 1,
        ..HEALTHY
    },
    Case {
        name: "not-armable",
        mechanisms: &[Mechanism::TwRecycle(Era::From317)],
        service: service::Kind::Waits,
        expected: "blind",
        exit_code: 3,
        ..HEALTHY
    },
    Case {
        name: "timestamps-filtered",
        router: Some(TIMESTAMPS_DROPPED),
        expected: "timestamps-filtered",
        exit_code: 1,
        ..HEALTHY
    },
    Case {
        name: "port-reuse",
        router: Some(USED_PORTS),
        expected: "port-reuse",
        exit_code: 1,
        ..HEALTHY
    },
    Case {
        name: "filtered",
        mechanisms: &[Mechanism::Filter(Filter::GuardedPort)],
        is_guarded: true,
        expected: "filtered",
        exit_code: 1,
        ..HEALTHY
    },
    Case {
        name: "refused",
        service: service::Kind::Absent,
        expected: "refused",
        exit_code: 1,
        ..HEALTHY
    },
    Case {
        name: "rate-limit",
        router: Some(LIMITED),
        expected: "rate-limit",
        exit_code: 1,
        ..HEALTHY
    },
    Case {
        name: "overload",
        service: service::Kind::Overloaded,
        bystander: Some(bystander::Kind::Greedy),
        bystander_is_safe: false,
        expected: "backlog-overflow",
        exit_code: 1,
        ..HEALTHY
    },
    LARGE,
    Case {
        name: "large-ipv6",
        is_v6: true,
        ..LARGE
    },
    Case {
        name: "large-router-cuts",
        mechanisms: &[Mechanism::Links(Links::RouterFragments { mtu: 1400 })],
        expected: "path-fragmentation",
        exit_code: 1,
        ..LARGE
    },
    Case {
        name: "large-gateway-drops",
        mechanisms: &[
            Mechanism::Links(Links::RouterFragments { mtu: 1400 }),
            Mechanism::Gateway(Gateway::DropsFragments),
        ],
        expected: "path-fragmentation",
        exit_code: 1,
        ..LARGE
    },
    Case {
        name: "large-black-hole",
        router: Some(LARGE_DROPPED),
        expected: "pmtu-black-hole",
        exit_code: 1,
        ..LARGE
    },
];
