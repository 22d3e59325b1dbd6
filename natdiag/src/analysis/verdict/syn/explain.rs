//! The findings about dropped SYNs in words: what was seen, what it rules out, what to do.

use super::hypothesis::{Hypothesis, with_timestamps, without_timestamps};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    evidence::{Outcomes, SynEvidence},
    mark::LIFETIME_NS,
    verdict::Case,
};

/// No SYN was dropped for ten lifetimes of a mark: the fault sleeps.
const ASLEEP_NS: u64 = 10 * LIFETIME_NS;

/// Loss below this share of SYNs hardly matters to anybody.
const NOTICEABLE_LOSS: f64 = 0.01;

/// The finding of a hypothesis, but for its confidence and the alternatives.
pub(super) fn named(hypothesis: Hypothesis, case: &Case, syns: &SynEvidence) -> Finding {
    match hypothesis {
        Hypothesis::Recycle => recycle(case, syns),
        Hypothesis::Loss => loss(syns),
        Hypothesis::TimestampsFiltered => timestamps_filtered(syns),
        Hypothesis::Filter
        | Hypothesis::FilterOfClients
        | Hypothesis::TimestampsDemanded
        | Hypothesis::Unreachable
        | Hypothesis::Overload
        | Hypothesis::FourTuple => filtered(syns),
    }
}

/// The observation that rules a hypothesis out where `best` is the likeliest, or what leaves it possible.
pub(super) fn why(
    hypothesis: Hypothesis,
    best: Hypothesis,
    syns: &SynEvidence,
    is_excluded: bool,
) -> String {
    if is_excluded {
        why_excluded(hypothesis, best, syns)
    } else {
        why_not_excluded(hypothesis).to_owned()
    }
}

fn why_excluded(hypothesis: Hypothesis, best: Hypothesis, syns: &SynEvidence) -> String {
    let all = syns.all();
    let (hit, others) = (predicted_hit(syns), predicted_spared(syns));
    match hypothesis {
        Hypothesis::Recycle if hit.answered > 0 => {
            format!(
                "{} of {} SYNs that its rule would drop were answered",
                hit.answered,
                hit.total()
            )
        }
        Hypothesis::Recycle if hit.total() == 0 => {
            "no SYN met a mark that its rule could drop it by".to_owned()
        }
        Hypothesis::Recycle => format!(
            "{} of {} SYNs that its rule lets pass were dropped",
            others.dropped,
            others.total()
        ),
        Hypothesis::Loss | Hypothesis::Overload | Hypothesis::FourTuple
            if best == Hypothesis::Recycle =>
        {
            format!(
                "drops follow the timestamps: {} of {} SYNs that its rule would drop, {} of {} others",
                hit.dropped,
                hit.total(),
                others.dropped,
                others.total()
            )
        }
        Hypothesis::Loss => format!(
            "{} of {} SYNs were dropped, which is no chance",
            all.dropped,
            all.total()
        ),
        Hypothesis::Filter => format!("{} SYNs to the same ports were answered", all.answered),
        Hypothesis::FilterOfClients => {
            "SYNs of the same client to the same port fared differently".to_owned()
        }
        Hypothesis::TimestampsFiltered => {
            format!(
                "{} SYNs with timestamps were answered",
                with_timestamps(syns).answered
            )
        }
        Hypothesis::TimestampsDemanded => {
            format!(
                "{} SYNs with timestamps were dropped",
                with_timestamps(syns).dropped
            )
        }
        Hypothesis::Unreachable => format!("{} SYNs were answered", all.answered),
        Hypothesis::Overload => format!(
            "SYNs that repeat a dropped one fared no worse: {} of {} were dropped",
            syns.repeated.dropped,
            syns.repeated.total()
        ),
        Hypothesis::FourTuple => format!(
            "{} connections came late and {} failed: it is not the four-tuple that decides",
            syns.connections.late, syns.connections.failed
        ),
    }
}

fn why_not_excluded(hypothesis: Hypothesis) -> &'static str {
    match hypothesis {
        Hypothesis::Recycle => "hosts that do not pass here may have raised the mark unseen",
        Hypothesis::Loss => "chance may have done it",
        Hypothesis::Filter | Hypothesis::FilterOfClients => {
            "a filter that drops just the clients hit would look the same"
        }
        Hypothesis::TimestampsFiltered => "no SYN without timestamps was there to compare with",
        Hypothesis::TimestampsDemanded => {
            "a filter that drops SYNs without timestamps would look the same"
        }
        Hypothesis::Unreachable => "no answer of any kind came from this host",
        Hypothesis::Overload => "drops in short spells look much the same",
        Hypothesis::FourTuple => "few connections were seen",
    }
}

/// SYNs that a server with tcp_tw_recycle would drop, of one age or the other.
fn predicted_hit(syns: &SynEvidence) -> Outcomes {
    syns.predicted_drop.plus(syns.armed_without_timestamps)
}

/// SYNs that it would let pass.
fn predicted_spared(syns: &SynEvidence) -> Outcomes {
    syns.predicted_pass.plus(syns.without_timestamps)
}

/// A finding with the evidence that all about SYNs share.
pub(super) fn finding(
    cause: Cause,
    severity: Severity,
    summary: String,
    syns: &SynEvidence,
    remedy: Vec<String>,
) -> Finding {
    let all = syns.all();
    let evidence = vec![
        ("syn_dropped", Evidence::Count(all.dropped)),
        ("syn_answered", Evidence::Count(all.answered)),
        (
            "connections_failed",
            Evidence::Count(syns.connections.failed),
        ),
        ("connections_late", Evidence::Count(syns.connections.late)),
    ];
    Finding {
        cause,
        confidence: 1.0,
        severity,
        summary,
        evidence,
        excluded: Vec::new(),
        not_excluded: Vec::new(),
        remedy,
    }
}

fn recycle(case: &Case, syns: &SynEvidence) -> Finding {
    let armed = syns.armed_without_timestamps;
    let era = match (armed.dropped, armed.answered) {
        (0, 0) => "not known: no SYN without timestamps met its mark",
        (dropped, answered) if dropped > answered => {
            "3.17 to 4.11: SYNs without timestamps are dropped as well"
        }
        _ => "up to 3.16: SYNs without timestamps pass",
    };
    let asleep = syns
        .last_predicted_drop
        .is_none_or(|at| case.now.since(at) >= ASLEEP_NS)
        && syns.answered_since > 0;
    let (hit, spared) = (predicted_hit(syns), predicted_spared(syns));
    let (cause, severity, summary) = if asleep {
        let summary = format!(
            "tcp_tw_recycle is on at this server; it has dropped {} SYNs and none in the last 10 minutes",
            hit.dropped
        );
        (Cause::TwRecycleLatent, Severity::Warning, summary)
    } else {
        let summary = format!(
            "tcp_tw_recycle is on at this server: it dropped {} of {} SYNs that its rule predicts to be dropped, and {} of {} others",
            hit.dropped,
            hit.total(),
            spared.dropped,
            spared.total()
        );
        (Cause::TwRecycle, Severity::Critical, summary)
    };
    let mut remedy = vec![
        "ask the owner of the server to run `sysctl -w net.ipv4.tcp_tw_recycle=0`; `net.ipv4.tcp_tw_reuse=1` is the safe option"
            .to_owned(),
    ];
    remedy.push(if armed.dropped > armed.answered {
        "turning timestamps off on the clients does not help: a server of this age drops such SYNs as well".to_owned()
    } else if armed.answered > 0 {
        "until then, `sysctl -w net.ipv4.tcp_timestamps=0` on the clients lets their SYNs pass".to_owned()
    } else {
        "turning timestamps off on the clients helps only where the server's kernel is older than 3.17".to_owned()
    });
    let mut finding = finding(cause, severity, summary, syns, remedy);
    finding
        .evidence
        .push(("server_kernel", Evidence::Text(era.to_owned())));
    if let Some((mark, since)) = syns.mark {
        let age = case.now.since(since);
        finding
            .evidence
            .push(("mark", Evidence::Count(u64::from(mark.0))));
        finding.evidence.push((
            "mark_heals_in_seconds",
            Evidence::Count(LIFETIME_NS.saturating_sub(age) / 1_000_000_000),
        ));
    }
    for (name, wanted) in [("locals_hit", true), ("locals_spared", false)] {
        let list: Vec<String> = syns
            .services
            .iter()
            .filter(|service| {
                (service.outcomes.dropped > 0) == wanted && service.outcomes.total() > 0
            })
            .map(|service| {
                let outcomes = service.outcomes;
                format!(
                    "{}: {} of {} SYNs to port {} dropped",
                    service.local,
                    outcomes.dropped,
                    outcomes.total(),
                    service.port
                )
            })
            .collect();
        finding.evidence.push((name, Evidence::List(list)));
    }
    if syns.shared_address {
        let note = "hosts that do not pass here may share our address and raise the mark unseen"
            .to_owned();
        finding.evidence.push(("unseen", Evidence::Text(note)));
    }
    finding
}

fn loss(syns: &SynEvidence) -> Finding {
    let all = syns.all();
    #[expect(clippy::cast_precision_loss, reason = "a share of counts")]
    let share = all.dropped as f64 / all.total() as f64;
    let severity = if share >= NOTICEABLE_LOSS {
        Severity::Warning
    } else {
        Severity::Info
    };
    let summary = format!(
        "packets are lost on the way: {} of {} SYNs ({:.1} %) got no answer, at random",
        all.dropped,
        all.total(),
        share * 100.0
    );
    let remedy = vec![
        "look for loss hop by hop, in both directions: `mtr --tcp --port PORT HOST`".to_owned(),
    ];
    let mut finding = finding(Cause::PacketLoss, severity, summary, syns, remedy);
    finding
        .evidence
        .push(("loss_share", Evidence::Ratio(share)));
    finding
}

fn filtered(syns: &SynEvidence) -> Finding {
    let mut blocked: Vec<String> = syns
        .services
        .iter()
        .filter(|service| service.outcomes.dropped > service.outcomes.answered)
        .map(|service| service.port.to_string())
        .collect();
    blocked.sort_unstable();
    blocked.dedup();
    let ports = blocked.join(", ");
    let summary = format!("something drops every SYN to port {ports}, whatever it carries");
    let remedy = vec![
        "ask for the filters on the way and at the server: firewall rules, security groups, network ACLs".to_owned(),
        format!("compare with another port of the same host: `nc -vz -w 3 HOST {ports}`"),
    ];
    let mut finding = finding(Cause::Filtered, Severity::Critical, summary, syns, remedy);
    finding
        .evidence
        .push(("ports_blocked", Evidence::List(blocked)));
    finding
}

fn timestamps_filtered(syns: &SynEvidence) -> Finding {
    let (with, without) = (with_timestamps(syns), without_timestamps(syns));
    let summary = format!(
        "something drops SYNs that carry timestamps: {} of {} with them, {} of {} without",
        with.dropped,
        with.total(),
        without.dropped,
        without.total()
    );
    let remedy = vec![
        "find the middlebox; until then `sysctl -w net.ipv4.tcp_timestamps=0` on the clients helps"
            .to_owned(),
    ];
    finding(
        Cause::TimestampsFiltered,
        Severity::Critical,
        summary,
        syns,
        remedy,
    )
}
