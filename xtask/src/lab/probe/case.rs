//! The servers and paths that natdiag tests, and what it must say about each.

use super::{bystander, service};
use crate::lab::mechanism::{Clocks, Cut, Era, Filter, Gateway, Links, Mechanism};

/// A server, the way to it, and what natdiag must say.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is something that a case has or has not"
)]
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
    /// Whether the client that tests has the higher clock, where natdiag runs on one.
    pub(super) tester_is_ahead: bool,
    /// Whether the bystander's packets are captured before and behind the NAT.
    pub(super) is_compared: bool,
    /// Whether another natdiag watches.
    pub(super) is_watched: bool,
    /// Whether the rules that natdiag recommends must cure it.
    pub(super) is_cured: bool,
    /// Arguments beside the target.
    pub(super) arguments: &'static [&'static str],
    /// Cause, and kernel where one is told.
    pub(super) expected: &'static str,
    /// The same behind the NAT, where it is another one.
    pub(super) expected_inside: Option<&'static str>,
    /// Words that must be in the report.
    pub(super) says: &'static [&'static str],
    pub(super) exit_code: i32,
    /// How long it may take.
    pub(super) seconds: u64,
    /// Whether `cargo xtask test` plays it.
    pub(super) is_brief: bool,
}

/// What natdiag is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Timestamps,
    Fragments,
    /// `natdiag watch --remedy-trial SERVER,...` on the NAT, while all clients connect.
    Remedy(&'static str),
}

/// Where the cause is no matter of the case.
pub(super) const ANY: &str = "any cause";

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
    tester_is_ahead: false,
    is_compared: false,
    is_watched: false,
    is_cured: false,
    arguments: &[],
    expected: "nothing",
    expected_inside: None,
    says: &[],
    exit_code: 0,
    seconds: 60,
    is_brief: true,
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

/// A server that cuts its packets, or has them cut, behind a gateway that drops the pieces.
const LARGE_GATEWAY: Case = Case {
    expected: "path-fragmentation",
    says: &["verified on connections"],
    exit_code: 1,
    is_cured: true,
    ..LARGE
};

/// So many SYNs that it is no chance, and so few that it could be much else.
const EVERY_FOURTH_DROPPED: &str = "table inet fourth {
    chain forward {
        type filter hook forward priority 0;
        tcp flags & (syn | ack) == syn numgen inc mod 4 == 3 drop
    }
}";
/// A remedy on trial, while all clients connect.
const TRIAL: Case = Case {
    bystander: Some(bystander::Kind::Polite),
    bystander_is_safe: false,
    expected: ANY,
    exit_code: 1,
    seconds: 50,
    ..HEALTHY
};

/// Something that distrusts small segments.
const SMALL_MSS_DROPPED: &str = "table inet options {
    chain forward {
        type filter hook forward priority 0;
        tcp flags & (syn | ack) == syn tcp option maxseg size < 1000 drop
    }
}";

const RECYCLE_UNTIL_316: Case = Case {
    mechanisms: &[Mechanism::TwRecycle(Era::Until316)],
    expected: "tw-recycle, up to 3.16",
    exit_code: 1,
    ..HEALTHY
};
const RECYCLE_FROM_317: Case = Case {
    mechanisms: &[Mechanism::TwRecycle(Era::From317)],
    expected: "tw-recycle, 3.17 to 4.11",
    exit_code: 1,
    ..HEALTHY
};
/// Behind the NAT, each client has a clock of its own.
const RECYCLE_FIXED_CLOCKS: Case = Case {
    mechanisms: &[
        Mechanism::TwRecycle(Era::From317),
        Mechanism::Clocks(Clocks::Fixed),
    ],
    ..RECYCLE_FROM_317
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
        is_brief: false,
        service: service::Kind::Http,
        ..HEALTHY
    },
    Case {
        name: "healthy-https",
        service: service::Kind::Https,
        says: &["certificate does not verify"],
        ..HEALTHY
    },
    Case {
        name: "recycle-3.16",
        says: &["the textbook would say the same"],
        ..RECYCLE_UNTIL_316
    },
    Case {
        name: "recycle-4.11",
        says: &["timestamps are not to blame, and would be wrong"],
        ..RECYCLE_FROM_317
    },
    Case {
        name: "recycle-4.11-ipv6",
        is_brief: false,
        is_v6: true,
        ..RECYCLE_FROM_317
    },
    Case {
        name: "recycle-3.16-https",
        is_brief: false,
        service: service::Kind::HttpsCloses,
        says: &["after an HTTPS request"],
        ..RECYCLE_UNTIL_316
    },
    Case {
        name: "recycle-4.11-https",
        service: service::Kind::HttpsCloses,
        says: &["after an HTTPS request"],
        ..RECYCLE_FROM_317
    },
    Case {
        name: "recycle-4.11-watched",
        is_watched: true,
        ..RECYCLE_FROM_317
    },
    Case {
        name: "recycle-3.16-thorough",
        is_brief: false,
        arguments: &["--thorough"],
        says: &["3 of 3 SYNs answered", "took what it had dropped"],
        seconds: 130,
        ..RECYCLE_UNTIL_316
    },
    Case {
        name: "recycle-4.11-thorough",
        is_brief: false,
        arguments: &["--thorough"],
        says: &["3 of 3 SYNs answered", "took what it had dropped"],
        seconds: 130,
        ..RECYCLE_FROM_317
    },
    Case {
        name: "foreign-3.16",
        mechanisms: &[
            Mechanism::TwRecycle(Era::Until316),
            Mechanism::Clocks(Clocks::Fixed),
        ],
        bystander: Some(bystander::Kind::Polite),
        is_compared: true,
        ..RECYCLE_UNTIL_316
    },
    Case {
        name: "foreign-3.16-behind",
        is_brief: false,
        mechanisms: &[
            Mechanism::TwRecycle(Era::Until316),
            Mechanism::Clocks(Clocks::Fixed),
        ],
        bystander: Some(bystander::Kind::Rare),
        tester_is_ahead: true,
        ..RECYCLE_UNTIL_316
    },
    Case {
        name: "foreign-4.11",
        is_brief: false,
        bystander: Some(bystander::Kind::Polite),
        is_compared: true,
        ..RECYCLE_FIXED_CLOCKS
    },
    Case {
        name: "foreign-4.11-behind",
        bystander: Some(bystander::Kind::Polite),
        tester_is_ahead: true,
        is_compared: true,
        ..RECYCLE_FIXED_CLOCKS
    },
    Case {
        name: "foreign-4.11-rare",
        is_brief: false,
        bystander: Some(bystander::Kind::Rare),
        tester_is_ahead: true,
        ..RECYCLE_FIXED_CLOCKS
    },
    Case {
        name: "latent-3.16",
        is_brief: false,
        service: service::Kind::Http,
        expected: "tw-recycle-latent, up to 3.16",
        ..RECYCLE_UNTIL_316
    },
    Case {
        name: "latent-4.11",
        service: service::Kind::Http,
        expected: "tw-recycle-latent, 3.17 to 4.11",
        ..RECYCLE_FROM_317
    },
    Case {
        name: "latent-4.11-https",
        service: service::Kind::Https,
        expected: "tw-recycle-latent, 3.17 to 4.11",
        says: &["when asked to over TLS"],
        ..RECYCLE_FROM_317
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
    Case {
        name: "undecided",
        router: Some(EVERY_FOURTH_DROPPED),
        arguments: &["--max-connections", "8"],
        expected: "insufficient-evidence",
        exit_code: 3,
        ..HEALTHY
    },
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
        mechanisms: &[
            Mechanism::Links(Links::RouterFragments { mtu: 1400 }),
            Mechanism::Gateway(Gateway::DropsFragments),
        ],
        ..LARGE_GATEWAY
    },
    Case {
        name: "large-gateway-https",
        mechanisms: &[
            Mechanism::Links(Links::RouterFragments { mtu: 1400 }),
            Mechanism::Gateway(Gateway::DropsFragments),
        ],
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
    Case {
        name: "trial-mss",
        test: Test::Remedy("mss=1300"),
        mechanisms: &[
            Mechanism::Links(Links::RouterFragments { mtu: 1400 }),
            Mechanism::Gateway(Gateway::DropsFragments),
        ],
        service: service::Kind::Large,
        says: &[
            "an MSS of 1300 octets at most on new connections to 203.0.113.80: ended after 12 s, as planned",
            "; with it: 0 of ",
        ],
        ..TRIAL
    },
    Case {
        name: "trial-timestamps",
        is_brief: false,
        test: Test::Remedy("no-timestamps"),
        mechanisms: &[
            Mechanism::TwRecycle(Era::Until316),
            Mechanism::Clocks(Clocks::Fixed),
        ],
        says: &["ended after 12 s, as planned", "; with it: 0 of "],
        ..TRIAL
    },
    Case {
        name: "trial-refused",
        test: Test::Remedy("no-timestamps"),
        mechanisms: &[
            Mechanism::TwRecycle(Era::From317),
            Mechanism::Clocks(Clocks::NoneAtLast),
        ],
        says: &["refused, because SYNs without timestamps are dropped there as well"],
        ..TRIAL
    },
    Case {
        name: "trial-harms-4.11",
        is_brief: false,
        test: Test::Remedy("no-timestamps"),
        mechanisms: &[
            Mechanism::TwRecycle(Era::From317),
            Mechanism::Clocks(Clocks::Fixed),
        ],
        says: &["by itself, because SYNs without timestamps are dropped there as well"],
        ..TRIAL
    },
    Case {
        name: "trial-harms",
        test: Test::Remedy("mss=600"),
        router: Some(SMALL_MSS_DROPPED),
        says: &["by itself, because more connections failed with it"],
        exit_code: 3,
        ..TRIAL
    },
];
