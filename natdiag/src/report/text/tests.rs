use super::*;
use crate::{
    analysis::diagnosis::{Cause, Finding, HitBy, RemoteCounters, Severity},
    report::fixture,
};

#[test]
fn report_reads_like_a_note_in_a_ticket() {
    for (name, survey) in fixture::all() {
        insta::assert_snapshot!(format!("text_{name}"), written(&survey, 100));
    }
}

#[test]
fn report_keeps_to_its_width() {
    for columns in [40, 60, 80, 120] {
        for (name, survey) in fixture::all() {
            let text = written(&survey, columns);
            // A command is not broken.
            for line in text.lines().filter(|line| !line.contains('`')) {
                assert!(
                    line.chars().count() <= columns,
                    "{name} at {columns}: {line}"
                );
            }
        }
    }
}

#[test]
fn narrow_report_breaks_between_words_and_cuts_no_number() {
    let text = written(&fixture::two_interfaces(), 20);
    for line in text.lines().filter(|line| line.chars().count() > 20) {
        let words = line.trim_start_matches([' ', '-']);
        assert!(!words.contains(' ') || words.contains('`'), "{line}");
    }
    assert!(!text.contains('…'), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn syns_without_timestamps_have_columns_of_their_own() {
    let counters = RemoteCounters {
        syn_predicted_pass_answered: 120,
        syn_without_timestamps_dropped: 1_081,
        syn_without_timestamps_answered: 5,
        syn_without_timestamps_armed_dropped: 1_079,
        ..RemoteCounters::default()
    };
    let finding = fixture::finding(Cause::TwRecycle, Severity::Critical);
    let remote = fixture::remote("203.0.113.80", counters, vec![finding]);
    let survey = fixture::survey(vec![fixture::live(
        "ens5",
        fixture::diagnosis(vec![remote]),
    )]);
    insta::assert_snapshot!(written(&survey, 100));
}

#[test]
fn many_findings_are_named_and_the_rest_counted() {
    let remotes = (0..1000).map(|host| {
        let finding = Finding {
            summary: format!("loss of {host}"),
            ..fixture::finding(Cause::PacketLoss, Severity::Warning)
        };
        let address = format!("2001:db8::{host:x}");
        fixture::remote(&address, RemoteCounters::default(), vec![finding])
    });
    let survey = fixture::survey(vec![fixture::live(
        "ens5",
        fixture::diagnosis(remotes.collect()),
    )]);
    let text = written(&survey, 100);
    assert!(text.contains("1000 findings need attention."), "{text}");
    assert!(
        text.contains("\n20. 2001:db8::13: loss on the way"),
        "{text}"
    );
    assert!(text.contains("\n   2001:db8::14: Loss of 20.\n"), "{text}");
    assert!(
        text.contains("and 880 more; `--output json` has them"),
        "{text}"
    );
}

#[test]
fn host_is_shown_by_address_and_name() {
    let mut survey = fixture::tw_recycle();
    survey.names = fixture::names();
    let text = written(&survey, 120);
    for line in [
        "1. 198.51.100.80 (www.server.example): tcp_tw_recycle is on",
        " ●  198.51.100.80 www.server.example  tcp_tw_recycle is on",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn name_of_a_file_cannot_steer_the_terminal() {
    let mut survey = fixture::path_fragmentation();
    survey.sources[0].name = "\u{1b}]0;title\u{7}.pcap".to_owned();
    assert!(!written(&survey, 100).contains(['\u{1b}', '\u{7}']));
}

fn written(survey: &Survey, columns: usize) -> String {
    let mut out = Vec::new();
    write(survey, &mut out, Paper::plain(columns), None).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn what_is_the_same_of_many_hosts_is_told_once() {
    let hosts = (1..=32).map(|last| {
        let finding = Finding {
            summary: "connections are refused at once".to_owned(),
            ..fixture::finding(Cause::Refused, Severity::Warning)
        };
        let address = format!("203.0.113.{last}");
        fixture::remote(&address, RemoteCounters::default(), vec![finding])
    });
    let diagnosis = fixture::diagnosis(hosts.collect());
    let text = written(
        &fixture::survey(vec![fixture::live("ens5", diagnosis)]),
        100,
    );
    assert_eq!(text.matches("Connections are refused").count(), 1, "{text}");
    assert!(text.contains("sure) and 31 more"), "{text}");
    assert!(
        text.contains("also of") && text.contains("203.0.113.32"),
        "{text}"
    );
    assert!(text.contains("32 findings need attention"), "{text}");
}

#[test]
fn a_client_that_is_hit_by_a_server_is_not_well() {
    let mut client = fixture::remote("10.60.1.3", RemoteCounters::default(), vec![]);
    client.hit_by.push(HitBy {
        remote: "203.0.113.80".parse().unwrap(),
        cause: Cause::TwRecycle,
        hit: 84,
        all: 84,
    });
    let diagnosis = fixture::diagnosis(vec![client]);
    let text = written(&fixture::survey(vec![fixture::live("lan", diagnosis)]), 100);
    assert!(text.contains("hit by 203.0.113.80"), "{text}");
}
