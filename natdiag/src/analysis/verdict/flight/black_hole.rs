//! Large segments that we send find no way through, and nobody says so: a path MTU black hole (RFC 2923, section 2.1).
//! What stands behind them and is small arrives.

use super::{
    seen::Seen,
    trouble::{Named, SEVERAL, Trouble, counted, ln_stray, ln_stray_silence},
};
use crate::analysis::{
    diagnosis::{Cause, Severity},
    fates::Outcomes,
    verdict::likelihood::{Rate, ln_series},
};

/// Large segments fall into the hole, but for those between the size that counts as large and its MTU.
const FALLS: Rate = Rate::new(5.0, 0.2);
/// Tails arrive, unless they are large as well.
const TAIL_ARRIVES: Rate = Rate::new(5.0, 1.0);

pub(super) const BLACK_HOLE: Trouble = Trouble {
    name: "black hole",
    // Tunnels are everywhere, and so are filters that drop ICMP.
    prior: 0.2,
    ln_first: |seen| ln_stray(seen.first_small()) + ln_series(FALLS, seen.first_large()),
    ln_silence: ln_stray_silence,
    ln_in_use: |seen| ln_stray(seen.in_use_small()) + ln_series(FALLS, seen.in_use_large()),
    ln_tails: |seen| ln_series(TAIL_ARRIVES, seen.tails()),
    cause: Cause::PmtuBlackHole,
    why_excluded: |seen| {
        let large = large(seen);
        if large.dropped == 0 {
            "no large segment is missing".to_owned()
        } else if large.answered > 0 {
            format!("{} large segments got through", large.answered)
        } else {
            "nothing that stood behind the large segments arrived, small as it was".to_owned()
        }
    },
    named: Some(Named {
        is_founded: |seen| large(seen).dropped >= SEVERAL && seen.tails().dropped >= SEVERAL,
        severity: Severity::Critical,
        summary: |seen| {
            format!(
                "full-size segments that are sent vanish and small ones pass: {} beginning with one got stuck, and what stood behind it arrived",
                counted(large(seen).dropped, "flight", "flights")
            )
        },
        remedy: |_| {
            vec![
                "send smaller segments, which proves it: `ip route change ... mtu 1240` (`advmss` would limit what is received)".to_owned(),
                "clamp the MSS to a number, as no interface here knows the limit: `nft add rule inet filter forward tcp flags syn tcp option maxseg size set 1200`".to_owned(),
                "find who drops `ICMP` type 3 code 4 (IPv6: type 2) on the way to the server".to_owned(),
            ]
        },
    }),
};

fn large(seen: Seen) -> Outcomes {
    seen.first_large().plus(seen.in_use_large())
}
