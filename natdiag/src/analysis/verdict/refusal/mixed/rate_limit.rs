//! A rule takes so many connections a second, or so many open ones, and resets the others.

use super::{
    order::outcomes,
    trouble::{Named, Seen, Trouble},
};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    verdict::{
        case::finding,
        contest::fits,
        likelihood::ln_mixture,
        syn::{
            limit::{ln_number_a_second, ln_number_open},
            newest::Decided,
        },
    },
};

pub(super) const RATE_LIMIT: Trouble = Trouble {
    name: "rate-limit",
    // Most rules drop.
    prior: 0.15,
    ln_order,
    // The rule may stand on a device before the host.
    by_other: 0.25,
    named: Some(Named {
        cause: Cause::RateLimit,
        finding: rate_limit,
        why_excluded: |_| "no number of connections is the limit".to_owned(),
        why_left: fits,
    }),
};

fn ln_order(series: &[Decided]) -> f64 {
    // Where none was open, open ones were not too many.
    let mut refused = series.iter().filter(|syn| syn.is_dropped);
    let by_open = if refused.all(|syn| syn.open > 0) {
        ln_number_open(series)
    } else {
        f64::NEG_INFINITY
    };
    ln_mixture(&[(0.7, ln_number_a_second(series)), (0.3, by_open)])
}

fn rate_limit(seen: &Seen, mut evidence: Vec<(&'static str, Evidence)>) -> Finding {
    let port = seen.port.port;
    let rate = taken_a_second(seen.series);
    evidence.push(("taken_per_second", Evidence::Ratio(rate)));
    let summary = format!(
        "a rule takes only so many connections and resets the others: port {port} took {} ({rate:.1} a second) and refused {} with a RST, and the refused ones came when there were many; all hosts behind one address count as one",
        seen.taken, seen.port.by_reset
    );
    let remedy = vec![
        format!(
            "ask the owner of the server for the rule: `iptables -S | grep -E 'limit|reject-with tcp-reset'`, `nft list ruleset | grep -E 'limit|reject with tcp reset'`, or `max-src-conn-rate` with `return-rst` in pf.conf, for port {port}"
        ),
        "open fewer connections: keep them open and use them again, or spread clients over several public addresses".to_owned(),
    ];
    finding(
        Cause::RateLimit,
        Severity::Critical,
        summary,
        evidence,
        remedy,
    )
}

/// Connections that were taken a second.
fn taken_a_second(series: &[Decided]) -> f64 {
    let taken = outcomes(series).answered;
    let span_ns = match series {
        [first, .., last] => last.sent.since(first.sent),
        _ => 0,
    };
    #[expect(clippy::cast_precision_loss, reason = "a rate to be read")]
    let seconds = (span_ns as f64 / 1e9).max(1.0);
    #[expect(clippy::cast_precision_loss, reason = "a rate to be read")]
    let taken = taken as f64;
    taken / seconds
}
