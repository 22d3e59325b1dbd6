//! A NAT or load balancer forgot the connection while it was idle, and resets what comes after.

use natdiag_common::follow::{FollowCounts, SILENCES};

use super::{
    application::SEVERAL,
    silence::{BEFORE, after_silence, bounds, sum},
    trouble::{Named, Signature, Trouble},
};
use crate::analysis::{
    diagnosis::{Cause, Severity},
    fates::{Outcomes, resets::signal},
    verdict::{
        case::finding,
        contest::fits,
        likelihood::{Rate, ln_mixture, ln_series},
    },
};

/// After the timeout all are reset, but those that something kept awake unseen.
const AFTER: Rate = Rate::new(9.8, 0.2);
/// Within the class in which the timeout lies, any share.
const AROUND: Rate = Rate::new(1.0, 1.0);

pub(super) const IDLE: Trouble = Trouble {
    name: "idle",
    // Every NAT forgets, mostly after minutes; most connections do not wait so long.
    prior: 0.2,
    signature: Signature {
        other_ttl: 0.6,
        other_header: 0.3,
        stepped: 0.02,
        went_on: 0.002,
        bare: 0.9,
        old: 0.999,
        older_than_usual: 0.9,
    },
    told: 0.01,
    ln_silence,
    // Who has forgotten a connection has nobody to send a RST to.
    unprovoked: Rate::new(0.5, 9.5),
    named: Some(Named {
        cause: Cause::IdleTimeout,
        is_founded: |seen| {
            let total = seen.resets.total();
            seen.resets.with(signal::BEFORE) < total || total >= SEVERAL
        },
        finding: |seen, evidence| {
            let summary = format!(
                "{} connections were reset {}, by somebody who no longer knew them: a NAT or load balancer on the way forgets connections that are idle",
                seen.resets.total(),
                when(seen.followed)
            );
            let remedy = vec![format!(
                "send keep-alives more often than it forgets: `sysctl -w net.ipv4.tcp_keepalive_time={}` and `SO_KEEPALIVE`",
                keep_alive_seconds(seen.followed)
            )];
            finding(
                Cause::IdleTimeout,
                Severity::Warning,
                summary,
                evidence,
                remedy,
            )
        },
        why_excluded: |seen| {
            let after_silence = after_silence(seen.followed);
            if after_silence.dropped == 0 && after_silence.answered > 0 {
                format!(
                    "what was sent after a second of silence or more was answered, {} times",
                    after_silence.answered
                )
            } else {
                "connections were reset that had just opened".to_owned()
            }
        },
        why_left: fits,
    }),
};

/// Any class but the first may hold the timeout.
fn ln_silence(classes: &[Outcomes]) -> f64 {
    let timeouts: Vec<(f64, f64)> = (1..SILENCES)
        .map(|timeout| (1.0, ln_timeout(classes, timeout)))
        .collect();
    let whole: f64 = timeouts.iter().map(|(weight, _)| weight).sum();
    ln_mixture(&timeouts) - whole.ln()
}

fn ln_timeout(classes: &[Outcomes], timeout: usize) -> f64 {
    let (before, rest) = classes.split_at(timeout.min(classes.len()));
    let (around, after) = rest.split_at(1.min(rest.len()));
    ln_series(BEFORE, sum(before)) + ln_series(AROUND, sum(around)) + ln_series(AFTER, sum(after))
}

/// When connections were reset that somebody had forgotten.
fn when(followed: &FollowCounts) -> String {
    match bounds(followed) {
        Some((reset, answered)) if reset.from_seconds > answered.from_seconds => format!(
            "when they went on after a silence {reset}, while after one {answered} they went on unharmed"
        ),
        Some((reset, _)) if reset.from_seconds > 0 => {
            format!("when they went on after a silence {reset}")
        }
        _ => "long after they opened".to_owned(),
    }
}

/// How often keep-alives must be sent: twice while nobody forgets, and once a minute where that is not known or longer.
fn keep_alive_seconds(followed: &FollowCounts) -> u64 {
    const USUAL_SECONDS: u64 = 60;
    bounds(followed)
        .map(|(reset, _)| reset.from_seconds / 2)
        .filter(|seconds| (1..USUAL_SECONDS).contains(seconds))
        .unwrap_or(USUAL_SECONDS)
}
