use serde_json::Value;

use super::*;
use crate::report::fixture;

/// Every field of the contract, by the object that holds it, in the contract's order.
const CONTRACT: [(&str, &[&str]); 8] = [
    (
        "",
        &[
            "schema", "sources", "start", "end", "vantage", "totals", "remotes", "findings",
        ],
    ),
    ("/sources/0", &["kind", "name", "hooks"]),
    ("/vantage", &["blind_to"]),
    (
        "/totals/0",
        &[
            "packets",
            "malformed",
            "remotes",
            "remotes_left_out",
            "missed",
        ],
    ),
    ("/totals/0/missed", &["records", "remotes"]),
    ("/remotes/0", &["address", "source", "counters", "findings"]),
    (
        "/remotes/0/counters",
        &[
            "fragments_tcp",
            "fragments_udp",
            "fragments_icmp",
            "fragments_other",
            "fragments_first",
            "fragments_middle",
            "fragments_last",
            "fragments_atomic",
            "datagrams_complete",
            "datagrams_incomplete",
            "datagrams_unobserved",
            "largest_first_fragment_octets",
            "syn_sent",
            "syn_retransmitted",
            "syn_ack_received",
            "rst_answering_syn",
            "rst_established",
            "ack_answering_syn",
            "syn_predicted_drop_dropped",
            "syn_predicted_drop_answered",
            "syn_predicted_pass_dropped",
            "syn_predicted_pass_answered",
            "syn_without_timestamps_dropped",
            "syn_without_timestamps_answered",
            "syn_without_timestamps_armed_dropped",
            "syn_without_timestamps_armed_answered",
            "syn_ambiguous",
            "syn_undecided",
        ],
    ),
    (
        "/remotes/0/findings/0",
        &[
            "cause",
            "confidence",
            "severity",
            "summary",
            "evidence",
            "excluded",
            "not_excluded",
            "remedy",
        ],
    ),
];

#[test]
fn every_field_of_the_contract_is_there() {
    let report = as_json(&fixture::tw_recycle());
    for (place, fields) in CONTRACT {
        let object = report
            .pointer(place)
            .and_then(Value::as_object)
            .expect(place);
        for field in fields {
            assert!(object.contains_key(*field), "{place}/{field}");
        }
    }
    for alternative in ["excluded/0", "not_excluded/0"] {
        for field in ["cause", "why"] {
            let place = format!("/remotes/0/findings/0/{alternative}/{field}");
            assert!(
                report.pointer(&place).is_some_and(Value::is_string),
                "{place}"
            );
        }
    }
}

#[test]
fn fields_come_in_the_order_of_the_contract() {
    let text = serde_json::to_string(&Report::from(&fixture::tw_recycle())).unwrap();
    let counters = text.rsplit_once("\"remotes\":[{").unwrap().1;
    let (_, fields) = CONTRACT[6];
    let places: Vec<_> = fields
        .iter()
        .map(|field| counters.find(&format!("\"{field}\":")).expect(field))
        .collect();
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn remotes_are_ranked_over_all_sources_and_name_theirs() {
    let report = as_json(&fixture::two_interfaces());
    let ranked: Vec<_> = report["remotes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|remote| {
            (
                remote["address"].as_str().unwrap(),
                remote["source"].as_u64().unwrap(),
            )
        })
        .collect();
    let want = [
        ("198.51.100.80", 1),
        ("2001:db8::44", 0),
        ("2001:db8::53", 1),
    ];
    assert_eq!(ranked, want, "critical, warning, info");
    assert_eq!(report["totals"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_not_shown_or_was_missed_is_said() {
    let totals = &as_json(&fixture::overflow())["totals"][0];
    assert_eq!(totals["remotes"], 1_048_576);
    assert_eq!(totals["remotes_left_out"], 1_048_574);
    assert_eq!(totals["missed"]["records"], 5_011);
    assert_eq!(totals["missed"]["remotes"], 7);
    assert_eq!(totals["malformed"], 4);
    assert_eq!(totals["malformed_by"]["ipv4_bad_length"], 3);
    assert_eq!(totals["malformed_by"]["tcp_truncated"], 1);
    assert_eq!(totals["overflow"]["remotes"], 73_412);
    assert_eq!(totals["packets"], 355_350_001);
}

#[test]
fn times_are_rfc_3339_in_utc() {
    let report = as_json(&fixture::healthy());
    assert_eq!(report["start"], "2026-01-01T00:00:00Z");
    assert_eq!(report["end"], "2026-01-01T00:14:22Z");
    let mut survey = fixture::healthy();
    survey.end = survey.start.plus(250_000_000);
    assert_eq!(as_json(&survey)["end"], "2026-01-01T00:00:00.25Z");
}

fn as_json(survey: &Survey) -> Value {
    serde_json::to_value(Report::from(survey)).unwrap()
}
