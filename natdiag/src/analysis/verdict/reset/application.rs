//! The application at the remote host resets: it closed with data unread, or with `SO_LINGER` 0.

use super::{
    silence::{after_silence, ln_any_time},
    trouble::{Named, Signature, Trouble},
};
use crate::analysis::{
    diagnosis::{Cause, Severity},
    fates::resets::{ResetSums, signal},
    verdict::{case::finding, contest::fits, likelihood::Rate},
};

pub(super) const APPLICATION: Trouble = Trouble {
    name: "application",
    // The usual reason of a RST.
    prior: 0.6,
    signature: Signature {
        other_ttl: 0.005,
        other_header: 0.02,
        stepped: 0.01,
        went_on: 0.001,
        bare: 0.1,
        old: 0.3,
        older_than_usual: 0.1,
    },
    told: 0.01,
    ln_silence: ln_any_time,
    // A socket that is closed in a hurry sends its RST at once.
    unprovoked: Rate::new(1.0, 1.0),
    named: Some(Named {
        cause: Cause::ResetByApplication,
        is_founded: |seen| is_founded(seen.resets),
        finding: |seen, evidence| {
            let summary = format!(
                "the application at the remote host resets connections: {} of them",
                seen.resets.total()
            );
            let remedy = vec![
                "look into the application: it closes with data unread, or with SO_LINGER 0"
                    .to_owned(),
            ];
            finding(
                Cause::ResetByApplication,
                Severity::Warning,
                summary,
                evidence,
                remedy,
            )
        },
        why_excluded: |seen| {
            let other_ttl = seen.resets.with(signal::OTHER_TTL);
            let after_silence = after_silence(seen.followed).dropped;
            if other_ttl > 0 {
                format!("{other_ttl} RSTs come from another distance than the SYN-ACKs")
            } else if after_silence > 0 {
                format!("{after_silence} RSTs answer what was sent after a silence")
            } else {
                "no socket that is closed sends such RSTs".to_owned()
            }
        },
        why_left: fits,
    }),
};

/// Resets of connections from before we looked that say who sends them.
pub(super) const SEVERAL: u64 = 2;

/// Whether the application may be named: not where connections were reset before an octet of an answer, as a device
/// does that dislikes a request, and not for one connection of which nothing else was seen.
fn is_founded(resets: &ResetSums) -> bool {
    let (total, first) = (resets.total(), resets.with(signal::FIRST));
    let before = resets.with(signal::BEFORE);
    let answered = total.saturating_sub(first + before);
    answered * 2 > first || (first == 0 && before >= SEVERAL)
}
