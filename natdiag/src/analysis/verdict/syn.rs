//! Why SYNs to a remote host stay unanswered, are refused, or bring no response.

mod explain;
mod hypothesis;

use natdiag_common::counter::FragmentPosition;

use self::{
    explain::{finding, named, why},
    hypothesis::{Hypothesis, posterior},
};
use super::{Case, NAMED, RULED_OUT, UNANSWERED_REQUESTS, insufficient};
use crate::analysis::{
    diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    evidence::SynEvidence,
};

/// What is wrong with SYNs to a remote host.
pub(super) fn findings(case: &Case, syns: &SynEvidence) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(refused(syns));
    if syns.all().dropped > 0 {
        findings.push(dropped(case, syns));
    } else if syns.refused + syns.unreachable == 0 && syns.acks > 0 {
        findings.push(unexplained(syns, Vec::new()));
    }
    findings.extend(unanswered_requests(case, syns));
    findings
}

/// Names why SYNs were dropped, or says that it cannot be known.
fn dropped(case: &Case, syns: &SynEvidence) -> Finding {
    let posterior = posterior(syns);
    let share_of = |cause: Cause| -> f64 {
        posterior
            .iter()
            .filter(|(hypothesis, _)| hypothesis.cause() == cause)
            .map(|(_, share)| share)
            .sum()
    };
    let best = posterior.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let Some((best, _)) = best.filter(|(best, _)| best.can_be_named(syns)) else {
        return unexplained(syns, candidates(&posterior));
    };
    let confidence = share_of(best.cause());
    if confidence < NAMED {
        return unexplained(syns, candidates(&posterior));
    }
    let (mut excluded, mut not_excluded) = (Vec::<Alternative>::new(), Vec::<Alternative>::new());
    for (other, share) in posterior
        .iter()
        .filter(|(other, _)| other.cause() != best.cause())
    {
        let is_excluded = share_of(other.cause()) <= RULED_OUT;
        let list = if is_excluded {
            &mut excluded
        } else {
            &mut not_excluded
        };
        // Of several that go by one name, the one that is left speaks for it.
        let speaks = is_excluded || *share > RULED_OUT;
        if speaks && !list.iter().any(|known| known.cause == other.cause()) {
            list.push(Alternative {
                cause: other.cause(),
                why: why(*other, *best, syns, is_excluded),
            });
        }
    }
    Finding {
        confidence,
        excluded,
        not_excluded,
        ..named(*best, case, syns)
    }
}

/// The causes that are left, the likeliest first.
fn candidates(posterior: &[(Hypothesis, f64)]) -> Vec<Alternative> {
    let mut shares: Vec<_> = posterior
        .iter()
        .filter(|(_, share)| *share > RULED_OUT)
        .collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut candidates = Vec::<Alternative>::new();
    for (hypothesis, share) in shares {
        if !candidates
            .iter()
            .any(|known| known.cause == hypothesis.cause())
        {
            let why = format!("fits what was seen, at {:.0} %", share * 100.0);
            candidates.push(Alternative {
                cause: hypothesis.cause(),
                why,
            });
        }
    }
    candidates
}

/// A symptom that no cause explains well enough.
fn unexplained(syns: &SynEvidence, candidates: Vec<Alternative>) -> Finding {
    let all = syns.all();
    let summary = if all.dropped > 0 {
        format!(
            "{} of {} SYNs got no answer, and what was seen fits several causes",
            all.dropped,
            all.total()
        )
    } else {
        format!(
            "{} SYNs were answered by a bare ACK, which fits several causes",
            syns.acks
        )
    };
    let remedy = vec![
        "watch more connections, from several clients and to several ports of this host".to_owned(),
    ];
    let evidence = finding(
        Cause::InsufficientEvidence,
        Severity::Warning,
        String::new(),
        syns,
        Vec::new(),
    )
    .evidence;
    let mut finding = insufficient(summary, evidence, remedy);
    finding.not_excluded = candidates;
    finding
}

/// The host says no.
fn refused(syns: &SynEvidence) -> Option<Finding> {
    /// Of RSTs that answer a SYN with its very sequence number, about one in a hundred comes from something in between.
    const GENUINE: f64 = 0.99;
    if syns.refused + syns.unreachable == 0 {
        return None;
    }
    let summary = format!(
        "connections are refused at once: {} SYNs with a RST, as where nothing listens on the port, and {} with an ICMP error",
        syns.refused, syns.unreachable
    );
    let remedy = vec!["check the port number, and that the service runs".to_owned()];
    let mut finding = finding(Cause::Refused, Severity::Warning, summary, syns, remedy);
    finding.confidence = GENUINE;
    finding
        .evidence
        .push(("syn_refused", Evidence::Count(syns.refused)));
    finding
        .evidence
        .push(("syn_unreachable", Evidence::Count(syns.unreachable)));
    finding.excluded = vec![
        Alternative {
            cause: Cause::Filtered,
            why: "a filter that drops would stay silent".to_owned(),
        },
        Alternative {
            cause: Cause::TwRecycle,
            why: "it stays silent as well".to_owned(),
        },
    ];
    finding.not_excluded = vec![Alternative {
        cause: Cause::ResetInjected,
        why: "a filter that rejects with a RST looks the same".to_owned(),
    }];
    Some(finding)
}

/// Connections open, requests go out, and no response comes.
fn unanswered_requests(case: &Case, syns: &SynEvidence) -> Option<Finding> {
    let fragments = case.counts.fragments_at(FragmentPosition::First);
    if syns.unanswered_requests < UNANSWERED_REQUESTS || fragments > 0 {
        return None;
    }
    let evidence = vec![
        (
            "requests_unanswered",
            Evidence::Count(syns.unanswered_requests),
        ),
        ("requests_answered", Evidence::Count(syns.answered_requests)),
        ("fragments_seen", Evidence::Count(fragments)),
    ];
    let hole = Alternative {
        cause: Cause::PmtuBlackHole,
        why: "large segments that find no way through leave the same hole".to_owned(),
    };
    if !syns.shared_address {
        let summary = format!(
            "{} of {} requests got no response though their connections opened, and no fragment came",
            syns.unanswered_requests,
            syns.unanswered_requests + syns.answered_requests
        );
        let remedy =
            vec!["fetch the same with a smaller MSS: `ip route change ... advmss 1200`".to_owned()];
        let mut finding = insufficient(summary, evidence, remedy);
        finding.not_excluded = vec![hole];
        return Some(finding);
    }
    let summary = format!(
        "blind from here: {} of {} requests got no response; a NAT gateway may have dropped fragments before this interface",
        syns.unanswered_requests,
        syns.unanswered_requests + syns.answered_requests
    );
    Some(Finding {
        cause: Cause::Blind,
        confidence: 1.0,
        severity: Severity::Warning,
        summary,
        evidence,
        excluded: Vec::new(),
        not_excluded: vec![
            Alternative {
                cause: Cause::PathFragmentation,
                why: "managed NAT gateways drop TCP fragments, and none can be seen behind one".to_owned(),
            },
            Alternative { cause: Cause::EndpointFragmentation, why: "as above".to_owned() },
            hole,
        ],
        remedy: vec![
            "watch on the public side: on a host with a public address, fetch the same response while `natdiag watch` runs"
                .to_owned(),
        ],
    })
}
