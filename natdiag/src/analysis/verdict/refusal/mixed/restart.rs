//! The host or its service was restarted, and refused until it was back.

use super::{
    order::{ln_spell, spells},
    trouble::{Named, Trouble},
};
use crate::analysis::{
    diagnosis::Cause,
    verdict::{contest::fits, restart::restarted},
};

pub(super) const RESTART: Trouble = Trouble {
    name: "restart",
    // The usual reason for a port to be closed for a while.
    prior: 0.4,
    ln_order: |series| ln_spell(series, |end| end < series.len()),
    by_other: 0.02,
    named: Some(Named {
        cause: Cause::ServerRestart,
        finding: |seen, evidence| restarted(seen.syns, evidence),
        why_excluded: |seen| match spells(seen.series) {
            0 | 1 => "none was taken after the refusals".to_owned(),
            several => format!("refusals come in {several} spells"),
        },
        why_left: fits,
    }),
};
