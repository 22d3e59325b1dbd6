//! Large packets find no way through, and nobody says so: a path MTU black hole (RFC 2923, section 2.1).

use super::{
    seen::{SEVERAL, Seen, Stalls},
    trouble::{Accused, Named, Trouble, ln_any_size, ln_stray, ln_stray_older, ln_with_a_hole},
};
use crate::analysis::{
    diagnosis::{Cause, Severity},
    fates::Outcomes,
    verdict::{
        contest::fits,
        likelihood::{Rate, ln_known, ln_mixture, ln_series},
    },
};

/// Large segments fall into a hole, but for those between [`SMALL_PACKET_OCTETS`] and its MTU: how many there are of
/// them depends on the sizes of the responses.
///
/// [`SMALL_PACKET_OCTETS`]: natdiag_common::follow::SMALL_PACKET_OCTETS
const FALLS: Rate = Rate::new(5.0, 0.2);
/// Share of the holes beside it that are smaller than a large segment.
const SMALL: f64 = 0.02;
/// Directions that a hole hits: of responses alone, of what we send alone, of both.
const DIRECTIONS: [f64; 3] = [0.6, 0.25, 0.15];

pub(super) const BLACK_HOLE: Trouble = Trouble {
    name: "black hole",
    // Tunnels are everywhere, and so are filters that drop ICMP.
    prior: 0.2,
    ln_holes,
    ln_given_up: ln_with_a_hole,
    ln_older: ln_stray_older,
    accused: Some(Accused {
        cause: Cause::PmtuBlackHole,
        why_excluded: |stalls| {
            if stalls.black() == 0 {
                "no full-size segment is known to be missing".to_owned()
            } else {
                format!(
                    "{} large segments got through",
                    stalls.large_received + stalls.large_acknowledged
                )
            }
        },
        why_left: fits,
        named: Some(Named {
            // Behind a NAT, fragments that it dropped leave the same hole in what comes; not in what we send.
            is_founded: |seen| {
                let holes = if seen.syns.shared_address {
                    seen.stalls.large_stuck
                } else {
                    seen.stalls.black()
                };
                holes >= SEVERAL
            },
            severity: Severity::Critical,
            summary,
            evidence: |seen| seen.evidence(),
            remedy: &[
                "fetch the same with a smaller MSS, which proves it: `ip route change ... advmss 1200`",
                "clamp the MSS: `nft add rule inet filter forward tcp flags syn tcp option maxseg size set rt mtu`",
                "find who drops `ICMP` type 3 code 4 (IPv6: type 2) on the way to the server",
            ],
            excludes_others: None,
        }),
    }),
};

fn ln_holes(stalls: &Stalls) -> f64 {
    let (down, up) = (stalls.down(), stalls.up());
    // A hole that nothing fell into explains nothing.
    let hole = |way: Outcomes| {
        if way.dropped > 0 {
            ln_series(FALLS, way)
        } else {
            f64::NEG_INFINITY
        }
    };
    let by_size = ln_known(1.0 - SMALL, stalls.sizes());
    let [downwards, upwards, both] = DIRECTIONS;
    ln_mixture(&[
        (downwards, hole(down) + by_size + ln_stray(up)),
        (upwards, ln_stray(down) + ln_any_size(stalls) + hole(up)),
        (both, hole(down) + by_size + hole(up)),
    ])
}

fn summary(seen: &Seen) -> String {
    let stalls = &seen.stalls;
    let what = if stalls.large_stuck > stalls.large_holes {
        format!(
            "{} of those that were sent were tried again and again in vain",
            stalls.large_stuck
        )
    } else {
        format!(
            "{} responses came without their full-size segments, {} requests were answered in full",
            stalls.large_holes, seen.syns.answered_requests
        )
    };
    format!("full-size segments vanish and small ones pass: {what}")
}
