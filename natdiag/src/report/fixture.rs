//! Surveys as the analysis would give them, for the tests of every view.

mod busy;
mod parts;

use natdiag_common::{counter::Counter, error::Layer};

use self::parts::because;
pub(crate) use self::{
    busy::busy,
    parts::{diagnosis, finding, live, names, remote, survey, survey_of},
};
use crate::{
    analysis::diagnosis::{Cause, Diagnosis, Evidence, Finding, RemoteCounters, Severity},
    survey::{SourceKind, SourceSurvey, Survey},
};

/// All surveys, by name.
pub(crate) fn all() -> Vec<(&'static str, Survey)> {
    vec![
        ("healthy", healthy()),
        ("tw_recycle", tw_recycle()),
        ("path_fragmentation", path_fragmentation()),
        ("insufficient_evidence", insufficient_evidence()),
        ("blind", blind()),
        ("overflow", overflow()),
        ("two_interfaces", two_interfaces()),
        ("nothing_seen", nothing_seen()),
    ]
}

pub(crate) fn healthy() -> Survey {
    let counters = RemoteCounters {
        syn_sent: 240,
        syn_ack_received: 240,
        syn_predicted_pass_answered: 240,
        ..RemoteCounters::default()
    };
    survey(vec![live(
        "ens5",
        diagnosis(vec![
            remote("203.0.113.80", counters, vec![]),
            remote(
                "2001:db8::80",
                RemoteCounters {
                    syn_sent: 3,
                    ..counters
                },
                vec![],
            ),
        ]),
    )])
}

pub(crate) fn tw_recycle() -> Survey {
    survey(vec![live("ens5", tw_recycle_diagnosis())])
}

pub(crate) fn path_fragmentation() -> Survey {
    let mut survey = survey(vec![SourceSurvey {
        kind: SourceKind::Capture,
        name: "trouble.pcapng".to_owned(),
        hooks: vec![],
        notes: vec!["the file ends in the middle of a packet".to_owned()],
        octets: None,
        looked_at: None,
        diagnosis: fragments_diagnosis(),
    }]);
    survey.blind_to = vec!["fragments that a router dropped before this capture".to_owned()];
    survey
}

pub(crate) fn insufficient_evidence() -> Survey {
    let counters = RemoteCounters {
        syn_sent: 3,
        syn_retransmitted: 2,
        syn_predicted_pass_dropped: 2,
        syn_undecided: 1,
        ..RemoteCounters::default()
    };
    let finding = Finding {
        confidence: 0.62,
        summary: "2 of 2 SYNs got no answer, and what was seen fits several causes".to_owned(),
        evidence: vec![("connections_tried", Evidence::Count(1))],
        not_excluded: vec![
            because(Cause::Filtered, "no other connection to this port was seen"),
            because(
                Cause::TwRecycle,
                "no connection that this server closed first was seen",
            ),
        ],
        remedy: vec!["watch longer, with more than one client".to_owned()],
        ..finding(Cause::InsufficientEvidence, Severity::Warning)
    };
    survey(vec![live(
        "ens5",
        diagnosis(vec![remote("198.51.100.9", counters, vec![finding])]),
    )])
}

pub(crate) fn blind() -> Survey {
    let finding = Finding {
        confidence: 0.95,
        summary:
            "this host sits behind a managed NAT, which drops fragments of TCP before they get here"
                .to_owned(),
        remedy: vec!["watch on the public side of the NAT".to_owned()],
        ..finding(Cause::Blind, Severity::Info)
    };
    let mut survey = survey_of(vec![], vec![finding]);
    survey.blind_to = vec![
        "fragments that the NAT dropped before this interface".to_owned(),
        "other hosts behind the same public address".to_owned(),
    ];
    survey
}

pub(crate) fn overflow() -> Survey {
    let mut survey = healthy();
    if let [source] = survey.sources.as_mut_slice() {
        source.diagnosis.remotes_known = 1_048_576;
        source.diagnosis.overflow_remotes = 73_412;
        source.diagnosis.turned_away = 73_412;
        source.diagnosis.findings.push(Finding {
            summary: "not every remote host could be looked at: 73412 packets were left out"
                .to_owned(),
            ..finding(Cause::InsufficientEvidence, Severity::Warning)
        });
        source.diagnosis.overflow.syn_sent = 73_412;
        source.diagnosis.totals.counters[Counter::MissedRecordsRing as usize] = 11;
        source.diagnosis.totals.counters[Counter::MissedRecordsBudget as usize] = 5_000;
        source.diagnosis.totals.counters[Counter::MissedRemotes as usize] = 7;
        source.diagnosis.totals.malformed[Layer::Ipv4.bad_length().index()] = 3;
        source.diagnosis.totals.malformed[Layer::Tcp.truncated().index()] = 1;
    }
    survey
}

pub(crate) fn two_interfaces() -> Survey {
    let counters = RemoteCounters {
        fragments_udp: 912,
        fragments_first: 456,
        fragments_last: 456,
        datagrams_complete: 456,
        largest_first_fragment_octets: 1500,
        ..RemoteCounters::default()
    };
    let udp = Finding {
        confidence: 1.0,
        summary: "UDP comes in fragments; a NAT gateway passes them".to_owned(),
        ..finding(Cause::UdpFragmentation, Severity::Info)
    };
    let mut inner = tw_recycle_diagnosis();
    inner
        .remotes
        .push(remote("2001:db8::53", counters, vec![udp]));
    inner.remotes_known = 2;
    survey(vec![
        live("ens5", fragments_diagnosis()),
        live("ens6", inner),
    ])
}

/// An interface that has shown nothing of interest yet.
pub(crate) fn idle() -> Survey {
    let finding = Finding {
        summary: "no connection was opened and no fragment was seen, so nothing can be said"
            .to_owned(),
        ..finding(Cause::InsufficientEvidence, Severity::Warning)
    };
    let findings = vec![finding];
    survey(vec![live(
        "ens5",
        Diagnosis {
            findings,
            ..diagnosis(vec![])
        },
    )])
}

pub(crate) fn nothing_seen() -> Survey {
    Survey::default()
}

fn tw_recycle_diagnosis() -> Diagnosis {
    let counters = RemoteCounters {
        syn_sent: 12_481,
        syn_retransmitted: 4_001,
        syn_ack_received: 8_376,
        syn_predicted_drop_dropped: 4_102,
        syn_predicted_pass_dropped: 3,
        syn_predicted_pass_answered: 8_376,
        ..RemoteCounters::default()
    };
    let finding = Finding {
        confidence: 0.999_97,
        summary: "tcp_tw_recycle is on at this server: it dropped 4102 of 4102 SYNs that its rule predicts to be dropped, and 3 of 8379 others".to_owned(),
        evidence: vec![
            ("likelihood_ratio", Evidence::Ratio(1.5e12)),
            ("server_kernel", Evidence::Text("3.17 to 4.11".to_owned())),
            ("mark_age_seconds", Evidence::Count(3)),
            (
                "locals_hit",
                Evidence::List(vec![
                    "10.60.1.3: 3800 of 3803 SYNs to port 443 (https) dropped".to_owned(),
                    "10.60.1.7: 302 of 655 SYNs to port 443 (https) dropped".to_owned(),
                ]),
            ),
            ("locals_spared", Evidence::List(vec![])),
        ],
        excluded: vec![
            because(Cause::PacketLoss, "drops follow timestamps, not chance"),
            because(Cause::BacklogOverflow, "drops have no relation to load"),
        ],
        not_excluded: vec![because(
            Cause::Filtered,
            "all drops are one client's, so a filter that hits this client explains them as well",
        )],
        remedy: vec![
            "ask the owner to set net.ipv4.tcp_tw_recycle=0; tcp_tw_reuse is the safe option".to_owned(),
            "until then, give clients public addresses of their own".to_owned(),
        ],
        ..finding(Cause::TwRecycle, Severity::Critical)
    };
    diagnosis(vec![remote("198.51.100.80", counters, vec![finding])])
}

fn fragments_diagnosis() -> Diagnosis {
    let counters = RemoteCounters {
        fragments_tcp: 5_120,
        fragments_first: 2_560,
        fragments_last: 2_560,
        datagrams_complete: 2_559,
        datagrams_incomplete: 1,
        largest_first_fragment_octets: 1_396,
        syn_sent: 318,
        syn_ack_received: 318,
        syn_predicted_pass_answered: 318,
        ..RemoteCounters::default()
    };
    let finding = Finding {
        confidence: 0.999,
        summary: "TCP comes in fragments, made by a hop on the path: 5120 fragments of 2560 segments, the first up to 1396 octets; behind a managed NAT gateway these never arrive".to_owned(),
        evidence: vec![("mtu_implied_octets", Evidence::Text("1396 to 1403".to_owned()))],
        excluded: vec![because(Cause::EndpointFragmentation, "the segments are larger than the hop's MTU")],
        remedy: vec!["clamp the MSS to 1356 octets".to_owned()],
        ..finding(Cause::PathFragmentation, Severity::Warning)
    };
    diagnosis(vec![remote(
        "2001:db8:0:0:0:0:0:44",
        counters,
        vec![finding],
    )])
}
