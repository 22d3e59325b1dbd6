//! Tests of paths that do this and that to segments.

use super::{answer::answer, *};
use crate::{
    analysis::diagnosis::{Cause, Finding, Severity},
    probe::finding::Answer,
};

/// A test of a path that carries segments up to `limit` only.
fn tested(limit: u16, octets: u64) -> FragmentsRecord {
    tested_by(octets, |mss| (mss <= limit, 0))
}

/// A test of a path that does this to segments: whether they pass, and the size of fragments that they come in.
fn tested_by(octets: u64, path: impl Fn(u16) -> (bool, u32)) -> FragmentsRecord {
    let mut record = FragmentsRecord {
        address: "192.0.2.80".parse().unwrap(),
        responses: Vec::new(),
    };
    while let Some(mss) = record.next() {
        assert!(record.responses.len() < 20, "{record:?}");
        let (passes, fragment) = path(mss.unwrap_or(USUAL_MSS_V4));
        record.responses.push(Response {
            mss,
            octets: if passes { octets } else { 0 },
            ending: if passes {
                Ending::Complete
            } else {
                Ending::Stalled
            },
            fragments: u64::from(fragment > 0) * 12,
            largest_fragment_octets: fragment,
        });
    }
    record
}

fn cause(record: &FragmentsRecord, sighting: &Sighting) -> Option<Cause> {
    match answer(record, sighting) {
        Answer::Sound { .. } => None,
        Answer::Found(finding) => Some(finding.cause),
    }
}

#[test]
fn the_size_at_which_it_breaks_is_found() {
    for limit in [536, 537, 800, 1200, 1356, 1459] {
        let record = tested(limit, 20_000);
        let found = record.largest_passing();
        assert!(
            found <= limit && limit - found <= CLOSE_ENOUGH,
            "{limit}: {found}"
        );
        assert!(record.responses.len() <= 12, "{limit}");
    }
}

#[test]
fn dont_fragment_tells_dropped_fragments_from_a_black_hole() {
    let record = tested(1360, 20_000);
    for (dont_fragment, want) in [
        (Some(false), Cause::PathFragmentation),
        (Some(true), Cause::PmtuBlackHole),
        (None, Cause::PmtuBlackHole),
    ] {
        let sighting = Sighting {
            dont_fragment,
            ..Sighting::default()
        };
        assert_eq!(cause(&record, &sighting), Some(want));
    }
}

#[test]
fn whole_responses_are_sound_if_they_are_large() {
    let sighting = Sighting::default();
    assert_eq!(cause(&tested(1460, 20_000), &sighting), None);
    let small = tested(1460, 900);
    assert_eq!(cause(&small, &sighting), Some(Cause::InsufficientEvidence));
    let nothing = tested(0, 0);
    assert_eq!(
        cause(&nothing, &sighting),
        Some(Cause::InsufficientEvidence)
    );
}

/// The remedies for a path that cuts packets above `mtu`, and perhaps all.
fn remedies(mtu: u16, cuts_all: bool) -> Vec<String> {
    let record = tested_by(20_000, |mss| {
        let is_cut = cuts_all || mss + 40 > mtu;
        (
            true,
            if is_cut {
                u32::from(mtu - mtu % 8 + 4)
            } else {
                0
            },
        )
    });
    let sighting = Sighting {
        fragments: 12,
        largest_first_fragment_octets: 1396,
        findings: vec![Finding {
            remedy: vec![
                "clamp the MSS: `nft add rule inet filter forward tcp option maxseg size set 1356`"
                    .to_owned(),
                "ask the owner".to_owned(),
            ],
            ..Finding::new(
                Cause::PathFragmentation,
                0.999,
                Severity::Warning,
                String::new(),
            )
        }],
        ..Sighting::default()
    };
    match answer(&record, &sighting) {
        Answer::Found(finding) => finding.remedy,
        Answer::Sound { .. } => panic!("fragments are not sound"),
    }
}

#[test]
fn the_clamp_fits_the_largest_fragment_and_is_seen_to_do() {
    let said = remedies(1396, false).join("\n");
    for words in [
        "size set 1356'`",
        "--set-mss 1356`",
        "2 of 2 responses came whole",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(
        !said.contains("inet filter"),
        "a rule for a table that may not be there: {said}"
    );
    assert!(said.ends_with("ask the owner"), "{said}");
}

#[test]
fn a_clamp_that_does_not_help_is_not_recommended() {
    let said = remedies(1396, true).join("\n");
    assert!(said.contains("no clamp helps"), "{said}");
    assert!(!said.contains("set-mss"), "{said}");
}

#[test]
fn a_difference_of_sizes_is_surer_the_more_often_it_shows() {
    let at_once = tested(536, 20_000);
    let confidence = at_once.confidence_of_hole();
    assert!((0.99..=CERTAIN).contains(&confidence), "{confidence}");
}

/// What one connection of a test came to: the MSS asked for, octets, and how it ended.
fn response(mss: Option<u16>, octets: u64, ending: Ending) -> Response {
    Response {
        mss,
        octets,
        ending,
        fragments: 0,
        largest_fragment_octets: 0,
    }
}

/// As captured before Linux 4.9.115 with `tcp_tw_recycle`: SYNs below the mark that earlier fetches had made.
#[test]
fn syns_that_a_recycling_server_drops_are_no_black_hole() {
    let whole = |mss| response(mss, 200_191, Ending::Complete);
    let unanswered = |mss| response(mss, 0, Ending::Unanswered);
    let record = FragmentsRecord {
        address: "203.0.113.80".parse().unwrap(),
        responses: vec![
            unanswered(None),
            unanswered(None),
            whole(Some(536)),
            whole(Some(536)),
            whole(Some(998)),
            unanswered(Some(1229)),
            whole(Some(1113)),
            whole(Some(1171)),
            whole(Some(1200)),
            whole(Some(1214)),
            whole(Some(1214)),
        ],
    };
    let sighting = Sighting {
        dont_fragment: Some(true),
        ..Sighting::default()
    };
    let Answer::Found(finding) = answer(&record, &sighting) else {
        panic!("SYNs had no answer");
    };
    assert_eq!(finding.cause, Cause::InsufficientEvidence);
    assert!(finding.remedy.concat().contains("probe timestamps"));
    // The sizes that no connection was made with are still to be asked for.
    assert_eq!(record.next(), Some(None));
}

#[test]
fn which_connections_come_about_makes_no_size_pass_or_fail() {
    // Of two sizes, the order in which the captured server opened connections, and not.
    let captured = ["1111", "1010", "1000", "1001", "1101", "0000", "0011"];
    let orders = (0..1 << 10).map(|bits| format!("{bits:010b}"));
    for order in orders.chain(captured.map(str::to_owned)) {
        let mut opens = order.bytes().cycle().map(|bit| bit == b'1');
        let mut record = FragmentsRecord {
            address: "203.0.113.80".parse().unwrap(),
            responses: Vec::new(),
        };
        while let Some(mss) = record.next() {
            assert!(record.responses.len() < 20, "{record:?}");
            record.responses.push(if opens.next() == Some(true) {
                response(mss, 200_191, Ending::Complete)
            } else {
                response(mss, 0, Ending::Unanswered)
            });
        }
        let want = (record.unopened() > 0).then_some(Cause::InsufficientEvidence);
        assert_eq!(cause(&record, &Sighting::default()), want, "{order}");
    }
}

#[test]
fn a_hole_is_seen_beside_connections_that_do_not_come_about() {
    let mut turn = 0_u64;
    let mut record = FragmentsRecord {
        address: "203.0.113.80".parse().unwrap(),
        responses: Vec::new(),
    };
    while let Some(mss) = record.next() {
        turn += 1;
        record.responses.push(if turn.is_multiple_of(3) {
            response(mss, 0, Ending::Unanswered)
        } else if mss.unwrap_or(USUAL_MSS_V4) <= 1300 {
            response(mss, 20_000, Ending::Complete)
        } else {
            response(mss, 0, Ending::Stalled)
        });
    }
    let Answer::Found(finding) = answer(&record, &Sighting::default()) else {
        panic!("a hole is not sound");
    };
    assert_eq!(finding.cause, Cause::PmtuBlackHole);
    assert!(finding.remedy.concat().contains("probe timestamps"));
}

#[test]
fn a_closed_port_is_said_to_be_closed() {
    let mut record = tested_by(0, |_| (false, 0));
    record.responses.clear();
    while let Some(mss) = record.next() {
        record.responses.push(response(mss, 0, Ending::Refused));
    }
    assert_eq!(record.responses.len(), REFUSALS);
    let said = cause(&record, &Sighting::default());
    assert_eq!(said, Some(Cause::Refused));
}
