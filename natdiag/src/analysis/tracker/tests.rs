use super::*;
use natdiag_common::wire::seq::TsVal;

use crate::{
    analysis::{
        fates::{Connections, Outcomes},
        timeline::{Client, ISN, MS},
    },
    event::Content,
};

/// Plays events in the order of their times, then lets time pass up to `end_ms`.
fn play(events: impl IntoIterator<Item = Event>, end_ms: u64) -> SynSums {
    let mut events: Vec<Event> = events.into_iter().collect();
    events.sort_by_key(|event| event.time);
    let mut tracker = Tracker::default();
    for event in &events {
        if let Content::Segment(segment) = event.content {
            tracker.segment(event, &segment);
        }
    }
    tracker.advance(Timestamp(end_ms * MS));
    tracker
        .sums("203.0.113.80".parse().unwrap())
        .unwrap()
        .clone()
}

fn outcomes(dropped: u64, answered: u64) -> Outcomes {
    Outcomes { dropped, answered }
}

#[test]
fn a_syn_below_the_mark_is_predicted_to_be_dropped() {
    let mut events = Client::new(1).closed_by_server(0, 9000);
    events.extend(Client::new(2).blocked(1000, Some(100)));
    let sums = play(events, 10_000);
    assert_eq!(sums.predicted_drop, outcomes(3, 0));
    assert_eq!(sums.predicted_pass, outcomes(0, 1));
    assert_eq!(sums.repeated, outcomes(2, 0));
    assert_eq!(
        sums.connections,
        Connections {
            failed: 1,
            clean: 1,
            late: 0
        }
    );
    assert_eq!(
        (sums.retransmitted, sums.pending, sums.undecided),
        (2, 0, 0)
    );
    assert_eq!(sums.mark.unwrap().0, TsVal(9004));
}

#[test]
fn a_host_that_closes_first_makes_no_mark() {
    let client = Client::new(1);
    let events = [
        client.syn(0, Some(9000)),
        client.syn_ack(1, Some(9000)),
        client.fin_sent(3, 29, 60, Some(9004)),
        client.fin_received(4, 60, ISN + 31, Some(9004)),
        Client::new(2).syn(1000, Some(100)),
        Client::new(2).syn_ack(1001, Some(100)),
    ];
    let sums = play(events, 5000);
    assert_eq!(sums.mark, None);
    assert_eq!(sums.predicted_pass, outcomes(0, 2));
}

#[test]
fn crossing_fins_make_a_mark_of_our_fin() {
    let client = Client::new(1);
    let events = [
        client.syn(0, Some(9000)),
        client.syn_ack(1, Some(9000)),
        client.fin_sent(3, 29, 60, Some(9004)),
        client.fin_received(4, 60, ISN + 30, Some(9001)),
    ];
    assert_eq!(play(events, 10).mark.unwrap().0, TsVal(9004));
}

#[test]
fn a_reset_in_place_of_our_fin_leaves_no_mark() {
    let client = Client::new(1);
    let events = [
        client.syn(0, Some(9000)),
        client.syn_ack(1, Some(9000)),
        client.fin_received(3, 60, ISN + 30, Some(9002)),
        client.reset_sent(4),
        Client::new(2).syn(1000, Some(100)),
        Client::new(2).syn_ack(1001, Some(100)),
    ];
    assert_eq!(play(events, 5000).predicted_pass, outcomes(0, 2));
}

#[test]
fn a_timestamp_echo_tells_which_transmission_was_taken() {
    let client = Client::new(1);
    let events = [
        client.syn(0, Some(100)),
        client.syn(1000, Some(1100)),
        client.syn(2000, Some(2100)),
        client.syn_ack(2001, Some(1100)),
    ];
    let sums = play(events, 5000);
    assert_eq!(sums.predicted_pass, outcomes(1, 1));
    assert_eq!(sums.undecided, 1);
    assert_eq!(
        sums.connections,
        Connections {
            failed: 0,
            clean: 0,
            late: 1
        }
    );
}

#[test]
fn a_late_answer_turns_dropped_into_answered() {
    let client = Client::new(1);
    let unanswered = play([client.syn(0, Some(100))], 600);
    assert_eq!(unanswered.predicted_pass, outcomes(1, 0));
    let late = play(
        [client.syn(0, Some(100)), client.syn_ack(700, Some(100))],
        900,
    );
    assert_eq!(late.predicted_pass, outcomes(0, 1));
    assert_eq!(
        late.connections,
        Connections {
            failed: 0,
            clean: 1,
            late: 0
        }
    );
}

#[test]
fn a_syn_just_before_the_end_is_undecided() {
    let sums = play([Client::new(1).syn(0, Some(100))], 499);
    assert_eq!((sums.pending, sums.all().total()), (1, 0));
}

#[test]
fn a_refusal_is_an_answer() {
    let client = Client::new(1);
    let sums = play([client.syn(0, Some(100)), client.refused(1)], 5000);
    assert_eq!((sums.refused, sums.predicted_pass), (1, outcomes(0, 1)));
}

#[test]
fn our_reset_tells_of_a_bare_ack() {
    let client = Client::new(1);
    let sums = play([client.syn(0, Some(100)), client.reset_sent(1)], 5000);
    assert_eq!((sums.acks, sums.undecided, sums.all().total()), (1, 1, 0));
}

#[test]
fn a_reset_of_ours_is_not_always_the_answer_to_a_bare_ack() {
    let client = Client::new(1);
    let syn = client.syn(0, Some(100));
    let mut gives_up = client.reset_sent(1);
    if let Content::Segment(segment) = &mut gives_up.content {
        segment.seq = SeqNumber(ISN + 1);
    }
    for (name, events, unseen) in [
        ("gives up", vec![syn.clone(), gives_up], 0),
        ("aborts", vec![syn.clone(), client.aborted(30, 0)], 1),
        (
            "aborts behind data",
            vec![syn.clone(), client.aborted(30, 300)],
            1,
        ),
        (
            "refuses a SYN-ACK to another SYN",
            vec![syn, client.misnumbered(20), client.reset_sent(21)],
            0,
        ),
    ] {
        let sums = play(events, 5000);
        assert_eq!(
            (sums.acks, sums.undecided, sums.all().total()),
            (0, 1, 0),
            "{name}"
        );
        assert_eq!(sums.answers_unseen, unseen, "{name}");
    }
}

#[test]
fn ordinary_segments_tell_that_a_syn_was_answered() {
    let client = Client::new(1);
    for (name, events) in [
        ("ACK", vec![client.syn(0, None), client.asks(20, 0)]),
        ("data", vec![client.syn(0, None), client.asks(21, 300)]),
        ("late", vec![client.syn(0, None), client.asks(2000, 300)]),
    ] {
        let sums = play(events, 5000);
        assert_eq!(
            (sums.answers_unseen, sums.undecided, sums.all().total()),
            (1, 1, 0),
            "{name}"
        );
    }
}

#[test]
fn a_syn_ack_again_counts_by_what_was_sent_before() {
    let client = Client::new(1);
    let open = [client.syn(0, None), client.syn_ack(20, None)];
    let again = client.syn_ack(1020, None);
    for (name, rest, want) in [
        ("nothing is known", vec![again.clone()], (1, 0)),
        (
            "before data",
            vec![client.asks(21, 0), again.clone()],
            (1, 0),
        ),
        (
            "after data",
            vec![client.asks(22, 300), again.clone()],
            (1, 1),
        ),
        (
            "nothing was sent",
            vec![again.clone(), client.fin_sent(5000, 0, 0, None)],
            (0, 0),
        ),
    ] {
        let sums = play(open.iter().cloned().chain(rest), 9000);
        let repeated = (sums.syn_acks_repeated, sums.syn_acks_after_data);
        assert_eq!(repeated, want, "{name}");
    }
}

#[test]
fn a_syn_right_after_a_change_of_the_mark_is_ambiguous() {
    let mut events = Client::new(1).closed_by_server(0, 9000);
    events.extend(Client::new(2).blocked(10, Some(100)));
    let sums = play(events, 10_000);
    assert_eq!((sums.ambiguous, sums.predicted_drop), (1, outcomes(2, 0)));
}

#[test]
fn a_syn_on_a_four_tuple_in_time_wait_says_nothing_when_dropped() {
    let client = Client::new(1);
    let mut events = client.closed_by_server(0, 9000);
    let mut again = client.syn(5000, Some(100));
    if let Content::Segment(segment) = &mut again.content {
        segment.seq = SeqNumber(9);
    }
    events.push(again);
    let sums = play(events, 10_000);
    assert_eq!((sums.undecided, sums.predicted_drop.total()), (1, 0));
}

#[test]
fn missed_records_make_a_silent_syn_undecided() {
    let mut tracker = Tracker::default();
    let event = Client::new(1).syn(1000, Some(100));
    let Content::Segment(segment) = event.content else {
        panic!("a segment")
    };
    tracker.segment(&event, &segment);
    tracker.records_missed(Timestamp(900 * MS), Timestamp(1100 * MS));
    tracker.advance(Timestamp(5000 * MS));
    let sums = tracker.sums(event.destination).unwrap();
    assert_eq!((sums.undecided, sums.all().total()), (1, 0));
}

#[test]
fn clients_behind_a_nat_share_a_mark_and_public_addresses_do_not() {
    for (other, want) in [
        ("10.60.1.3", outcomes(3, 0)),
        ("198.51.100.9", outcomes(0, 0)),
    ] {
        let first = if other.starts_with("10.") {
            "10.60.1.2"
        } else {
            "203.0.113.1"
        };
        let mut events = Client::new(1).from(first).closed_by_server(0, 9000);
        events.extend(Client::new(2).from(other).blocked(1000, Some(100)));
        assert_eq!(play(events, 10_000).predicted_drop, want, "{other}");
    }
}

#[test]
fn a_request_without_response_is_told_from_a_one_way_stream() {
    let client = Client::new(1);
    let open = [client.syn(0, Some(100)), client.syn_ack(1, Some(100))];
    let hole = [
        client.fin_received(50, 9000, ISN + 30, Some(101)),
        client.fin_sent(3000, 29, 0, Some(3100)),
    ];
    let one_way = [
        client.fin_sent(3000, 29, 0, Some(3100)),
        client.fin_received(3001, 0, ISN + 31, Some(3100)),
    ];
    let answered = [
        client.fin_received(50, 60, ISN + 30, Some(101)),
        client.fin_sent(3000, 29, 61, Some(3100)),
    ];
    for (name, closing, want) in [
        ("hole", hole, 1),
        ("one way", one_way, 0),
        ("answered", answered, 0),
    ] {
        let sums = play(open.iter().cloned().chain(closing), 9000);
        assert_eq!(sums.unanswered_requests, want, "{name}");
    }
}

/// One of many connections.
fn tuple(number: usize) -> FourTuple {
    FourTuple {
        local: "198.51.100.1".parse().unwrap(),
        local_port: u16::try_from(number % 65_536).unwrap(),
        remote: "203.0.113.80".parse().unwrap(),
        remote_port: u16::try_from(number / 65_536).unwrap(),
    }
}

#[test]
fn the_oldest_connections_are_let_go_when_there_are_too_many() {
    let mut tracker = Tracker::default();
    for number in 0..=MAX_FLOWS {
        tracker.open(tuple(number), None);
    }
    assert_eq!(tracker.flows.len(), MAX_FLOWS - LET_GO + 1);
    assert!(!tracker.flows.contains_key(&tuple(LET_GO - 1)));
    assert!(tracker.flows.contains_key(&tuple(LET_GO)));
}

#[test]
fn connections_that_others_open_do_not_displace_ours() {
    let mut tracker = Tracker::default();
    tracker.open(tuple(0), Some(SeqNumber(1)));
    for number in 1..=MAX_FLOWS {
        tracker.open(tuple(number), None);
    }
    let are_known =
        [0, 1, LET_GO, LET_GO + 1].map(|number| tracker.flows.contains_key(&tuple(number)));
    assert_eq!(are_known, [true, false, false, true]);
}
