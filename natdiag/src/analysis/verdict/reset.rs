//! Who reset connections that were open, by what sets the RSTs apart from the host's other packets, and by the silence
//! before them. Each trouble that may have done it has a file.

mod application;
mod evidence;
mod idle;
mod injected;
mod restart;
mod silence;
mod trouble;

use natdiag_common::follow::{FollowCounter, FollowCounts};

use self::{
    application::APPLICATION,
    evidence::evidence,
    idle::IDLE,
    injected::INJECTED,
    restart::RESTART,
    trouble::{Named, Seen, Trouble},
};
use super::{
    Case,
    contest::{Contest, NAMED},
    finding, insufficient,
};
use crate::analysis::{
    diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    established::Established,
    fates::{SynSums, resets::ResetSums},
};

/// Share of aborted handshakes that a full accept queue with `tcp_abort_on_overflow` explains; others come from load
/// balancers that have lost their server.
const ABORT_ON_OVERFLOW: f64 = 0.9;
/// Share of aborted handshakes that such a queue explains where other connections to the host went well: the queue was
/// not full then.
const ABORT_NOW_AND_THEN: f64 = 0.97;
/// Of RSTs that come from this machine with a forwarded connection's addresses, nearly all are its own connection
/// tracking's doing.
const OWN: f64 = 0.97;
/// Share of such RSTs that are its connection tracking's doing where the segments that it takes for invalid were seen.
const OWN_SEEN: f64 = 0.99;

/// All that may reset open connections.
static TROUBLES: [Trouble; 4] = [APPLICATION, IDLE, RESTART, INJECTED];

/// What is wrong with resets.
pub(super) fn findings(case: &Case, syns: &SynSums) -> Vec<Finding> {
    let Some(resets) = syns.resets.as_deref() else {
        return Vec::new();
    };
    let followed = case
        .established
        .map_or(FollowCounts::ZERO, Established::counts);
    let mut findings = Vec::new();
    findings.extend(aborted(syns, resets));
    findings.extend(own(resets, &followed));
    if resets.total() > 0 {
        let seen = Seen {
            syns,
            resets,
            followed: &followed,
        };
        findings.push(attributed(case, &seen));
    }
    findings
}

/// Whether resets explain that SYNs were answered by a bare ACK: who reset a connection only towards us leaves it to
/// the host, which answers a SYN on the same ports for it (RFC 9293, section 3.10.7.4).
pub(super) fn explains_bare_acks(syns: &SynSums) -> bool {
    let resets = syns.resets.as_deref().map_or(0, ResetSums::total);
    syns.acks <= resets && syns.all().dropped + syns.reused.dropped + syns.syn_acks_lost == 0
}

fn contest(seen: &Seen) -> Contest<&'static Trouble> {
    Contest::of(
        TROUBLES
            .iter()
            .map(|trouble| (trouble, trouble.prior, trouble.ln_likelihood(seen))),
    )
}

fn attributed(case: &Case, seen: &Seen) -> Finding {
    let contest = contest(seen);
    let named: Option<(&Named, f64)> = contest.best().and_then(|(trouble, share)| {
        let named = trouble.named.as_ref()?;
        (share >= NAMED && (named.is_founded)(seen)).then_some((named, share))
    });
    let alternatives = contest.alternatives(
        named.map(|(named, _)| named.cause),
        |trouble| Some(trouble.named.as_ref()?.cause),
        |trouble, share, is_excluded| match &trouble.named {
            Some(other) if is_excluded => (other.why_excluded)(seen),
            Some(other) => (other.why_left)(share),
            None => String::new(),
        },
    );
    let Some((named, confidence)) = named else {
        let summary = format!(
            "{} open connections were reset, and what was seen does not tell by whom; a RST without timestamps proves nothing",
            seen.resets.total()
        );
        let remedy = vec![
            "capture the RSTs with the data before them: `tcpdump -s 128 host HOST`".to_owned(),
        ];
        return Finding {
            not_excluded: alternatives.not_excluded,
            ..insufficient(summary, evidence(case, seen), remedy)
        };
    };
    Finding {
        confidence,
        excluded: alternatives.excluded,
        not_excluded: alternatives.not_excluded,
        ..(named.finding)(seen, evidence(case, seen))
    }
}

/// A RST right after our ACK, before any data.
fn aborted(syns: &SynSums, resets: &ResetSums) -> Option<Finding> {
    if resets.aborted_handshakes == 0 {
        return None;
    }
    let summary = format!(
        "{} of {} handshakes were cut off by a RST as soon as they were complete: the server's accept queue is full, and tcp_abort_on_overflow is on",
        resets.aborted_handshakes, syns.handshakes
    );
    let evidence = vec![
        (
            "handshakes_aborted",
            Evidence::Count(resets.aborted_handshakes),
        ),
        ("handshakes", Evidence::Count(syns.handshakes)),
    ];
    let remedy = vec![
        "on the server: `nstat -az TcpExtListenOverflows` and `ss -ltn` show a full queue; raise `net.core.somaxconn` and the backlog of `listen`, or accept faster".to_owned(),
    ];
    let confidence = if syns.orderly > 0 {
        ABORT_NOW_AND_THEN
    } else {
        ABORT_ON_OVERFLOW
    };
    Some(Finding {
        confidence,
        not_excluded: vec![Alternative {
            cause: Cause::ResetInjected,
            why: "a load balancer that has lost its server does the same".to_owned(),
        }],
        ..finding(
            Cause::BacklogOverflow,
            Severity::Critical,
            summary,
            evidence,
            remedy,
        )
    })
}

/// RSTs that this very machine sends on connections that it only forwards.
fn own(resets: &ResetSums, followed: &FollowCounts) -> Option<Finding> {
    if resets.own == 0 {
        return None;
    }
    let summary = format!(
        "this machine resets {} connections that it only forwards: its connection tracking takes their segments for invalid, so that they reach no NAT",
        resets.own
    );
    let outside = followed.value(FollowCounter::OutsideWindow);
    let evidence = vec![
        ("resets_of_this_machine", Evidence::Count(resets.own)),
        ("segments_outside_the_window", Evidence::Count(outside)),
    ];
    let remedy = vec![
        "`sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1`, or drop what is invalid: `nft add rule inet filter input ct state invalid drop`".to_owned(),
        "`conntrack -S` shows what is invalid".to_owned(),
    ];
    Some(Finding {
        confidence: if outside > 0 { OWN_SEEN } else { OWN },
        ..finding(
            Cause::LocalNat,
            Severity::Warning,
            summary,
            evidence,
            remedy,
        )
    })
}

#[cfg(test)]
mod tests;
