//! The application at the remote host resets: it closed with data unread, or with `SO_LINGER` 0.

use super::{
    silence::{after_silence, ln_any_time},
    trouble::{Named, Signature, Trouble},
};
use crate::analysis::{
    diagnosis::{Cause, Severity},
    fates::resets::signal,
    verdict::{contest::fits, likelihood::Rate},
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
    ln_silence: ln_any_time,
    // A socket that is closed in a hurry sends its RST at once.
    unprovoked: Rate::new(1.0, 1.0),
    named: Some(Named {
        cause: Cause::ResetByApplication,
        is_founded: |_| true,
        severity: Severity::Warning,
        summary: |seen| {
            format!(
                "the application at the remote host resets connections: {} of them",
                seen.resets.total()
            )
        },
        remedy: "look into the application: it closes with data unread, or with SO_LINGER 0",
        why_excluded: |seen| {
            let other_ttl = seen.resets.with(signal::OTHER_TTL);
            let after_silence = after_silence(seen.followed).dropped;
            if other_ttl > 0 {
                format!("{other_ttl} RSTs have another time to live than the SYN-ACK")
            } else if after_silence > 0 {
                format!("{after_silence} RSTs answer what was sent after a silence")
            } else {
                "no socket that is closed sends such RSTs".to_owned()
            }
        },
        why_left: fits,
    }),
};
