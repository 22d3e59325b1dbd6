//! The host has lost the connection: a restart, a failover.

use super::{
    silence::{BEFORE, sum},
    trouble::{Named, Signature, Trouble},
};
use crate::analysis::{
    diagnosis::Cause,
    fates::{Outcomes, resets::signal},
    verdict::{
        contest::fits,
        likelihood::{Rate, ln_series},
        restart::{restarted, story},
    },
};

/// A restart resets what was open then. It is in use or not; the longer the silence, the likelier it fell into it.
const OPEN_THEN: Rate = Rate::new(1.0, 1.0);

pub(super) const RESTART: Trouble = Trouble {
    name: "restart",
    // Hosts are restarted now and then, and whoever is connected sees it.
    prior: 0.15,
    signature: Signature {
        other_ttl: 0.02,
        other_header: 0.02,
        stepped: 0.05,
        went_on: 0.001,
        bare: 0.99,
        old: 0.5,
        older_than_usual: 0.1,
    },
    // A restart mostly makes the whole story where SYNs are sent meanwhile; with the others it happens by accident.
    told: 0.4,
    ln_silence,
    // What is open is told at once by a host that shuts down, and with the next segment by one that comes up.
    unprovoked: Rate::new(1.0, 3.0),
    named: Some(Named {
        cause: Cause::ServerRestart,
        is_founded: |seen| story(seen.syns).is_some(),
        finding: |seen, evidence| restarted(seen.syns, evidence),
        why_excluded: |seen| {
            if seen.resets.with(signal::BARE) == 0 {
                "the RSTs come from sockets that were open".to_owned()
            } else {
                "the host was not away before: no silence, and no port that refused".to_owned()
            }
        },
        why_left: fits,
    }),
};

fn ln_silence(classes: &[Outcomes]) -> f64 {
    let (at_once, later) = classes.split_at(1.min(classes.len()));
    ln_series(BEFORE, sum(at_once)) + ln_series(OPEN_THEN, sum(later))
}
