//! What watching both sides of a NAT host adds: what this host itself does to SYNs, answers that come by another
//! interface, and which hosts behind the NAT are hit.

mod full_table;
mod local;
mod ports;
mod race;
mod trouble;

use std::net::IpAddr;

use self::{
    full_table::FULL_TABLE,
    ports::PORTS,
    race::RACE,
    trouble::{Seen, Trouble, Words},
};
use super::{
    contest::{CERTAIN, Contest, NAMED},
    finding, insufficient,
};
use crate::analysis::{
    crossing::{Crossing, CrossingSums},
    diagnosis::{
        Alternative, Cause, Diagnosis, Evidence, Finding, HitBy, RemoteCounters, RemoteDiagnosis,
        Severity,
    },
    fates::Outcomes,
};

/// All that may make a NAT host swallow SYNs.
static TROUBLES: [Trouble; 3] = [PORTS, RACE, FULL_TABLE];

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
    let mut is_complete = false;
    let mut hits = Vec::new();
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
        is_complete |= astray.is_some();
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
        let known = diagnosis.remotes.iter().find(|it| it.address == *remote);
        hits.extend(known.into_iter().flat_map(|known| hit(known, evidence)));
    }
    for (inside, client, hit_by) in hits {
        let inside = diagnoses.get_mut(inside);
        let mut remotes = inside.into_iter().flat_map(|it| &mut it.remotes);
        if let Some(known) = remotes.find(|known| known.address == client) {
            known.hit_by.push(hit_by);
        }
    }
    if is_complete {
        // What one source lacks another shows.
        for diagnosis in diagnoses {
            diagnosis
                .findings
                .retain(|finding| finding.cause != Cause::Blind);
        }
    }
}

fn amend(
    known: &mut RemoteDiagnosis,
    evidence: &CrossingSums,
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
        if is_about_syns(finding.cause) {
            finding
                .evidence
                .push(("clients_hit", Evidence::List(hit.clone())));
        }
    }
}

/// Whether a cause keeps connections from being opened.
fn is_about_syns(cause: Cause) -> bool {
    cause.is_of_silence()
        || matches!(
            cause,
            Cause::NatPortExhaustion | Cause::LocalNat | Cause::Routing | Cause::TwRecycle
        )
}

/// Who behind the NAT suffers from the worst that is found about a server, and at which source that host is seen.
fn hit(known: &RemoteDiagnosis, evidence: &CrossingSums) -> Vec<(usize, IpAddr, HitBy)> {
    let mut findings = known.findings.iter();
    let worst = findings.find(|finding| is_about_syns(finding.cause));
    let (Some(finding), Some(inside)) = (worst, evidence.inside) else {
        return Vec::new();
    };
    let clients = evidence.clients.iter();
    clients
        .filter(|(_, connections)| connections.hit > 0)
        .map(|(client, connections)| {
            let hit_by = HitBy {
                remote: known.address,
                cause: finding.cause,
                hit: connections.hit,
                all: connections.all,
            };
            (inside, *client, hit_by)
        })
        .collect()
}

fn swallowed(evidence: &CrossingSums, elsewhere: Outcomes) -> Option<Finding> {
    let seen = Seen {
        here: evidence.first.plus(evidence.again),
        after_passed: evidence.after_passed,
        after_swallowed: evidence.after_swallowed,
        elsewhere,
    };
    if seen.here.dropped < SWALLOWED {
        return None;
    }
    let what = format!(
        "{} of {} SYNs that came in from behind the NAT never left this machine",
        seen.here.dropped,
        seen.here.total()
    );
    let parts = parts(&seen, evidence.again);
    let contest = Contest::of(
        TROUBLES
            .iter()
            .map(|trouble| (trouble, trouble.prior, (trouble.ln_likelihood)(&seen))),
    )
    .together(|trouble| Some(trouble.words.cause));
    let named = contest.best().filter(|(_, share)| *share >= NAMED);
    let left = |why: fn(&Words) -> Option<&'static str>| -> Vec<Alternative> {
        let words = contest.shares().map(|(trouble, _)| trouble.words);
        words
            .filter(|words| named.is_none_or(|(named, _)| named.words.cause != words.cause))
            .filter_map(|words| {
                Some(Alternative {
                    cause: words.cause,
                    why: why(words)?.to_owned(),
                })
            })
            .collect()
    };
    let Some((trouble, confidence)) = named else {
        let remedy = vec![
            "open connections to another host meanwhile: where they pass, it is the ports"
                .to_owned(),
        ];
        return Some(Finding {
            not_excluded: left(|words| Some(words.why_left)),
            ..insufficient(what, parts, remedy)
        });
    };
    let words = trouble.words;
    Some(Finding {
        confidence: confidence.min(CERTAIN),
        not_excluded: left(|words| words.why_left_beside),
        ..finding(
            words.cause,
            Severity::Critical,
            format!("{what}: {}", words.summary),
            parts,
            vec![words.remedy.to_owned()],
        )
    })
}

/// What a finding about swallowed SYNs rests on.
fn parts(seen: &Seen, again: Outcomes) -> Vec<(&'static str, Evidence)> {
    let Seen {
        here, elsewhere, ..
    } = seen;
    vec![
        ("syn_swallowed_here", Evidence::Count(here.dropped)),
        ("syn_passed_on", Evidence::Count(here.answered)),
        ("swallowed_again", Evidence::Count(again.dropped)),
        (
            "swallowed_for_other_hosts",
            Evidence::Count(elsewhere.dropped),
        ),
        (
            "passed_on_for_other_hosts",
            Evidence::Count(elsewhere.answered),
        ),
    ]
}

fn astray(evidence: &CrossingSums) -> Option<Finding> {
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
            established: None,
            findings: Vec::new(),
            hit_by: Vec::new(),
            close_up: None,
        }
    }
}
