//! Nothing listens there any more.

use super::{
    order::ln_spell,
    trouble::{Named, Seen, Trouble},
};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    verdict::{case::finding, contest::fits},
};

pub(super) const STOPPED: Trouble = Trouble {
    name: "stopped",
    // Who stops a service mostly starts it again.
    prior: 0.2,
    ln_order: |series| ln_spell(series, |end| end == series.len()),
    by_other: 0.02,
    named: Some(Named {
        cause: Cause::Refused,
        finding: stopped,
        why_excluded: |seen| {
            format!(
                "the port took {} SYNs, and some after it had refused others",
                seen.taken
            )
        },
        why_left: fits,
    }),
};

fn stopped(seen: &Seen, evidence: Vec<(&'static str, Evidence)>) -> Finding {
    let port = seen.port.port;
    let summary = format!(
        "nothing listens on port {port} any more: it took {} SYNs, and then refused {} with a RST",
        seen.taken, seen.port.by_reset
    );
    let remedy = vec![format!(
        "check that the service runs: on the server `ss -ltn 'sport = :{port}'` shows what listens"
    )];
    finding(Cause::Refused, Severity::Warning, summary, evidence, remedy)
}
