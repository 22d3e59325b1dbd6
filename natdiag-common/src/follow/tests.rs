use super::*;
use crate::{
    LinkType, packet,
    testkit::{Payload as _, Segment, tcp},
};

const MS: u64 = 1_000_000;

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
        data_octets: octets,
        is_large: octets > 1000,
        tsval: None,
    }
}

fn flags(flags: u8) -> FollowedSegment {
    FollowedSegment {
        flags,
        ..data(1, 0)
    }
}

fn followed() -> FollowedFlow {
    let mut flow = FollowedFlow::default();
    assert!(flow.claim(&ends(), ACK, 1));
    flow
}

#[test]
fn what_was_sent_before_is_repeated_also_across_the_wrap() {
    let (mut flow, mut counts) = (followed(), FollowCounts::ZERO);
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
fn a_segment_beyond_what_we_acknowledged_leaves_a_hole() {
    let (mut flow, mut counts) = (followed(), FollowCounts::ZERO);
    flow.sent(
        &FollowedSegment {
            ack: SeqNumber(500),
            ..data(1, 100)
        },
        MS,
        &mut counts,
    );
    flow.received(&data(500, 10), 2 * MS, &mut counts);
    assert_eq!(counts.value(FollowCounter::ReceivedHole), 0);
    flow.received(&data(5000, 10), 3 * MS, &mut counts);
    assert_eq!(counts.value(FollowCounter::ReceivedHole), 1);
    assert_eq!(counts.value(FollowCounter::ReceivedSmall), 2);
    flow.received(&data(510, 1400), 4 * MS, &mut counts);
    assert_eq!(
        counts.value(FollowCounter::ReceivedLargeRepeated),
        1,
        "what fills it was sent again"
    );
}

#[test]
fn an_acknowledgment_is_a_duplicate_only_while_data_is_outstanding() {
    let (mut flow, mut counts) = (followed(), FollowCounts::ZERO);
    let ack = |ack| FollowedSegment {
        ack: SeqNumber(ack),
        ..flags(ACK)
    };
    flow.received(&ack(1), MS, &mut counts);
    flow.received(&ack(1), MS, &mut counts);
    assert_eq!(counts.value(FollowCounter::DuplicateAck), 0);
    flow.sent(&data(1, 100), MS, &mut counts);
    flow.received(&ack(1), MS, &mut counts);
    assert_eq!(counts.value(FollowCounter::DuplicateAck), 1);
    flow.received(&ack(101), MS, &mut counts);
    flow.received(&ack(101), MS, &mut counts);
    assert_eq!(counts.value(FollowCounter::DuplicateAck), 1);
}

#[test]
fn a_reset_counts_under_the_silence_before_what_provoked_it() {
    let (mut flow, mut counts) = (followed(), FollowCounts::ZERO);
    flow.sent(&data(1, 10), MS, &mut counts);
    flow.received(&flags(ACK), 2 * MS, &mut counts);
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
fn a_reset_that_answers_nothing_is_unprovoked() {
    let (mut flow, mut counts) = (followed(), FollowCounts::ZERO);
    flow.received(&flags(RST | ACK), MS, &mut counts);
    assert_eq!(counts.value(FollowCounter::ResetUnprovoked), 1);
}

#[test]
fn an_older_timestamp_is_counted_and_not_taken_for_the_newest() {
    let (mut flow, mut counts) = (followed(), FollowCounts::ZERO);
    for tsval in [u32::MAX, 3, 2, 3] {
        let segment = FollowedSegment {
            tsval: Some(TsVal(tsval)),
            ..flags(ACK)
        };
        flow.sent(&segment, MS, &mut counts);
    }
    assert_eq!(counts.value(FollowCounter::SentOlderTimestamp), 1);
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
    let mut flow = followed();
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
    assert!(segment.is_large);
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
