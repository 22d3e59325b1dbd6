//! The receiver takes segments for old ones: timestamps that go back are dropped by PAWS (RFC 7323, section 5).

use super::{
    seen::SEVERAL,
    trouble::{Accused, Named, Trouble, ln_no_holes},
};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Severity},
    verdict::{
        contest::fits,
        data::known_since,
        likelihood::{Rate, ln_series},
    },
};

/// Of stalled connections that PAWS holds up, those on which an older timestamp was seen.
const SEEN_OLDER: Rate = Rate::new(9.0, 1.0);

pub(super) const PAWS: Trouble = Trouble {
    name: "paws",
    // It takes a device that answers with a clock of its own.
    prior: 0.03,
    ln_holes: ln_no_holes,
    // What is dropped came by here, and is not missing.
    ln_given_up: |_| 0.0,
    ln_older: |stalls| ln_series(SEEN_OLDER, stalls.older()),
    accused: Some(Accused {
        cause: Cause::PawsEstablished,
        why_excluded: |_| "no timestamp went back".to_owned(),
        why_left: fits,
        named: Some(Named {
            is_founded: |seen| seen.stalls.older >= SEVERAL,
            severity: Severity::Critical,
            summary: |seen| {
                format!(
                    "on {} connections timestamps go back after the handshake: the receiver takes such segments for old ones and drops them",
                    seen.stalls.older
                )
            },
            evidence: |seen| {
                let mut evidence = vec![
                    (
                        "connections_with_older_timestamps",
                        Evidence::Count(seen.stalls.older),
                    ),
                    (
                        "requests_unanswered",
                        Evidence::Count(seen.stalls.unanswered),
                    ),
                ];
                evidence.extend(known_since(seen.case));
                evidence
            },
            remedy: &[
                "find what answers for the server or rewrites timestamps: load balancers and SYN proxies that use a clock of their own",
                "`nstat -az TcpExtPAWSEstab` rises at the receiver",
            ],
            excludes_others: Some(|stalls| {
                format!(
                    "timestamps went back on {} connections, of {} that were given up",
                    stalls.older,
                    stalls.given_up.max(stalls.unanswered)
                )
            }),
        }),
    }),
};
