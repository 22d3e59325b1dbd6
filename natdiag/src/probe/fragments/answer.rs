//! What the responses mean, in words: a finding as of any other run, or that nothing is wrong.

use super::{Ending, FragmentsRecord, Sighting, clamp};
use crate::{
    analysis::{
        diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
        verdict::contest::NAMED,
    },
    probe::finding::{Answer, refused},
};

/// How sure it is that nothing is wrong, where every response came whole, and that fragments that were seen are there.
const SURE: f64 = 0.97;

/// What tells more where connections do not come about.
const OF_SYNS: &str =
    "run `natdiag probe timestamps` against it, which tells why SYNs are not answered";

/// Says what a test has found.
#[must_use]
pub fn answer(record: &FragmentsRecord, sighting: &Sighting) -> Answer {
    let all = record.responses.len();
    if all > 0 && record.refused() == all {
        return Answer::Found(Box::new(refused(all as u64)));
    }
    let mut finding = if sighting.fragments > 0 {
        fragmented(record, sighting)
    } else if record.is_hole() {
        hole(record, sighting)
    } else if let Some(sound) = sound(record, sighting) {
        return sound;
    } else {
        unclear(record)
    };
    finding.evidence.extend(evidence(record, sighting));
    let is_advised = |remedy: &String| remedy == OF_SYNS;
    if record.unopened() > 0 && !finding.remedy.iter().any(is_advised) {
        finding.remedy.push(OF_SYNS.to_owned());
    }
    Answer::Found(Box::new(finding))
}

/// Fragments came: what the analysis of live traffic says of them counts, with the clamp that cures it.
fn fragmented(record: &FragmentsRecord, sighting: &Sighting) -> Finding {
    let largest = sighting.largest_first_fragment_octets;
    let named = sighting.findings.iter().find(|finding| {
        matches!(
            finding.cause,
            Cause::PathFragmentation | Cause::EndpointFragmentation
        )
    });
    let mut finding = named.cloned().unwrap_or_else(|| {
        Finding::new(
            Cause::PathFragmentation,
            SURE,
            Severity::Warning,
            format!(
                "its TCP arrives in fragments, of which the largest first one has {largest} octets; a managed NAT gateway drops them"
            ),
        )
    });
    match record.uncut_mss() {
        Some(mss) => {
            // Those that were tried out, and are complete, take the place of what is added to a table that may be
            // there.
            finding.remedy.retain(|remedy| !clamp::is_rule(remedy));
            finding.remedy.splice(..0, clamp::advice(record, mss));
        }
        None if record.largest_fragment_octets().is_some() => finding
            .remedy
            .push("no clamp helps: small segments came in fragments as well".to_owned()),
        // They were of other connections.
        None => {}
    }
    finding
}

fn hole(record: &FragmentsRecord, sighting: &Sighting) -> Finding {
    let mss = record.largest_passing();
    let open = format!(
        "responses in full-sized segments do not arrive, and with an MSS of {mss} octets they do"
    );
    let mut finding = match sighting.dont_fragment {
        // What may be cut on the way is not dropped for its size: it is cut, and then dropped.
        Some(false) => {
            let mut finding = Finding::new(
                Cause::PathFragmentation,
                record.confidence_of_hole(),
                Severity::Critical,
                format!(
                    "{open}: the server lets routers cut its packets, and something before this host drops the fragments, as a \
                     managed NAT gateway does"
                ),
            );
            finding.not_excluded.push(Alternative {
                cause: Cause::EndpointFragmentation,
                why: "from behind the NAT it cannot be seen whether the server or a router cuts the packets".to_owned(),
            });
            finding
        }
        Some(true) => {
            let mut finding = Finding::new(
                Cause::PmtuBlackHole,
                record.confidence_of_hole(),
                Severity::Critical,
                format!(
                    "{open}: the server forbids fragments, so its large packets are dropped whole, and the ICMP messages that \
                     would tell it do not reach it"
                ),
            );
            finding.excluded.push(Alternative {
                cause: Cause::PathFragmentation,
                why: "the server sends with Don't Fragment".to_owned(),
            });
            finding
        }
        // Just sure enough to be named: fragments that were dropped unseen would look the same.
        None => {
            let mut finding = Finding::new(
                Cause::PmtuBlackHole,
                record.confidence_of_hole().min(NAMED),
                Severity::Critical,
                format!(
                    "{open}: some link on the way carries less, and the server does not learn of it"
                ),
            );
            finding.not_excluded.push(Alternative {
                cause: Cause::EndpointFragmentation,
                why: "fragments that something before this host drops leave the same trace"
                    .to_owned(),
            });
            finding
        }
    };
    finding.remedy = clamp::advice(record, mss);
    finding
}

fn sound(record: &FragmentsRecord, sighting: &Sighting) -> Option<Answer> {
    let octets = record
        .responses
        .iter()
        .map(|response| response.octets)
        .max()?;
    let all_pass = record.opened().all(|response| record.passes(response));
    if !all_pass || record.unopened() > 0 || octets <= u64::from(record.usual()) {
        return None;
    }
    let vantage = if sighting.is_behind_nat {
        "from behind the NAT"
    } else {
        "from here"
    };
    Some(Answer::Sound {
        confidence: SURE,
        summary: format!(
            "responses of {octets} octets arrive whole {vantage}, in segments of any size, and no fragments came"
        ),
    })
}

fn unclear(record: &FragmentsRecord) -> Finding {
    let octets = record
        .responses
        .iter()
        .map(|response| response.octets)
        .max();
    let of = |ending| {
        let responses = record.responses.iter();
        responses
            .filter(|response| response.ending == ending)
            .count()
    };
    let (unopened, reset) = (record.unopened(), of(Ending::Reset));
    let all = record.responses.len();
    let all_pass = record.opened().all(|response| record.passes(response));
    let (summary, remedy) = if unopened == all {
        (
            format!(
                "none of {all} connections came about, so nothing is known about large packets"
            ),
            OF_SYNS,
        )
    } else if unopened > 0 && all_pass {
        (
            format!(
                "SYNs fail, not large packets: {unopened} of {all} connections did not come about, and every other response came \
                 whole"
            ),
            OF_SYNS,
        )
    } else if octets.unwrap_or(0) <= u64::from(record.usual()) {
        (
            format!(
                "the response has {} octets, which fit one segment: too few to say anything about large packets",
                octets.unwrap_or(0)
            ),
            "name something larger: a URL with a path, or a `--payload` that asks for more than 1,500 octets",
        )
    } else {
        (
            format!(
                "of {all} connections some failed without regard to the size of their segments ({unopened} did not \
                 come about, {reset} were reset)"
            ),
            "test again; then `natdiag watch` while it happens",
        )
    };
    let mut finding = Finding::new(Cause::InsufficientEvidence, 1.0, Severity::Info, summary);
    finding.remedy = vec![remedy.to_owned()];
    finding
}

fn evidence(record: &FragmentsRecord, sighting: &Sighting) -> Vec<(&'static str, Evidence)> {
    let mut evidence = vec![
        ("tcp_fragments", Evidence::Count(sighting.fragments)),
        (
            "largest_first_fragment_octets",
            Evidence::Count(sighting.largest_first_fragment_octets),
        ),
    ];
    if record.unopened() > 0 {
        let count = record.unopened() as u64;
        evidence.push(("connections_not_opened", Evidence::Count(count)));
    }
    if let Some(mss) = record.uncut_mss() {
        evidence.push(("uncut_mss_octets", Evidence::Count(mss.into())));
    } else if record.is_hole() {
        let mss = record.largest_passing();
        evidence.push(("largest_passing_mss_octets", Evidence::Count(mss.into())));
    }
    if let Some(dont_fragment) = sighting.dont_fragment {
        let text = if dont_fragment { "set" } else { "clear" };
        evidence.push(("server_dont_fragment", Evidence::Text(text.to_owned())));
    }
    if !sighting.too_big.is_empty() {
        let mtus = sighting.too_big.iter().map(ToString::to_string).collect();
        evidence.push(("packet_too_big_mtus_octets", Evidence::List(mtus)));
    }
    evidence
}
