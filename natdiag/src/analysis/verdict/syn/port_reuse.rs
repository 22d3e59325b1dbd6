//! Ports used again too early: the server holds the four-tuple in TIME-WAIT.

use super::{
    channel,
    data::ln_data,
    finding::finding,
    rates::{BACKGROUND, OPEN},
    trouble::{Excluded, Seen, Trouble, no_others},
};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    fates::SynSums,
    verdict::likelihood::{ln_mixture, ln_series},
};

pub(super) const TROUBLE: Trouble = Trouble {
    prior: 0.03,
    cause: Cause::PortReuse,
    also: None,
    beside: &[],
    is_random: false,
    is_alike: false,
    ln_fates,
    ln_lost_answers: channel::ln_lost_answers,
    ln_repeats: channel::ln_repeats,
    ln_aborts: channel::ln_aborts,
    ln_reuse: |seen| {
        if seen.syns.acks == 0 && seen.syns.reused.dropped == 0 {
            f64::NEG_INFINITY
        } else {
            channel::ln_port_reuse(seen.syns)
        }
    },
    ln_clocks: channel::ln_clocks,
    ln_neighbours: channel::ln_neighbours,
    ln_data,
    can_be_named: |_, _| true,
    finding: |seen| port_reuse(seen.syns),
    others: no_others,
    explains_acks: true,
    why_excluded: Excluded::ByItself(|_| {
        "no SYN on a port that was used shortly before was dropped or answered by a bare ACK"
            .to_owned()
    }),
    against_others: None,
    why_left: |_| "ports were used again shortly after",
};

/// Of ports that were used before we looked, any may have come again too early.
fn ln_fates(seen: &Seen) -> f64 {
    let (all, unseen_use) = (seen.syns.all(), seen.syns.unseen_use);
    ln_mixture(&[
        (0.5, ln_series(BACKGROUND, all)),
        (
            0.5,
            ln_series(BACKGROUND, all.less(unseen_use)) + ln_series(OPEN, unseen_use),
        ),
    ])
}

/// Ports that are used again too early.
pub(super) fn port_reuse(syns: &SynSums) -> Finding {
    let summary = format!(
        "source ports are used again while the server still holds them: {} SYNs were answered by a bare ACK, and {} of {} on such ports got no answer",
        syns.acks,
        syns.reused.dropped,
        syns.reused.total()
    );
    let remedy = vec![
        "give the NAT more ports or addresses, so that a port rests for a minute: `net.ipv4.ip_local_port_range`, or a wider range in the masquerade rule".to_owned(),
        "let the clients close first, or keep connections open".to_owned(),
    ];
    let mut finding = finding(Cause::PortReuse, Severity::Warning, summary, syns, remedy);
    finding
        .evidence
        .push(("ack_answering_syn", Evidence::Count(syns.acks)));
    finding.evidence.push((
        "syn_on_reused_port_dropped",
        Evidence::Count(syns.reused.dropped),
    ));
    finding
}
