//! Something on the path forges RSTs.

use super::{
    silence::{after_silence, ln_any_time},
    trouble::{Named, Signature, Trouble},
};
use crate::analysis::{
    diagnosis::{Cause, Severity},
    fates::resets::{ResetSums, signal},
    verdict::{case::finding, contest::fits, likelihood::Rate},
};

/// Independent signals without which nobody is said to forge.
const SIGNALS: u32 = 2;

pub(super) const INJECTED: Trouble = Trouble {
    name: "injected",
    // It takes a device that looks into connections and dislikes some.
    prior: 0.05,
    signature: Signature {
        other_ttl: 0.85,
        other_header: 0.6,
        stepped: 0.5,
        went_on: 0.4,
        bare: 0.6,
        old: 0.1,
        older_than_usual: 0.05,
    },
    told: 0.003,
    ln_silence: ln_any_time,
    // A forger answers what it dislikes, from either side.
    unprovoked: Rate::new(2.0, 2.0),
    named: Some(Named {
        cause: Cause::ResetInjected,
        is_founded: |seen| signals(seen.resets) >= SIGNALS,
        finding: |seen, evidence| {
            let summary = format!(
                "{} connections were reset by something on the path, not by the host",
                seen.resets.total()
            );
            let remedy = vec![
                "look for an intrusion prevention system or a filter on the way; compare with another path".to_owned(),
            ];
            finding(
                Cause::ResetInjected,
                Severity::Critical,
                summary,
                evidence,
                remedy,
            )
        },
        why_excluded: |seen| {
            let after_silence = after_silence(seen.followed).dropped;
            let (old, total) = (seen.resets.with(signal::OLD), seen.resets.total());
            if after_silence > 0 {
                format!("{after_silence} RSTs came when connections went on after a silence")
            } else if signals(seen.resets) == 0 {
                "the RSTs come from where the SYN-ACKs come from, and look like them".to_owned()
            } else if old * 2 > total {
                format!(
                    "{old} of {total} connections were older than a request and its response take: a forger resets young ones"
                )
            } else {
                "what the RSTs look like fits another cause far better".to_owned()
            }
        },
        why_left: fits,
    }),
};

/// Signals of forgery that any RST shows.
fn signals(resets: &ResetSums) -> u32 {
    [
        signal::OTHER_TTL,
        signal::OTHER_HEADER,
        signal::STEPPED,
        signal::WENT_ON,
    ]
    .into_iter()
    .map(|bit| u32::from(resets.with(bit) > 0))
    .sum()
}
