//! What watching both sides of a NAT host adds: what this host itself does to SYNs, answers that come by another
//! interface, and which hosts behind the NAT are hit.

use std::net::IpAddr;

use super::{
    CERTAIN, NAMED, finding, insufficient,
    likelihood::{Rate, ln_series, normalise},
};
use crate::analysis::{
    crossing::{Crossing, CrossingEvidence},
    diagnosis::{
        Alternative, Cause, Diagnosis, Evidence, Finding, RemoteCounters, RemoteDiagnosis, Severity,
    },
    evidence::Outcomes,
};

/// Shares of the causes among NAT hosts that swallow SYNs: no port is free for this destination; one is lost now and then
/// (two packets want one entry, `insert_failed`); the table of connections is full.
const PRIORS: [(Cause, f64); 3] = [
    (Cause::NatPortExhaustion, 0.4),
    (Cause::LocalNat, 0.3),
    (Cause::LocalNat, 0.3),
];
/// Without a free port, or a free entry, hardly any SYN passes; races are lost now and then.
const MOST: Rate = Rate::new(9.0, 1.0);
const FEW: Rate = Rate::new(1.0, 4.0);
/// Any share.
const ANY: Rate = Rate::new(1.0, 1.0);
/// Share of SYNs to other hosts that are swallowed where ports run out for one: mostly none.
const ELSEWHERE: Rate = Rate::new(0.25, 9.0);
/// SYNs that must be swallowed for that to be no accident of watching.
const SWALLOWED: u64 = 3;
/// Answers by another interface from which on that is the rule.
const ASTRAY: u64 = 3;
/// Nothing else makes an answer arrive by another interface than the SYN left by.
const SEEN: f64 = 0.99;

/// Adds to the diagnoses of all sources what crossing between them has shown.
pub fn add_crossing(crossing: &Crossing, diagnoses: &mut [&mut Diagnosis]) {
    let remotes: Vec<_> = crossing.remotes().collect();
    let all = remotes
        .iter()
        .fold(Outcomes::default(), |sum, (_, it)| sum.plus(it.first));
    for (remote, evidence) in &remotes {
        let found = swallowed(evidence, all.less(evidence.first));
        // A connection is evidence where it leaves, and not where it comes in as well.
        if let Some(inside) = evidence.inside.and_then(|it| diagnoses.get_mut(it)) {
            for known in inside.remotes.iter_mut().filter(|it| it.address == *remote) {
                known.findings.retain(|finding| {
                    !finding.cause.is_of_silence() && finding.cause != Cause::TwRecycle
                });
            }
        }
        let place = evidence.outside.unwrap_or(0);
        let Some(diagnosis) = diagnoses.get_mut(place) else {
            continue;
        };
        let astray = astray(evidence);
        if found.is_none() && astray.is_none() && evidence.clients.is_empty() {
            continue;
        }
        let known = diagnosis
            .remotes
            .iter_mut()
            .find(|known| known.address == *remote);
        match known {
            Some(known) => amend(known, evidence, found, astray),
            None if found.is_some() || astray.is_some() => {
                let mut unknown = RemoteDiagnosis::of_nothing(*remote);
                amend(&mut unknown, evidence, found, astray);
                diagnosis.remotes.insert(0, unknown);
            }
            None => {}
        }
    }
}

fn amend(
    known: &mut RemoteDiagnosis,
    evidence: &CrossingEvidence,
    found: Option<Finding>,
    astray: Option<Finding>,
) {
    if let Some(astray) = astray {
        // The answers came, by another way: nobody was silent.
        known
            .findings
            .retain(|finding| !finding.cause.is_of_silence());
        known.findings.insert(0, astray);
    }
    known.findings.splice(0..0, found);
    let hit: Vec<String> = evidence
        .clients
        .iter()
        .filter(|(_, connections)| connections.hit > 0)
        .map(|(client, connections)| {
            format!(
                "{client}: {} of {} connections",
                connections.hit, connections.all
            )
        })
        .collect();
    if hit.is_empty() {
        return;
    }
    for finding in &mut known.findings {
        let is_about_syns = finding.cause.is_of_silence()
            || matches!(
                finding.cause,
                Cause::NatPortExhaustion | Cause::LocalNat | Cause::Routing | Cause::TwRecycle
            );
        if is_about_syns {
            finding
                .evidence
                .push(("clients_hit", Evidence::List(hit.clone())));
        }
    }
}

fn swallowed(evidence: &CrossingEvidence, others: Outcomes) -> Option<Finding> {
    let swallowed = evidence.first.plus(evidence.again);
    if swallowed.dropped < SWALLOWED {
        return None;
    }
    // While there is no port, or no entry, hardly any SYN passes; when one is free again, many do.
    let in_turns =
        ln_series(ANY, evidence.after_passed) + ln_series(MOST, evidence.after_swallowed);
    let lns = [
        // Ports run out for each host by itself, and for few at a time.
        PRIORS[0].1.ln() + in_turns + ln_series(ELSEWHERE, others),
        // A race may be lost by any SYN, and says nothing about the next.
        PRIORS[1].1.ln() + ln_series(FEW, swallowed.plus(others)),
        // A full table refuses whoever comes, and about as many everywhere.
        PRIORS[2].1.ln() + in_turns + ln_series(as_many_as(swallowed), others),
    ];
    let shares = normalise(&lns);
    let share_of = |wanted: Cause| -> f64 {
        PRIORS
            .iter()
            .zip(&shares)
            .filter(|((cause, _), _)| *cause == wanted)
            .map(|(_, share)| share)
            .sum()
    };
    let parts = vec![
        ("syn_swallowed_here", Evidence::Count(swallowed.dropped)),
        ("syn_passed_on", Evidence::Count(swallowed.answered)),
        ("swallowed_again", Evidence::Count(evidence.again.dropped)),
        ("swallowed_for_other_hosts", Evidence::Count(others.dropped)),
        (
            "passed_on_for_other_hosts",
            Evidence::Count(others.answered),
        ),
    ];
    let what = format!(
        "{} of {} SYNs that came in from behind the NAT never left this machine",
        swallowed.dropped,
        swallowed.total()
    );
    let exhausted = share_of(Cause::NatPortExhaustion);
    let other = |cause: Cause, why: &str| {
        vec![Alternative {
            cause,
            why: why.to_owned(),
        }]
    };
    Some(if exhausted >= NAMED {
        Finding {
            confidence: exhausted.min(CERTAIN),
            not_excluded: other(Cause::LocalNat, "a rule of this machine for just this host would do the same"),
            ..finding(
                Cause::NatPortExhaustion,
                Severity::Critical,
                format!("{what}: the NAT has no port left for this host"),
                parts,
                vec![
                    "give the NAT more ports or addresses: a wider range in the masquerade rule, more addresses in `snat to`, or fewer and longer connections".to_owned(),
                ],
            )
        }
    } else if share_of(Cause::LocalNat) >= NAMED {
        Finding {
            confidence: share_of(Cause::LocalNat).min(CERTAIN),
            ..finding(
                Cause::LocalNat,
                Severity::Critical,
                format!("{what}: this machine's own NAT or filter drops them"),
                parts,
                vec![
                    "`conntrack -S` (insert_failed, drop) and `dmesg | grep conntrack` say why; raise `net.netfilter.nf_conntrack_max` where the table is full".to_owned(),
                ],
            )
        }
    } else {
        Finding {
            not_excluded: [
                other(
                    Cause::NatPortExhaustion,
                    "the NAT may have no port left for this host",
                ),
                other(Cause::LocalNat, "the table of connections may be full"),
            ]
            .concat(),
            ..insufficient(
                what,
                parts,
                vec![
                    "open connections to another host meanwhile: where they pass, it is the ports"
                        .to_owned(),
                ],
            )
        }
    })
}

/// A rate like that of others, as if a quarter of them had been seen: it differs from host to host and from time to time.
#[expect(clippy::cast_precision_loss, reason = "counts of SYNs")]
fn as_many_as(others: Outcomes) -> Rate {
    let seen = |count: u64| 1.0 + count as f64 / 4.0;
    Rate::new(seen(others.dropped), seen(others.answered))
}

fn astray(evidence: &CrossingEvidence) -> Option<Finding> {
    let answers = Outcomes {
        dropped: evidence.astray,
        answered: evidence.straight,
    };
    if answers.dropped < ASTRAY || answers.dropped < answers.answered {
        return None;
    }
    let summary = format!(
        "answers come in by another interface than the SYNs leave by: {} of {} connections",
        answers.dropped,
        answers.total()
    );
    Some(Finding {
        confidence: SEEN,
        ..finding(
            Cause::Routing,
            Severity::Critical,
            summary,
            vec![
                ("answered_by_another_interface", Evidence::Count(answers.dropped)),
                ("answered_by_the_same", Evidence::Count(answers.answered)),
            ],
            vec![
                "let answers come back by the way that SYNs leave, or `sysctl -w net.ipv4.conf.all.rp_filter=2`; `nstat -az TcpExtIPReversePathFilter` counts what is dropped".to_owned(),
            ],
        )
    })
}

impl RemoteDiagnosis {
    /// A host of which only its crossing is known.
    fn of_nothing(address: IpAddr) -> Self {
        Self {
            address,
            counters: RemoteCounters::default(),
            findings: Vec::new(),
            close_up: None,
        }
    }
}
