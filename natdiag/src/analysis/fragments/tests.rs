use natdiag_common::Direction;

use super::*;
use crate::event::Content;

const SECOND: u64 = 1_000_000_000;

/// A fragment of datagram `id`, at `ns`.
fn fragment(
    id: u32,
    offset_octets: u16,
    data_octets: u32,
    more: bool,
    ns: u64,
) -> (Event, FragmentPart) {
    let part = FragmentPart {
        offset_octets,
        more,
        data_octets,
    };
    let event = Event {
        time: Timestamp(ns),
        direction: Direction::Ingress,
        source: "192.0.2.1".parse().unwrap(),
        destination: "192.0.2.2".parse().unwrap(),
        ttl: 64,
        protocol: 6,
        dont_fragment: false,
        identification: id,
        total_len: 20 + data_octets,
        fragment: Some(part),
        content: Content::Other,
    };
    (event, part)
}

/// What is decided about these, once 30 s have passed after the last.
fn decide(fragments: &[(Event, FragmentPart)]) -> Vec<Decision> {
    let mut reassembly = Reassembly::default();
    for (event, part) in fragments {
        reassembly.fragment(event, *part, LeftOut::default());
    }
    let last = fragments
        .last()
        .map_or(Timestamp(0), |(event, _)| event.time);
    reassembly.advance(last.plus(REASSEMBLY_NS));
    reassembly
        .take_decided()
        .into_iter()
        .map(|(_, decision)| decision)
        .filter(|decision| *decision != Decision::Overlapping)
        .collect()
}

const COMPLETE: Decision = Decision::Complete(FragmentProtocol::Tcp);
const INCOMPLETE: Decision = Decision::Incomplete {
    protocol: FragmentProtocol::Tcp,
    before: LeftOut {
        datagrams: 0,
        records: 0,
    },
};

#[test]
fn a_datagram_is_complete_in_any_order() {
    let parts = [(0, 1376, true), (1376, 1376, true), (2752, 148, false)];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
        let fragments: Vec<_> = order
            .iter()
            .map(|place| parts[*place])
            .map(|(offset, len, more)| fragment(7, offset, len, more, 5))
            .collect();
        assert_eq!(decide(&fragments), [COMPLETE], "{order:?}");
    }
}

#[test]
fn a_datagram_without_one_of_its_fragments_is_incomplete_after_30_s() {
    for missing in 0..3 {
        let mut fragments = vec![
            fragment(7, 0, 1376, true, 1),
            fragment(7, 1376, 1376, true, 2),
            fragment(7, 2752, 148, false, 3),
        ];
        fragments.remove(missing);
        assert_eq!(decide(&fragments), [INCOMPLETE], "without {missing}");
    }
}

#[test]
fn an_open_datagram_counts_as_neither() {
    let mut reassembly = Reassembly::default();
    let (event, part) = fragment(7, 0, 1376, true, 1);
    reassembly.fragment(&event, part, LeftOut::default());
    reassembly.advance(Timestamp(REASSEMBLY_NS));
    assert_eq!(reassembly.take_decided(), []);
    reassembly.advance(Timestamp(REASSEMBLY_NS + 1));
    assert_eq!(reassembly.take_decided().len(), 1);
}

#[test]
fn repeats_within_a_second_belong_to_the_complete_datagram() {
    let whole = |ns| [fragment(7, 0, 8, true, ns), fragment(7, 8, 8, false, ns)];
    let repeated: Vec<_> = whole(0).into_iter().chain(whole(SECOND)).collect();
    assert_eq!(decide(&repeated), [COMPLETE]);
    let again: Vec<_> = whole(0).into_iter().chain(whole(SECOND + 1)).collect();
    assert_eq!(decide(&again), [COMPLETE, COMPLETE]);
}

#[test]
fn overlapping_fragments_cover_what_they_cover() {
    let overlapping = [
        fragment(7, 0, 16, true, 1),
        fragment(7, 8, 16, true, 2),
        fragment(7, 24, 8, false, 3),
    ];
    assert_eq!(decide(&overlapping), [COMPLETE]);
    let gap = [fragment(7, 0, 8, true, 1), fragment(7, 16, 8, false, 2)];
    assert_eq!(decide(&gap), [INCOMPLETE]);
}

#[test]
fn datagrams_are_told_apart_by_protocol_in_ipv4() {
    let (mut udp, part) = fragment(7, 8, 8, false, 2);
    udp.protocol = 17;
    let fragments = [fragment(7, 0, 8, true, 1), (udp, part)];
    assert_eq!(decide(&fragments).len(), 2);
}

#[test]
fn datagrams_are_told_apart_by_identification_alone_in_ipv6() {
    let to_ipv6 = |(mut event, part): (Event, FragmentPart), protocol| {
        event.source = "2001:db8::1".parse().unwrap();
        event.protocol = protocol;
        (event, part)
    };
    let fragments = [
        to_ipv6(fragment(7, 0, 8, true, 1), 60),
        to_ipv6(fragment(7, 8, 8, false, 2), 6),
    ];
    assert_eq!(
        decide(&fragments),
        [Decision::Complete(FragmentProtocol::Other)]
    );
}

#[test]
fn a_flood_is_bounded_and_said_not_to_be_observed() {
    let mut reassembly = Reassembly::default();
    let flood = u32::try_from(MAX_OPEN).unwrap() + 10;
    for id in 0..flood {
        let (event, part) = fragment(id, 0, 8, true, 1);
        reassembly.fragment(&event, part, LeftOut::default());
    }
    assert_eq!(reassembly.open.len(), MAX_OPEN);
    assert_eq!(reassembly.take_decided().len(), 10);
    for offset in 0..10 * u16::try_from(MAX_GAPS).unwrap() {
        let (event, part) = fragment(1, offset * 16, 8, true, 2);
        reassembly.fragment(&event, part, LeftOut::default());
    }
    assert!(
        reassembly
            .open
            .values()
            .all(|datagram| datagram.seen.len() <= MAX_GAPS)
    );
}
