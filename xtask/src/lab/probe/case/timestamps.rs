//! Tests of timestamps: servers with `tcp_tw_recycle` of either era, sound ones, and what looks like them.

use super::{
    super::{bystander, service},
    Case, HEALTHY,
};
use crate::lab::mechanism::{Clocks, Era, Filter, Mechanism};

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

/// One in five, by a die that was thrown beforehand: of chance itself one series in fourteen leaves it open whether the
/// server has spells in which it takes nobody.
const LOSSY: &str = "table inet lossy {
    chain forward {
        type filter hook forward priority 0;
        tcp flags & (syn | ack) == syn numgen inc mod 61 { 4, 7, 8, 16, 28, 30, 31, 36, 48, 51, 54, 56 } drop
    }
}";
/// So many SYNs that it is no chance, and so few that it could be much else.
const EVERY_FOURTH_DROPPED: &str = "table inet fourth {
    chain forward {
        type filter hook forward priority 0;
        tcp flags & (syn | ack) == syn numgen inc mod 4 == 3 drop
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
/// Behind the NAT, each client has a clock of its own, in either era.
const UNTIL_316_FIXED_CLOCKS: Case = Case {
    mechanisms: &[
        Mechanism::TwRecycle(Era::Until316),
        Mechanism::Clocks(Clocks::Fixed),
    ],
    ..RECYCLE_UNTIL_316
};
const FROM_317_FIXED_CLOCKS: Case = Case {
    mechanisms: &[
        Mechanism::TwRecycle(Era::From317),
        Mechanism::Clocks(Clocks::Fixed),
    ],
    ..RECYCLE_FROM_317
};

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
        name: "recycle-4.11-of-two",
        is_name_of_two: true,
        seconds: 120,
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
        bystander: Some(bystander::Kind::Polite),
        is_compared: true,
        ..UNTIL_316_FIXED_CLOCKS
    },
    Case {
        name: "foreign-3.16-behind",
        is_brief: false,
        bystander: Some(bystander::Kind::Rare),
        tester_is_ahead: true,
        ..UNTIL_316_FIXED_CLOCKS
    },
    Case {
        name: "foreign-4.11",
        is_brief: false,
        bystander: Some(bystander::Kind::Polite),
        is_compared: true,
        ..FROM_317_FIXED_CLOCKS
    },
    Case {
        name: "foreign-4.11-behind",
        bystander: Some(bystander::Kind::Polite),
        tester_is_ahead: true,
        is_compared: true,
        ..FROM_317_FIXED_CLOCKS
    },
    Case {
        name: "foreign-4.11-rare",
        is_brief: false,
        bystander: Some(bystander::Kind::Rare),
        tester_is_ahead: true,
        ..FROM_317_FIXED_CLOCKS
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
        name: "packet-loss",
        router: Some(LOSSY),
        expected: "packet-loss",
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
];
