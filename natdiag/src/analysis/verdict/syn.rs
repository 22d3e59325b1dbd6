//! Why SYNs to a remote host stay unanswered, are refused, or are answered too late.

use std::collections::BTreeMap;

use super::{
    Case, NAMED, RULED_OUT, UNANSWERED_REQUESTS, insufficient,
    likelihood::{Rate, ln_known, ln_mixture, ln_series, normalise},
};
use crate::analysis::{
    diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    evidence::{Outcomes, Service, SynEvidence},
    mark::LIFETIME_NS,
};

/// Share of SYNs that do not do what a rule of all or nothing says: real servers with tcp_tw_recycle dropped 7,518 of
/// 7,518 SYNs below the mark, and the marks of hosts that we do not see blur this a little.
const EXCEPTIONS: f64 = 0.001;
/// Share of SYNs lost beside a filter that lets others pass.
const STRAY_LOSS: f64 = 0.01;
/// Share of connections that get through late though something is wrong with their four-tuple.
const LATE_ALL_THE_SAME: f64 = 0.02;

/// Loss on a path is mostly small: as if 1 of 10 had been lost before.
const LOSS: Rate = Rate {
    dropped: 1.0,
    answered: 9.0,
};
/// Loss beside a rule that drops others.
const BACKGROUND: Rate = Rate {
    dropped: 1.0,
    answered: 19.0,
};
/// Where hosts that we do not see share our address, any SYN may meet a mark of theirs.
const UNSEEN_RIVALS: Rate = Rate {
    dropped: 1.0,
    answered: 3.0,
};
/// A host that dropped a SYN for want of room is likely to drop the next one.
const OVERLOAD_GOES_ON: Rate = Rate {
    dropped: 2.0,
    answered: 1.0,
};

/// No SYN was dropped for ten lifetimes of a mark: the fault sleeps.
const ASLEEP_NS: u64 = 10 * LIFETIME_NS;

/// Loss below this share of SYNs hardly matters to anybody.
const NOTICEABLE_LOSS: f64 = 0.01;

/// What may be wrong. Several may stand for one cause, or for none that can be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hypothesis {
    Recycle,
    Loss,
    /// A filter by port.
    Filter,
    /// A filter by port that knows clients apart which share one address outside.
    FilterOfClients,
    TimestampsFiltered,
    /// A filter that drops SYNs without timestamps.
    TimestampsDemanded,
    /// Nothing answers at all.
    Unreachable,
    /// Drops that come in spells: a full backlog, a rate limit.
    Overload,
    /// Drops that follow the four-tuple: a reused port, one backend or path of several.
    FourTuple,
}

/// How often each is the cause where SYNs stay unanswered. Judgement, not measurement: what counts is that a verdict
/// needs evidence that outweighs them.
const PRIORS: [(Hypothesis, f64); 9] = [
    (Hypothesis::Loss, 0.45),
    (Hypothesis::Filter, 0.25),
    (Hypothesis::Overload, 0.15),
    (Hypothesis::FourTuple, 0.09),
    (Hypothesis::Recycle, 0.05),
    // It must stand before the NAT and yet care about one destination.
    (Hypothesis::FilterOfClients, 0.001),
    (Hypothesis::TimestampsFiltered, 0.005),
    (Hypothesis::Unreachable, 0.004),
    // Nobody is known to do so.
    (Hypothesis::TimestampsDemanded, 0.000_01),
];

impl Hypothesis {
    fn cause(self) -> Cause {
        match self {
            Self::Recycle => Cause::TwRecycle,
            Self::Loss => Cause::PacketLoss,
            Self::Filter | Self::FilterOfClients | Self::TimestampsDemanded => Cause::Filtered,
            Self::TimestampsFiltered => Cause::TimestampsFiltered,
            Self::Unreachable => Cause::Routing,
            Self::Overload => Cause::BacklogOverflow,
            Self::FourTuple => Cause::PortReuse,
        }
    }

    /// Whether what was observed can tell this one from all that look like it.
    fn can_be_named(self) -> bool {
        !matches!(self, Self::Overload | Self::FourTuple | Self::Unreachable)
    }

    fn ln_likelihood(self, syns: &SynEvidence) -> f64 {
        match self {
            Self::Recycle => ln_recycle(syns),
            Self::Loss => ln_series(LOSS, syns.all()),
            Self::Filter => ln_filter(by_port(&syns.services)),
            Self::FilterOfClients => {
                ln_filter(syns.services.iter().map(|service| service.outcomes))
            }
            Self::TimestampsFiltered => {
                ln_selective(with_timestamps(syns), without_timestamps(syns))
            }
            Self::TimestampsDemanded => {
                ln_selective(without_timestamps(syns), with_timestamps(syns))
            }
            Self::Unreachable => ln_known(1.0 - EXCEPTIONS, syns.all()),
            Self::Overload => {
                let all = syns.all();
                let first = Outcomes {
                    dropped: all.dropped - syns.repeated.dropped,
                    answered: all.answered - syns.repeated.answered,
                };
                ln_series(LOSS, first) + ln_series(OVERLOAD_GOES_ON, syns.repeated)
            }
            Self::FourTuple => ln_four_tuple(syns),
        }
    }
}

/// SYNs below a live mark are dropped, others only by the way. Without timestamps it depends on the server's age.
fn ln_recycle(syns: &SynEvidence) -> f64 {
    let others = if syns.shared_address {
        UNSEEN_RIVALS
    } else {
        BACKGROUND
    };
    let pass = syns.predicted_pass.plus(syns.without_timestamps);
    let armed = syns.armed_without_timestamps;
    let old = ln_series(others, pass.plus(armed));
    let young = ln_series(others, pass) + ln_known(1.0 - EXCEPTIONS, armed);
    ln_known(1.0 - EXCEPTIONS, syns.predicted_drop) + ln_mixture(&[(0.5, old), (0.5, young)])
}

/// One kind of SYN is dropped, others only by the way.
fn ln_selective(dropped: Outcomes, others: Outcomes) -> f64 {
    ln_known(1.0 - EXCEPTIONS, dropped) + ln_series(BACKGROUND, others)
}

fn with_timestamps(syns: &SynEvidence) -> Outcomes {
    syns.predicted_drop.plus(syns.predicted_pass)
}

fn without_timestamps(syns: &SynEvidence) -> Outcomes {
    syns.armed_without_timestamps.plus(syns.without_timestamps)
}

/// Each group is let through or blocked as a whole, at even odds; at least one is blocked.
fn ln_filter(groups: impl Iterator<Item = Outcomes>) -> f64 {
    let (mut any, mut open_all) = (0.0, 0.0);
    for group in groups {
        let blocked = ln_known(1.0 - EXCEPTIONS, group);
        let open = ln_known(STRAY_LOSS, group);
        any += ln_mixture(&[(0.5, blocked), (0.5, open)]);
        open_all += 0.5_f64.ln() + open;
    }
    // Less the case that none is blocked, which is mere loss.
    any + (-(open_all - any).exp()).ln_1p()
}

fn by_port(services: &[Service]) -> impl Iterator<Item = Outcomes> {
    let mut ports = BTreeMap::<u16, Outcomes>::new();
    for service in services {
        let port = ports.entry(service.port).or_default();
        *port = port.plus(service.outcomes);
    }
    ports.into_values()
}

/// Each connection fails or succeeds as a whole.
fn ln_four_tuple(syns: &SynEvidence) -> f64 {
    let connections = syns.connections;
    let whole = Outcomes {
        dropped: connections.failed,
        answered: connections.clean + connections.late,
    };
    let late = Outcomes {
        dropped: connections.late,
        answered: 0,
    };
    ln_series(LOSS, whole) + ln_known(LATE_ALL_THE_SAME, late)
}

/// What is wrong with SYNs to a remote host.
pub(super) fn findings(case: &Case, syns: &SynEvidence) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(refused(syns));
    if syns.all().dropped > 0 {
        findings.push(dropped(case, syns));
    } else if syns.refused == 0 && syns.unreachable + syns.acks > 0 {
        findings.push(unexplained(syns, Vec::new()));
    }
    findings.extend(unanswered_requests(case, syns));
    findings
}

/// Names why SYNs were dropped, or says that it cannot be known.
fn dropped(case: &Case, syns: &SynEvidence) -> Finding {
    let posterior = posterior(syns);
    let share = |cause: Cause| -> f64 {
        posterior
            .iter()
            .filter(|(hypothesis, _)| hypothesis.cause() == cause)
            .map(|(_, share)| share)
            .sum()
    };
    let best = posterior
        .iter()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(hypothesis, _)| *hypothesis);
    let Some(best) = best.filter(|best| best.can_be_named() && share(best.cause()) >= NAMED) else {
        return unexplained(syns, candidates(&posterior));
    };
    let others = PRIORS
        .iter()
        .map(|(hypothesis, _)| *hypothesis)
        .filter(|other| other.cause() != best.cause());
    let (mut excluded, mut not_excluded) = (Vec::new(), Vec::new());
    for other in others {
        let alternatives = posterior
            .iter()
            .find(|(hypothesis, _)| *hypothesis == other)
            .map_or(0.0, |(_, share)| *share);
        let list = if alternatives <= RULED_OUT {
            &mut excluded
        } else {
            &mut not_excluded
        };
        if list
            .iter()
            .any(|known: &Alternative| known.cause == other.cause())
        {
            continue;
        }
        list.push(Alternative {
            cause: other.cause(),
            why: why(other, syns, alternatives <= RULED_OUT),
        });
    }
    excluded.retain(|alternative| {
        !not_excluded
            .iter()
            .any(|open| open.cause == alternative.cause)
    });
    let confidence = share(best.cause());
    let mut finding = match best {
        Hypothesis::Recycle => recycle(case, syns),
        Hypothesis::Loss => loss(syns),
        Hypothesis::TimestampsFiltered => timestamps_filtered(syns),
        Hypothesis::Filter
        | Hypothesis::FilterOfClients
        | Hypothesis::TimestampsDemanded
        | Hypothesis::Unreachable
        | Hypothesis::Overload
        | Hypothesis::FourTuple => filtered(syns),
    };
    finding.confidence = confidence;
    finding.excluded = excluded;
    finding.not_excluded = not_excluded;
    finding
}

fn posterior(syns: &SynEvidence) -> Vec<(Hypothesis, f64)> {
    let lns: Vec<f64> = PRIORS
        .iter()
        .map(|(hypothesis, prior)| prior.ln() + hypothesis.ln_likelihood(syns))
        .collect();
    PRIORS
        .iter()
        .map(|(hypothesis, _)| *hypothesis)
        .zip(normalise(&lns))
        .collect()
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

/// The observation that rules a hypothesis out, or what leaves it possible.
fn why(hypothesis: Hypothesis, syns: &SynEvidence, excluded: bool) -> String {
    let all = syns.all();
    let (drop, pass) = (syns.predicted_drop, syns.predicted_pass);
    match (hypothesis, excluded) {
        (Hypothesis::Recycle, true) if drop.answered > 0 => format!(
            "{} of {} SYNs that its rule predicts to be dropped were answered",
            drop.answered,
            drop.total()
        ),
        (Hypothesis::Recycle, true) => {
            format!(
                "{} SYNs were dropped that its rule lets pass",
                pass.dropped + syns.without_timestamps.dropped
            )
        }
        (Hypothesis::Recycle, false) => "no SYN met a mark that its rule could judge by".to_owned(),
        (Hypothesis::Loss, true) if drop.dropped > 0 && pass.answered > 0 => {
            "drops follow the timestamps, not chance".to_owned()
        }
        (Hypothesis::Loss, true) => format!(
            "{} of {} SYNs were dropped, in a pattern",
            all.dropped,
            all.total()
        ),
        (Hypothesis::Loss, false) => format!(
            "{} of {} SYNs may have been lost by chance",
            all.dropped,
            all.total()
        ),
        (Hypothesis::Filter, true) => {
            format!(
                "{} other SYNs from the same address to the same ports were answered",
                all.answered
            )
        }
        (Hypothesis::FilterOfClients, true) => {
            "SYNs of the same client to the same port fared differently".to_owned()
        }
        (Hypothesis::Filter | Hypothesis::FilterOfClients, false) => {
            "a filter that drops just the clients hit would look the same".to_owned()
        }
        (Hypothesis::TimestampsFiltered, true) => format!(
            "{} SYNs with timestamps were answered",
            pass.plus(drop).answered
        ),
        (Hypothesis::TimestampsFiltered, false) => {
            "no SYN without timestamps was sent to compare with".to_owned()
        }
        (Hypothesis::TimestampsDemanded, true) => {
            "SYNs with timestamps were dropped, or some without answered".to_owned()
        }
        (Hypothesis::TimestampsDemanded, false) => {
            "a filter that drops SYNs without timestamps would look the same".to_owned()
        }
        (Hypothesis::Unreachable, true) => format!("{} SYNs were answered", all.answered),
        (Hypothesis::Unreachable, false) => "no answer of any kind came from this host".to_owned(),
        (Hypothesis::Overload, true) => {
            format!(
                "{} of {} repeated SYNs were answered, which does not fit spells of drops",
                syns.repeated.answered,
                syns.repeated.total()
            )
        }
        (Hypothesis::Overload, false) => {
            "drops in short spells would look much the same".to_owned()
        }
        (Hypothesis::FourTuple, true) => {
            format!(
                "{} connections failed and {} came late, which does not follow four-tuples",
                syns.connections.failed, syns.connections.late
            )
        }
        (Hypothesis::FourTuple, false) => "few connections were seen".to_owned(),
    }
}

fn finding(
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
    let hit = syns.predicted_drop.plus(armed);
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
            syns.predicted_pass.plus(syns.without_timestamps).dropped,
            syns.predicted_pass.plus(syns.without_timestamps).total()
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
            "{} SYNs were answered by an ICMP error and {} by a bare ACK, which fits several causes",
            syns.unreachable, syns.acks
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
    if syns.refused == 0 {
        return None;
    }
    let summary = format!(
        "{} SYNs were refused with a RST: nothing listens on that port",
        syns.refused
    );
    let remedy = vec!["check the port number, and that the service runs".to_owned()];
    let mut finding = finding(Cause::Refused, Severity::Warning, summary, syns, remedy);
    finding.confidence = GENUINE;
    finding
        .evidence
        .push(("syn_refused", Evidence::Count(syns.refused)));
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
    let fragments = case
        .counts
        .fragments_at(natdiag_common::counter::FragmentPosition::First);
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
