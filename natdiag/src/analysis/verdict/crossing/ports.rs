//! No port of the NAT is free for this destination.

use super::trouble::{Trouble, Words, ln_in_turns};
use crate::analysis::{
    diagnosis::Cause,
    verdict::likelihood::{Rate, ln_series},
};

/// Share of SYNs to other hosts that are swallowed where ports run out for one: mostly none.
const ELSEWHERE: Rate = Rate::new(0.25, 9.0);

pub(super) const PORTS: Trouble = Trouble {
    // The usual trouble of a NAT with one address and one busy destination.
    prior: 0.4,
    // Ports run out for each host by itself, and for few at a time.
    ln_likelihood: |seen| ln_in_turns(seen) + ln_series(ELSEWHERE, seen.elsewhere),
    words: &Words {
        cause: Cause::NatPortExhaustion,
        summary: "the NAT has no port left for this host",
        remedy: "give the NAT more ports or addresses: a wider range in the masquerade rule, more addresses in `snat to`, or fewer and longer connections",
        // Where this host's own NAT is named for another reason, free ports are not in question.
        why_left_beside: None,
        why_left: "the NAT may have no port left for this host",
    },
};
