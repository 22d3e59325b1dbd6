use super::*;
use crate::{
    Address, LinkType, packet,
    testkit::{Payload as _, Segment, tcp},
    wire::{
        seq::{SeqNumber, TsVal},
        tcp::{ACK, FIN, RST, SYN},
    },
};

const MS: u64 = 1_000_000;
const SECOND_NS: u64 = 1_000 * MS;

fn ends() -> FlowEnds {
    FlowEnds {
        local: Address::from_octets([1; 16]),
        remote: Address::from_octets([2; 16]),
        local_port: 40_000,
        remote_port: 443,
    }
}

fn data(seq: u32, octets: u32) -> FollowedSegment {
    FollowedSegment {
        seq: SeqNumber(seq),
        ack: SeqNumber(1),
        flags: ACK,
        window: 1000,
        data_octets: octets,
        is_large: octets > 1000,
        is_first_fragment: false,
        tsval: None,
    }
}

fn flags(flags: u8) -> FollowedSegment {
    FollowedSegment {
        flags,
        ..data(1, 0)
    }
}

/// A connection whose SYN was seen, and the SYN-ACK that expects number 1 and comes just before number 1.
fn followed() -> FollowedFlow {
    let mut flow = FollowedFlow::default();
    let mut counts = FollowCounts::ZERO;
    assert!(flow.claim(&ends(), SYN, 1));
    flow.sent(&flags(SYN), 1, &mut counts);
    let syn_ack = FollowedSegment {
        seq: SeqNumber(0),
        ..flags(SYN | ACK)
    };
    assert!(flow.claim(&ends(), SYN | ACK, 2));
    flow.received(&syn_ack, 2, &mut counts);
    assert_eq!(counts, FollowCounts::ZERO);
    flow
}

/// One of which nothing was seen.
fn found() -> FollowedFlow {
    let mut flow = FollowedFlow::default();
    assert!(flow.claim(&ends(), ACK, 1));
    flow
}

fn acks(ack: u32) -> FollowedSegment {
    FollowedSegment {
        ack: SeqNumber(ack),
        ..flags(ACK)
    }
}

#[test]
fn what_was_sent_before_is_repeated_also_across_the_wrap() {
    let (mut flow, mut counts) = (found(), FollowCounts::ZERO);
    for (seq, octets) in [
        (u32::MAX - 99, 1400),
        (1300, 50),
        (u32::MAX - 99, 1400),
        (1300, 50),
    ] {
        flow.sent(&data(seq, octets), MS, &mut counts);
    }
    assert_eq!(counts.value(FollowCounter::SentLarge), 2);
    assert_eq!(counts.value(FollowCounter::SentLargeRepeated), 1);
    assert_eq!(counts.value(FollowCounter::SentSmall), 2);
    assert_eq!(counts.value(FollowCounter::SentSmallRepeated), 1);
}

#[test]
fn a_repeated_octet_alone_is_a_keep_alive() {
    let (mut flow, mut counts) = (followed(), FollowCounts::ZERO);
    flow.sent(&data(1, 100), MS, &mut counts);
    flow.sent(&data(100, 1), 2 * MS, &mut counts);
    assert_eq!(counts.value(FollowCounter::SentSmall), 1);
    assert_eq!(counts.value(FollowCounter::SentSmallRepeated), 0);
}

#[test]
fn a_segment_beyond_what_we_acknowledged_leaves_a_hole_until_it_is_filled() {
    let (mut flow, mut counts) = (followed(), FollowCounts::ZERO);
    let value = |counts: &FollowCounts| {
        [FollowCounter::Hole, FollowCounter::HoleFilled].map(|counter| counts.value(counter))
    };
    flow.sent(&acks(500), MS, &mut counts);
    flow.received(&data(500, 10), 2 * MS, &mut counts);
    assert_eq!(value(&counts), [0, 0]);
    flow.received(&data(3310, 10), 3 * MS, &mut counts);
    flow.received(&data(5000, 10), 3 * MS, &mut counts);
    assert_eq!(value(&counts), [1, 0]);
    flow.received(&data(510, 1400), 20 * MS, &mut counts);
    assert_eq!(value(&counts), [1, 0], "half of it");
    flow.received(&data(1910, 1400), 20 * MS, &mut counts);
    assert_eq!(value(&counts), [1, 1]);
    assert_eq!(counts.value(FollowCounter::ReceivedSmall), 3);
    assert_eq!(counts.value(FollowCounter::ReceivedLarge), 2);
    assert_eq!(counts.value(FollowCounter::ReceivedLargeRepeated), 0);
}

#[test]
fn what_comes_in_another_order_was_not_lost() {
    let (mut flow, mut counts) = (followed(), FollowCounts::ZERO);
    flow.sent(&acks(1), MS, &mut counts);
    flow.received(&data(101, 100), 2 * MS, &mut counts);
    flow.received(&data(1, 100), 3 * MS, &mut counts);
    assert_eq!(counts.value(FollowCounter::Hole), 1);
    assert_eq!(counts.value(FollowCounter::HoleFilled), 0);
    assert_eq!(counts.value(FollowCounter::ReceivedSmallRepeated), 0);
}

#[test]
fn what_we_acknowledge_is_not_missing() {
    let (mut flow, mut counts) = (found(), FollowCounts::ZERO);
    flow.sent(&acks(500), MS, &mut counts);
    // What was under way when we began to look.
    flow.received(&data(5000, 1400), 2 * MS, &mut counts);
    flow.sent(&acks(6400), 3 * MS, &mut counts);
    flow.sent(
        &FollowedSegment {
            ack: SeqNumber(6400),
            ..flags(FIN | ACK)
        },
        5 * SECOND_NS,
        &mut counts,
    );
    assert_eq!(counts.value(FollowCounter::Hole), 1);
    assert_eq!(counts.value(FollowCounter::HoleFilled), 0);
    assert_eq!(counts.value(FollowCounter::HoleLeftLarge), 0);
}

#[test]
fn a_hole_is_left_where_we_give_up_and_the_suspect_had_sent_more() {
    let fin = FollowedSegment {
        seq: SeqNumber(101),
        ..flags(FIN | ACK)
    };
    for (name, missing, silence_ns, is_in_fragments, want) in [
        ("large", 14_480, 3 * SECOND_NS, false, [1, 0]),
        ("small", 700, 3 * SECOND_NS, false, [0, 1]),
        ("at once", 14_480, 30 * MS, false, [0, 0]),
        ("in fragments", 14_480, 3 * SECOND_NS, true, [0, 0]),
        ("a FIN alone", 1, 3 * SECOND_NS, false, [0, 0]),
    ] {
        let (mut flow, mut counts) = (followed(), FollowCounts::ZERO);
        flow.sent(&data(1, 100), MS, &mut counts);
        flow.received(&acks(101), 2 * MS, &mut counts);
        if is_in_fragments {
            let first = FollowedSegment {
                is_first_fragment: true,
                ..data(1, 1400)
            };
            flow.received(&first, 3 * MS, &mut counts);
        }
        flow.sent(&fin, 3 * MS + silence_ns, &mut counts);
        // Its bare acknowledgment stands behind what it has sent.
        for _ in 0..2 {
            let answer = FollowedSegment {
                seq: SeqNumber(1 + missing),
                ..acks(102)
            };
            flow.received(&answer, 4 * MS + silence_ns, &mut counts);
        }
        let got = [FollowCounter::HoleLeftLarge, FollowCounter::HoleLeftSmall]
            .map(|counter| counts.value(counter));
        assert_eq!(got, want, "{name}");
    }
}

#[test]
fn a_connection_is_given_up_where_no_response_was_acknowledged() {
    let fin = |ack| FollowedSegment {
        seq: SeqNumber(101),
        ack: SeqNumber(ack),
        ..flags(FIN | ACK)
    };
    for (name, asks, responds, ack, want) in [
        ("no response", true, false, 1, 1),
        ("a response that is not taken", true, true, 1, 1),
        ("a response", true, true, 201, 0),
        ("nothing asked", false, false, 1, 0),
    ] {
        let (mut flow, mut counts) = (followed(), FollowCounts::ZERO);
        if asks {
            flow.sent(&data(1, 100), MS, &mut counts);
        }
        if responds {
            flow.received(&data(1, 200), 2 * MS, &mut counts);
        }
        for silence_ns in [3 * SECOND_NS, 5 * SECOND_NS] {
            flow.sent(&fin(ack), 2 * MS + silence_ns, &mut counts);
        }
        assert_eq!(counts.value(FollowCounter::GivenUp), want, "{name}");
    }
}

#[test]
fn what_lies_outside_any_window_is_not_taken() {
    let (mut flow, mut counts) = (followed(), FollowCounts::ZERO);
    flow.sent(&acks(1), MS, &mut counts);
    flow.received(&data(1 + (1 << 30), 100), MS, &mut counts);
    flow.received(&data(1, 100), MS, &mut counts);
    assert_eq!(counts.value(FollowCounter::OutsideWindow), 1);
    assert_eq!(counts.value(FollowCounter::Hole), 0);
    assert_eq!(counts.value(FollowCounter::ReceivedSmallRepeated), 0);
}

#[test]
fn what_is_sent_three_times_again_in_vain_is_stuck() {
    let sizes = [
        FollowCounter::SentLargeStuck,
        FollowCounter::SentLargeAcknowledged,
        FollowCounter::SentSmallStuck,
    ];
    let got = |counts: &FollowCounts| sizes.map(|counter| counts.value(counter));
    let (mut flow, mut counts) = (followed(), FollowCounts::ZERO);
    flow.sent(&data(1, 1400), MS, &mut counts);
    flow.sent(&data(1401, 50), MS, &mut counts);
    for turn in 1..=5 {
        flow.sent(&data(1401, 50), turn * 100 * MS, &mut counts);
        flow.sent(&data(1, 1400), turn * 200 * MS, &mut counts);
    }
    assert_eq!(got(&counts), [1, 0, 0]);
    // In smaller pieces it gets through.
    flow.sent(&data(1, 900), SECOND_NS, &mut counts);
    flow.received(&acks(901), SECOND_NS, &mut counts);
    assert_eq!(got(&counts), [1, 0, 0]);
    flow.sent(&data(1451, 1400), SECOND_NS, &mut counts);
    flow.received(&acks(2851), SECOND_NS, &mut counts);
    assert_eq!(got(&counts), [1, 1, 0]);
}

#[test]
fn an_acknowledgment_is_a_duplicate_only_while_data_is_outstanding() {
    let (mut flow, mut counts) = (followed(), FollowCounts::ZERO);
    flow.received(&acks(1), MS, &mut counts);
    flow.received(&acks(1), MS, &mut counts);
    assert_eq!(counts.value(FollowCounter::DuplicateAck), 0);
    flow.sent(&data(1, 100), MS, &mut counts);
    flow.received(&acks(1), MS, &mut counts);
    assert_eq!(counts.value(FollowCounter::DuplicateAck), 1);
    flow.received(&acks(101), MS, &mut counts);
    flow.received(&acks(101), MS, &mut counts);
    assert_eq!(counts.value(FollowCounter::DuplicateAck), 1);
}

#[test]
fn a_reset_counts_under_the_silence_before_what_provoked_it() {
    let (mut flow, mut counts) = (followed(), FollowCounts::ZERO);
    flow.sent(&data(1, 10), MS, &mut counts);
    flow.received(&acks(11), 2 * MS, &mut counts);
    let after = 350 * SECOND_NS;
    flow.sent(&data(11, 10), after, &mut counts);
    // Sent again before the answer comes: the silence is still the long one.
    flow.sent(&data(11, 10), after + 200 * MS, &mut counts);
    flow.received(&flags(RST), after + 210 * MS, &mut counts);
    assert_eq!(counts.answered_after[0], 1);
    assert_eq!(counts.reset_after[silence_class(349 * SECOND_NS)], 1);
    assert_eq!(counts.reset_after.iter().sum::<u64>(), 1);
}

#[test]
fn a_silence_that_began_before_the_suspicion_is_not_known() {
    let (mut flow, mut counts) = (found(), FollowCounts::ZERO);
    flow.sent(&data(1, 10), 5 * SECOND_NS, &mut counts);
    flow.received(&flags(RST), 5 * SECOND_NS, &mut counts);
    assert_eq!(counts.reset_after.iter().sum::<u64>(), 0);
    assert_eq!(counts.value(FollowCounter::ResetUnprovoked), 0);
}

#[test]
fn an_acknowledgment_of_ours_asks_for_no_answer_and_a_keep_alive_does() {
    let (mut flow, mut counts) = (followed(), FollowCounts::ZERO);
    flow.sent(&data(1, 100), MS, &mut counts);
    flow.received(&acks(101), MS, &mut counts);
    let ours = |seq| FollowedSegment {
        seq: SeqNumber(seq),
        ..flags(ACK)
    };
    flow.sent(&ours(101), 9 * SECOND_NS, &mut counts);
    flow.received(&acks(101), 10 * SECOND_NS, &mut counts);
    assert_eq!(counts.answered_after[silence_class(9 * SECOND_NS)], 0);
    flow.sent(&ours(100), 70 * SECOND_NS, &mut counts);
    flow.received(&acks(101), 70 * SECOND_NS, &mut counts);
    assert_eq!(counts.answered_after[silence_class(60 * SECOND_NS)], 1);
}

#[test]
fn a_reset_that_answers_nothing_is_unprovoked_but_not_on_what_is_over_or_was_refused() {
    let unprovoked = |counts: &FollowCounts| counts.value(FollowCounter::ResetUnprovoked);
    let (mut flow, mut counts) = (followed(), FollowCounts::ZERO);
    flow.received(&flags(RST | ACK), MS, &mut counts);
    assert_eq!(unprovoked(&counts), 1);
    let (mut flow, mut counts) = (followed(), FollowCounts::ZERO);
    flow.sent(&flags(FIN | ACK), MS, &mut counts);
    flow.received(&flags(RST), MS, &mut counts);
    assert_eq!(counts, FollowCounts::ZERO, "over");
    let (mut flow, mut counts) = (FollowedFlow::default(), FollowCounts::ZERO);
    assert!(flow.claim(&ends(), SYN, 1));
    flow.sent(&flags(SYN), 1, &mut counts);
    flow.received(&flags(RST | ACK), 2, &mut counts);
    assert_eq!(counts, FollowCounts::ZERO, "refused");
}

#[test]
fn an_older_timestamp_on_new_data_is_counted_and_not_taken_for_the_newest() {
    let (mut flow, mut counts) = (followed(), FollowCounts::ZERO);
    for (seq, tsval) in [(1, u32::MAX), (11, 3), (21, 2), (21, 2), (1, 1), (31, 3)] {
        let segment = FollowedSegment {
            tsval: Some(TsVal(tsval)),
            ..data(seq, 10)
        };
        flow.sent(&segment, MS, &mut counts);
        flow.received(&segment, MS, &mut counts);
    }
    assert_eq!(counts.value(FollowCounter::SentOlderTimestamp), 1);
    assert_eq!(counts.value(FollowCounter::ReceivedOlderTimestamp), 1);
}

#[test]
fn a_place_goes_to_another_connection_only_when_it_is_free() {
    let other = FlowEnds {
        local_port: 40_001,
        ..ends()
    };
    let mut counts = FollowCounts::ZERO;
    let mut flow = followed();
    flow.sent(&data(1, 1), 5, &mut counts);
    assert!(!flow.claim(&other, ACK, 6), "in use");
    assert!(flow.claim(&other, ACK, 6 + FORGOTTEN_AFTER_NS), "forgotten");
    let mut flow = followed();
    flow.sent(&flags(FIN | ACK), 5, &mut counts);
    assert!(!flow.claim(&other, ACK, 6), "half closed");
    flow.received(&flags(FIN | ACK), 6, &mut counts);
    assert!(flow.claim(&other, ACK, 7), "closed by both");
    let mut flow = followed();
    flow.received(&flags(RST), 6, &mut counts);
    assert!(flow.claim(&other, ACK, 7), "reset");
}

#[test]
fn a_syn_begins_a_connection_of_the_same_ends_afresh() {
    let mut counts = FollowCounts::ZERO;
    let mut flow = found();
    flow.sent(&data(1000, 100), 5, &mut counts);
    assert!(flow.claim(&ends(), SYN, 6));
    flow.sent(&data(1, 100), 7, &mut counts);
    assert_eq!(counts.value(FollowCounter::SentSmallRepeated), 0);
}

#[test]
fn classes_of_silence_are_powers_of_two_of_seconds() {
    for (seconds, class) in [
        (0, 0),
        (1, 1),
        (2, 2),
        (3, 2),
        (4, 3),
        (350, 9),
        (512, 10),
        (100_000, 10),
    ] {
        assert_eq!(silence_class(seconds * SECOND_NS), class, "{seconds}");
    }
    assert_eq!(silence_class(SECOND_NS - 1), 0);
}

#[test]
fn a_segment_is_read_with_its_timestamp_and_size() {
    let read = |builder: Segment, wire_len| {
        let octets = builder
            .in_ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
            .frame();
        let octets = octets.as_slice();
        let packet = packet::parse(octets, LinkType::Ethernet).unwrap().unwrap();
        segment(octets, &packet, wire_len).unwrap()
    };
    let (segment, ports) = read(
        tcp()
            .ports(1, 2)
            .seq(7)
            .ack(9)
            .raw_options(&[1, 1, 8, 10, 0, 0, 0, 77, 0, 0, 0, 0])
            .data_len(5),
        1281,
    );
    assert_eq!(ports, [1, 2]);
    assert_eq!((segment.seq, segment.ack), (SeqNumber(7), SeqNumber(9)));
    assert_eq!(segment.data_octets, 5);
    assert_eq!(segment.tsval, Some(TsVal(77)));
    assert!(segment.is_large && !segment.is_first_fragment);
    let (segment, _) = read(
        tcp()
            .syn()
            .ack(9)
            .mss(1460)
            .sack_permitted()
            .timestamps(78, 9),
        60,
    );
    assert_eq!(segment.tsval, Some(TsVal(78)), "as a SYN-ACK has it");
    let (segment, _) = read(tcp().data_len(5), 1280);
    assert_eq!(segment.tsval, None);
    assert!(!segment.is_large);
}

#[test]
fn places_are_within_their_bounds() {
    for octet in 0..=255 {
        let remote = Address::from_octets([octet; 16]);
        assert!(suspect_set(remote) < SUSPECT_SETS);
        let ends = FlowEnds { remote, ..ends() };
        assert!(flow_place(&ends) < FLOWS);
    }
}
