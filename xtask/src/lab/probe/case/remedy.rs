//! Trials of a remedy on the NAT, while all clients connect.

use super::{
    super::{bystander, service},
    ANY, Case, HEALTHY, Test,
};
use crate::lab::mechanism::{Clocks, Era, Gateway, Links, Mechanism};

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

pub(super) const CASES: &[Case] = &[
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
        // That more fail, or that it is SYNs without timestamps: whichever shows first.
        says: &["by itself, because "],
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
