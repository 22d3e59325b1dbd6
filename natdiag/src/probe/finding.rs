//! What a test on one address has found, in words: a finding as of any other run, or that nothing is wrong.

use super::{
    connection::{Arm, Closing, Fate, Record},
    experiment::Experiment,
    hypothesis::Hypothesis,
    outcome::Posterior,
};
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding, Severity},
    verdict::contest::{CERTAIN, NAMED},
};

/// The answer of a test.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Nothing is wrong; how sure, and in a sentence.
    Sound {
        /// Probability.
        confidence: f64,
        /// One sentence.
        summary: String,
    },
    /// Something is.
    Found(Box<Finding>),
}

/// Says what a test has found.
#[must_use]
pub fn answer(experiment: &Experiment) -> Answer {
    let record = &experiment.record;
    let posterior = &experiment.posterior;
    if record.total(Fate::Answered) == 0 && record.total(Fate::Refused) > 0 {
        return found(experiment, refused(record.total(Fate::Refused)));
    }
    let recycle = posterior.recycle();
    if recycle >= NAMED {
        return found(experiment, self::recycle(record, posterior));
    }
    let lost = record.connections.len() as u64 - record.total(Fate::Answered);
    let (best, sure) = posterior.best();
    let is_armed = record.last_closed().is_some();
    if lost == 0 || best == Hypothesis::Sound {
        let confidence = posterior.of_no_rule();
        if is_armed && confidence >= NAMED {
            return Answer::Sound {
                confidence: confidence.min(CERTAIN),
                summary: sound(record),
            };
        }
        return found(experiment, unarmed(experiment));
    }
    if sure >= NAMED
        && let Some(finding) = named(record, best, sure)
    {
        return found(experiment, finding);
    }
    found(experiment, undecided(experiment))
}

fn found(experiment: &Experiment, mut finding: Finding) -> Answer {
    finding.confidence = finding.confidence.min(CERTAIN);
    finding.evidence.extend(evidence(&experiment.record));
    let is_anything_dropped = !matches!(finding.cause, Cause::Blind | Cause::Refused);
    if is_anything_dropped {
        let named = if finding.cause == Cause::TwRecycleLatent {
            Cause::TwRecycle
        } else {
            finding.cause
        };
        let alternatives = experiment.posterior.alternatives(named);
        finding.excluded.extend(alternatives.excluded);
        finding.not_excluded.extend(alternatives.not_excluded);
    }
    Answer::Found(Box::new(finding))
}

fn recycle(record: &Record, posterior: &Posterior) -> Finding {
    let sure = posterior.recycle();
    let of_era = |hypothesis| posterior.of_one(hypothesis) / sure >= NAMED;
    let (era, kernel) = if of_era(Hypothesis::RecycleFrom317) {
        (Some("3.17 to 4.11"), ", kernel 3.17 to 4.11")
    } else if of_era(Hypothesis::RecycleUntil316) {
        (Some("up to 3.16"), ", kernel up to 3.16")
    } else {
        (None, "")
    };
    let live = is_foreign(record);
    let closing = record.last_closed().map(|(closed, _)| closed.closing);
    let latent = !live && closing.is_some_and(Closing::is_on_request);
    let (cause, severity, summary) = if latent {
        (
            Cause::TwRecycleLatent,
            Severity::Warning,
            format!(
                "tcp_tw_recycle is on at this server{kernel}, and drops SYNs once it has closed a connection first; here it does so \
                 only when asked to (`Connection: close`), and nobody behind our address had it do so now"
            ),
        )
    } else if live {
        (
            Cause::TwRecycle,
            Severity::Critical,
            format!(
                "tcp_tw_recycle is on at this server{kernel}: it remembers a timestamp of another host behind our address and drops \
                 SYNs with older ones"
            ),
        )
    } else {
        (
            Cause::TwRecycle,
            Severity::Critical,
            format!(
                "tcp_tw_recycle is on at this server{kernel}: after it had closed a connection of ours, it dropped SYNs with older \
                 timestamps"
            ),
        )
    };
    let mut finding = Finding::new(cause, sure, severity, summary);
    let text = era.unwrap_or("not known");
    finding
        .evidence
        .push(("server_kernel", Evidence::Text(text.to_owned())));
    if let Some(textbook) = textbook_test(record) {
        finding.evidence.push(("textbook_test", textbook));
    }
    if let Some(recovered) = recovery(record) {
        finding
            .summary
            .push_str("; after 60 s of quiet it took what it had dropped");
        finding.evidence.push(("recovered", recovered));
    }
    finding.remedy = vec![
        "ask the owner of the server to run `sysctl -w net.ipv4.tcp_tw_recycle=0`; `net.ipv4.tcp_tw_reuse=1` is the safe \
         option"
            .to_owned(),
        match era {
            Some("up to 3.16") => {
                "until then, `sysctl -w net.ipv4.tcp_timestamps=0` on the clients avoids it: this server takes SYNs without \
                 timestamps"
            }
            Some(_) => {
                "turning timestamps off on the clients does not help: this server drops SYNs without timestamps as well"
            }
            None => "turning timestamps off on the clients helps only where the server's kernel is older than 3.17",
        }
        .to_owned(),
    ];
    finding
}

/// What the textbook makes of this server: SYNs without timestamps while others are dropped, and nothing else.
fn textbook_test(record: &Record) -> Option<Evidence> {
    let first_ns = record
        .connections
        .iter()
        .find(|connection| connection.fate == Fate::Dropped && connection.tsval.is_some())?
        .sent_ns;
    let (mut asked, mut answered) = (0, 0);
    for connection in record.of_arm(Arm::Without) {
        if connection.sent_ns >= first_ns {
            asked += 1;
            answered += u64::from(connection.fate == Fate::Answered);
        }
    }
    let verdict = match (asked, answered) {
        (0, _) => return None,
        (_, 0) => "the textbook would say that timestamps are not to blame, and would be wrong",
        _ => "the textbook would say the same",
    };
    Some(Evidence::Text(format!(
        "{answered} of {asked} SYNs without timestamps answered: {verdict}"
    )))
}

/// Whether the server took again what it had dropped, once it had forgotten.
fn recovery(record: &Record) -> Option<Evidence> {
    let answered = record.count(Arm::Recovered, Fate::Answered);
    let asked = record.of_arm(Arm::Recovered).count() as u64;
    (answered > 0 && answered == asked)
        .then(|| Evidence::Text(format!("{answered} of {asked} SYNs answered")))
}

/// Whether the server remembered a timestamp before it had any of ours.
fn is_foreign(record: &Record) -> bool {
    let around = |fate| record.count(Arm::Around, fate);
    around(Fate::Dropped) >= 2 && around(Fate::Answered) >= 2
}

/// Nobody listens: so many SYNs were answered by a RST.
pub(super) fn refused(refused: u64) -> Finding {
    let mut finding = Finding::new(
        Cause::Refused,
        CERTAIN,
        Severity::Critical,
        format!("nobody listens on this port: {refused} SYNs were answered by a RST"),
    );
    finding.remedy = vec!["check the port, and whether the service runs".to_owned()];
    finding
}

/// The causes that are neither `tcp_tw_recycle` nor none.
fn named(record: &Record, hypothesis: Hypothesis, sure: f64) -> Option<Finding> {
    let accused = hypothesis.row().accused.as_ref()?;
    let words = accused.words.as_ref()?;
    let mut finding = Finding::new(accused.cause, sure, words.severity, (words.summary)(record));
    finding.remedy = vec![words.remedy.to_owned()];
    Some(finding)
}

fn sound(record: &Record) -> String {
    let answered = record.total(Fate::Answered);
    let all = record.connections.len();
    let low = record.count(Arm::Low, Fate::Answered);
    format!(
        "tcp_tw_recycle is off: after the server had closed a connection of ours it answered {low} SYNs with older timestamps; \
         {answered} of {all} SYNs were answered"
    )
}

/// Nothing was dropped, and the server was never brought to remember a timestamp.
fn unarmed(experiment: &Experiment) -> Finding {
    if !experiment.not_armable {
        return undecided(experiment);
    }
    let mut finding = Finding::new(
        Cause::Blind,
        1.0,
        Severity::Info,
        "whether tcp_tw_recycle is on cannot be seen at this service: the server never closes first, so it remembers no \
         timestamp and drops nobody"
            .to_owned(),
    );
    finding.remedy = vec![
        "try another port of the same host, or give `--payload` something after which the server closes, such as `QUIT\\r\\n`"
            .to_owned(),
        "on the server, outside any container: `cat /proc/sys/net/ipv4/tcp_tw_recycle` prints 1 where it is on".to_owned(),
    ];
    finding
}

fn undecided(experiment: &Experiment) -> Finding {
    let record = &experiment.record;
    let all = record.connections.len();
    let lost = all as u64 - record.total(Fate::Answered);
    let (why, remedy) = if experiment.interrupted {
        (
            "the test was ended early",
            "test again, and let it end by itself",
        )
    } else {
        (
            "what was seen fits several causes",
            "test again, with a larger `--max-connections`",
        )
    };
    let mut finding = Finding::new(
        Cause::InsufficientEvidence,
        1.0,
        Severity::Info,
        if lost == 0 {
            format!("all {all} SYNs were answered, but {why}")
        } else {
            format!("{lost} of {all} SYNs were not answered, and {why}")
        },
    );
    finding.remedy = vec![remedy.to_owned()];
    finding
}

fn evidence(record: &Record) -> Vec<(&'static str, Evidence)> {
    let mut evidence = Vec::new();
    if let Some((closed, _)) = record.last_closed() {
        evidence.push(("mark", Evidence::Count(u64::from(closed.mark))));
        evidence.push((
            "server_closes_first",
            Evidence::Text(closed.closing.meaning().to_owned()),
        ));
    }
    if let Some(ns) = record.handshake_ns() {
        let milliseconds = std::time::Duration::from_nanos(ns).as_secs_f64() * 1e3;
        let rounded = (milliseconds * 100.0).round() / 100.0;
        evidence.push(("handshake_ms", Evidence::Ratio(rounded)));
    }
    let mut ttls: Vec<_> = record
        .connections
        .iter()
        .filter_map(|connection| connection.ttl)
        .collect();
    ttls.sort_unstable();
    ttls.dedup();
    let answers = ttls.iter().map(ToString::to_string).collect();
    evidence.push(("answers_ttl", Evidence::List(answers)));
    evidence
}
