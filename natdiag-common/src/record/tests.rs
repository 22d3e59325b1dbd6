//! What is kept of each kind of packet.

use super::*;
use crate::{
    LinkType,
    classify::classify,
    packet,
    testkit::{
        CLIENT, CLIENT_V6, Payload as _, SERVER, SERVER_V6, fragmentation_needed, packet_too_big,
        tcp, udp, unreachable,
    },
    wire::{
        icmp,
        seq::TsVal,
        tcp_options::{self, Timestamps},
    },
};

fn record_of(frame: &[u8], direction: Direction) -> Record {
    let packet = packet::parse(frame, LinkType::Ethernet)
        .expect("the frame is well-formed")
        .expect("the frame carries IP");
    let tally = classify(frame, &packet, direction).tally;
    Record::new(frame, &packet, tally, direction, 42)
}

#[test]
fn a_segment_keeps_its_header_and_its_options() {
    let segment = tcp().ports(443, 40000).seq(5).ack(6).syn().window(7);
    let segment = segment.mss(1460).timestamps(8, 9).data(b"abc");
    let packet = segment.in_ipv4(SERVER, CLIENT).ttl(57).identification(10);
    let record = record_of(&packet.dont_fragment().frame(), Direction::Ingress);
    let mut want = Record {
        time_ns: 42,
        source: SERVER.into(),
        destination: CLIENT.into(),
        total_len: 20 + 20 + 16 + 3,
        identification: 10,
        data_len: 3,
        seq: 5,
        ack: 6,
        source_port: 443,
        destination_port: 40000,
        window: 7,
        flags: flag::TCP | flag::DONT_FRAGMENT,
        tcp_flags: 0x12,
        protocol: 6,
        ttl: 57,
        version: 4,
        excerpt_len: 16,
        counter: RemoteCounter::SynAckReceived as u8,
        ..Record::ZERO
    };
    let options = [
        [2, 4, 1460_u16.to_be_bytes()[0], 1460_u16.to_be_bytes()[1]],
        [8, 10, 0, 0],
        [0, 8, 0, 0],
        [0, 9, 0, 0],
    ];
    want.excerpt[..4].copy_from_slice(&options);
    assert_eq!(record, want);
    let options = tcp_options::parse(record.excerpt());
    assert_eq!(options.mss, Some(1460));
    let timestamps = Timestamps {
        tsval: TsVal(8),
        tsecr: TsVal(9),
    };
    assert_eq!(options.timestamps, Some(timestamps));
}

#[test]
fn forty_octets_of_options_fit() {
    let segment = tcp().syn().raw_options(&[1; 40]).data_len(100);
    let record = record_of(&segment.in_ipv4(SERVER, CLIENT).frame(), Direction::Egress);
    assert_eq!(record.excerpt(), [1; 40]);
    assert_eq!(record.data_len, 100);
    assert_eq!(record.direction, Direction::Egress as u8);
}

#[test]
fn a_later_fragment_keeps_its_place_and_no_ports() {
    let packet = tcp().syn().data_len(100).in_ipv4(SERVER, CLIENT);
    let record = record_of(&packet.middle_fragment(1480).frame(), Direction::Ingress);
    assert_eq!(record.flags, flag::FRAGMENT | flag::MORE_FRAGMENTS);
    assert_eq!(record.fragment_offset_octets, 1480);
    assert_eq!(record.data_len, 120);
    assert_eq!(
        (record.source_port, record.destination_port, record.seq),
        (0, 0, 0)
    );
    assert_eq!(record.excerpt(), []);
}

#[test]
fn a_first_fragment_keeps_its_ports_and_the_data_of_the_datagram() {
    let packet = tcp()
        .syn()
        .mss(1460)
        .data_len(100)
        .in_ipv6(SERVER_V6, CLIENT_V6);
    let record = record_of(&packet.first_fragment().frame(), Direction::Ingress);
    assert_eq!(
        record.flags,
        flag::FRAGMENT | flag::MORE_FRAGMENTS | flag::TCP
    );
    assert_eq!(record.data_len, 124);
    assert_eq!(record.identification, 0x1234_5678);
    assert_eq!((record.source_port, record.destination_port), (40000, 443));
    assert_eq!(record.excerpt_len, 4);
}

#[test]
fn an_atomic_fragment_keeps_what_a_whole_packet_does() {
    let packet = tcp()
        .syn()
        .ack(1)
        .mss(1220)
        .data_len(3)
        .in_ipv6(SERVER_V6, CLIENT_V6);
    let whole = record_of(&packet.frame(), Direction::Ingress);
    let atomic = record_of(&packet.atomic_fragment().frame(), Direction::Ingress);
    let want = Record {
        flags: whole.flags | flag::FRAGMENT,
        identification: 0x1234_5678,
        total_len: whole.total_len + 8,
        ..whole
    };
    assert_eq!(atomic, want);
    let detail = atomic.tally().map(|tally| tally.detail);
    assert_eq!(detail, Some(RemoteCounter::AtomicSegmentReceived as usize));
}

#[test]
fn an_error_keeps_its_header_and_what_it_quotes() {
    let quoted = tcp().seq(77).in_ipv6(CLIENT_V6, SERVER_V6).octets();
    let frame = packet_too_big(1280, &quoted)
        .in_ipv6(SERVER_V6, CLIENT_V6)
        .frame();
    let record = record_of(&frame, Direction::Ingress);
    assert_eq!(record.flags, flag::ICMP_ERROR);
    assert_eq!(usize::from(record.excerpt_len), EXCERPT_LEN);
    assert_eq!(
        icmp::parse(record.excerpt(), 0).map(|header| header.rest),
        Ok(1280)
    );
    // Its IPv6 header, the ports and the sequence number: just what fits.
    assert_eq!(record.excerpt()[8..], quoted[..48]);
}

#[test]
fn an_excerpt_ends_with_the_packet_and_not_with_the_padding() {
    let quoted = udp().in_ipv4(CLIENT, SERVER).octets();
    for len in [0, 3, 4, 20, 28] {
        let message = unreachable(&quoted[..len]);
        let mut frame = message.in_ipv4(SERVER, CLIENT).frame();
        frame.resize(100, 0xaa);
        let record = record_of(&frame, Direction::Ingress);
        assert_eq!(usize::from(record.excerpt_len), 8 + (len & !3));
        assert!(
            record.excerpt.as_flattened()[8 + len..]
                .iter()
                .all(|octet| *octet == 0)
        );
    }
}

#[test]
fn a_reused_record_keeps_nothing_of_the_last_packet() {
    let quoted = tcp().in_ipv4(CLIENT, SERVER).octets();
    let frames = [
        tcp()
            .syn()
            .raw_options(&[1; 40])
            .in_ipv4(SERVER, CLIENT)
            .dont_fragment()
            .frame(),
        fragmentation_needed(1400, &quoted)
            .in_ipv4(SERVER, CLIENT)
            .frame(),
        udp()
            .data_len(80)
            .in_ipv6(SERVER_V6, CLIENT_V6)
            .later_fragment(1232)
            .frame(),
        tcp().rst().in_ipv4(SERVER, CLIENT).frame(),
        udp().in_ipv4(SERVER, CLIENT).frame(),
    ];
    let mut reused = Record::ZERO;
    for frame in frames.iter().chain(frames.iter().rev()) {
        let packet = packet::parse(frame.as_slice(), LinkType::Ethernet)
            .expect("the frame is well-formed")
            .expect("the frame carries IP");
        let tally = classify(frame.as_slice(), &packet, Direction::Egress).tally;
        reused.fill(frame.as_slice(), &packet, tally, Direction::Egress, 42);
        assert_eq!(reused, record_of(frame, Direction::Egress));
    }
}

#[test]
fn a_record_has_no_padding() {
    assert_eq!(size_of::<Record>(), Record::SIZE);
    assert_eq!(Record::SIZE % 8, 0);
}
