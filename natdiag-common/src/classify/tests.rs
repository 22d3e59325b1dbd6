//! What each kind of packet adds, to whom, and whether it is kept.

use std::net::Ipv4Addr;

use super::*;
use crate::{
    LinkType, packet,
    testkit::{
        CLIENT, CLIENT_V6, Payload as _, SERVER, SERVER_V6, Segment, echo_request, fixture,
        fragmentation_needed, packet_too_big, pcap::Evidence, raw, tcp, time_exceeded, udp,
        unreachable,
    },
};

const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

fn observe(frame: &[u8], direction: Direction) -> Observation {
    let packet = packet::parse(frame, LinkType::Ethernet)
        .expect("the frame is well-formed")
        .expect("the frame carries IP");
    classify(frame, &packet, direction)
}

/// Counted once for the server.
fn counted(counter: RemoteCounter, keep: Keep) -> Observation {
    let tally = Tally {
        remote: SERVER.into(),
        ..count(counter)
    };
    Observation {
        tally: Some(tally),
        keep,
    }
}

fn received(segment: &Segment) -> Vec<u8> {
    segment.in_ipv4(SERVER, CLIENT).frame()
}

fn sent(segment: &Segment) -> Vec<u8> {
    segment.in_ipv4(CLIENT, SERVER).frame()
}

#[test]
fn segments_are_counted_by_flags_and_direction() {
    use Keep::{Always, WithinBudget};
    use RemoteCounter::{
        RstAnsweringSyn, RstEstablished, RstSent, SynAckReceived, SynAckSent, SynReceived, SynSent,
    };
    let fin = Observation {
        tally: None,
        keep: Always,
    };
    for (name, segment, of_received, of_sent) in [
        (
            "SYN",
            tcp().syn(),
            counted(SynReceived, Always),
            counted(SynSent, Always),
        ),
        (
            "SYN-ACK",
            tcp().syn().ack(1),
            counted(SynAckReceived, Always),
            counted(SynAckSent, Always),
        ),
        (
            "SYN with ECN",
            tcp().flags(0xc2),
            counted(SynReceived, Always),
            counted(SynSent, Always),
        ),
        (
            "RST",
            tcp().rst(),
            counted(RstEstablished, WithinBudget),
            counted(RstSent, WithinBudget),
        ),
        (
            "RST-ACK",
            tcp().rst().ack(1),
            counted(RstEstablished, WithinBudget),
            counted(RstSent, WithinBudget),
        ),
        (
            "RST-ACK with sequence number 0",
            tcp().seq(0).rst().ack(1),
            counted(RstAnsweringSyn, Always),
            counted(RstSent, WithinBudget),
        ),
        (
            "RST without ACK, sequence number 0",
            tcp().seq(0).rst(),
            counted(RstEstablished, WithinBudget),
            counted(RstSent, WithinBudget),
        ),
        (
            "SYN and RST",
            tcp().syn().rst(),
            counted(RstEstablished, WithinBudget),
            counted(RstSent, WithinBudget),
        ),
        (
            "SYN and FIN",
            tcp().syn().fin(),
            counted(SynReceived, Always),
            counted(SynSent, Always),
        ),
        ("FIN", tcp().fin().ack(1), fin, fin),
        (
            "ACK",
            tcp().ack(1),
            Observation::BORING,
            Observation::BORING,
        ),
        (
            "PSH and URG",
            tcp().flags(0x28),
            Observation::BORING,
            Observation::BORING,
        ),
        ("no flags", tcp(), Observation::BORING, Observation::BORING),
    ] {
        assert_eq!(
            observe(&received(&segment), Direction::Ingress),
            of_received,
            "{name} received"
        );
        assert_eq!(
            observe(&sent(&segment), Direction::Egress),
            of_sent,
            "{name} sent"
        );
    }
}

#[test]
fn the_remote_host_is_the_far_side() {
    let syn = tcp().syn();
    for (frame, direction, remote) in [
        (received(&syn), Direction::Ingress, Address::from(SERVER)),
        (received(&syn), Direction::Egress, CLIENT.into()),
        (sent(&syn), Direction::Ingress, CLIENT.into()),
        (sent(&syn), Direction::Egress, SERVER.into()),
        (
            syn.in_ipv6(SERVER_V6, CLIENT_V6).frame(),
            Direction::Ingress,
            Address::from_octets(SERVER_V6.octets()),
        ),
    ] {
        let tally = observe(&frame, direction).tally.expect("a SYN counts");
        assert_eq!(tally.remote, remote);
    }
}

#[test]
fn fragments_received_are_counted_by_protocol_and_position() {
    for (protocol, group) in [
        (1, FragmentProtocol::Icmp),
        (6, FragmentProtocol::Tcp),
        (17, FragmentProtocol::Udp),
        (47, FragmentProtocol::Other),
        (50, FragmentProtocol::Other),
        (58, FragmentProtocol::Icmp),
    ] {
        for (offset, more, position) in [
            (0, true, FragmentPosition::First),
            (1480, true, FragmentPosition::Middle),
            (1480, false, FragmentPosition::Last),
        ] {
            let payload = raw(protocol, &[0x50; 80]);
            let v4 = payload.in_ipv4(SERVER, CLIENT).fragment(offset, more);
            let v6 = payload.in_ipv6(SERVER_V6, CLIENT_V6).fragment(offset, more);
            for frame in [v4.frame(), v6.frame()] {
                let observation = observe(&frame, Direction::Ingress);
                let tally = observation.tally.expect("a fragment counts");
                assert_eq!(tally.counter, RemoteCounter::fragment(group, position));
                assert_eq!(observation.keep, Keep::WithinBudget);
            }
        }
    }
}

#[test]
fn only_the_first_fragment_says_how_large_fragments_are() {
    let segment = tcp().ack(1).data_len(1376).in_ipv4(SERVER, CLIENT);
    let largest = |frame: &[u8]| {
        let tally = observe(frame, Direction::Ingress).tally;
        tally.map(|tally| (tally.maximum, tally.first_octets))
    };
    let first = segment.clone().first_fragment().frame();
    let maximum = RemoteCounter::LargestFirstTcpOctets as usize;
    assert_eq!(largest(&first), Some((maximum, 1416)));
    assert_eq!(largest(&segment.later_fragment(1480).frame()), Some((0, 0)));
    let first = udp()
        .data_len(500)
        .in_ipv6(SERVER_V6, CLIENT_V6)
        .first_fragment();
    let maximum = RemoteCounter::LargestFirstOtherOctets as usize;
    assert_eq!(largest(&first.frame()), Some((maximum, 40 + 8 + 508)));
}

#[test]
fn dont_fragment_is_noted_on_fragments_only() {
    let plain = tcp().syn().in_ipv4(SERVER, CLIENT).dont_fragment();
    let noted = |frame: &[u8]| observe(frame, Direction::Ingress).tally.map(|it| it.detail);
    let detail = RemoteCounter::FragmentDontFragment as usize;
    assert_eq!(noted(&plain.frame()), Some(0));
    assert_eq!(noted(&plain.clone().first_fragment().frame()), Some(detail));
    assert_eq!(noted(&plain.later_fragment(8).frame()), Some(detail));
}

#[test]
fn a_segment_in_an_atomic_fragment_says_what_it_says_without() {
    use RemoteCounter::{AtomicSegmentReceived, AtomicSegmentSent, FragmentAtomic, FragmentSent};
    for segment in [
        tcp().syn(),
        tcp().syn().ack(1),
        tcp().fin().ack(1),
        tcp().rst(),
        tcp().seq(0).rst().ack(1),
        tcp().ack(1),
    ] {
        let packet = segment.in_ipv6(SERVER_V6, CLIENT_V6);
        for (direction, counter, detail) in [
            (Direction::Ingress, FragmentAtomic, AtomicSegmentReceived),
            (Direction::Egress, FragmentSent, AtomicSegmentSent),
        ] {
            let whole = observe(&packet.frame(), direction);
            let atomic = observe(&packet.clone().atomic_fragment().frame(), direction);
            assert_eq!(atomic.keep, whole.keep);
            let tally = atomic.tally.expect("an atomic fragment counts");
            let want = whole.tally.map_or(
                Tally {
                    remote: tally.remote,
                    ..count(counter)
                },
                |whole| Tally {
                    detail: detail as usize,
                    ..whole
                },
            );
            assert_eq!(tally, want);
        }
    }
}

#[test]
fn an_atomic_fragment_of_an_error_is_one_of_its_sender() {
    let quoted = tcp().in_ipv6(CLIENT_V6, SERVER_V6).octets();
    let error = packet_too_big(1280, &quoted).in_ipv6(SERVER_V6, CLIENT_V6);
    let observation = observe(&error.atomic_fragment().frame(), Direction::Ingress);
    let tally = observation.tally.expect("an atomic fragment counts");
    assert_eq!(tally.counter, RemoteCounter::FragmentAtomic as usize);
    assert_eq!(observation.keep, Keep::Never);
}

#[test]
fn fragments_sent_are_only_counted() {
    for (offset, more) in [(0, true), (1480, true), (1480, false)] {
        let packet = tcp().syn().in_ipv4(CLIENT, SERVER).fragment(offset, more);
        assert_eq!(
            observe(&packet.frame(), Direction::Egress),
            counted(RemoteCounter::FragmentSent, Keep::Never)
        );
    }
}

#[test]
fn an_error_is_about_the_destination_that_it_quotes() {
    use RemoteCounter::{IcmpError, PacketTooBig};
    let quoted = tcp().in_ipv4(CLIENT, SERVER).octets();
    for (message, counter) in [
        (fragmentation_needed(1400, &quoted), PacketTooBig),
        (unreachable(&quoted), IcmpError),
        (time_exceeded(&quoted), IcmpError),
    ] {
        let frame = message.in_ipv4(ROUTER, CLIENT).frame();
        assert_eq!(
            observe(&frame, Direction::Ingress),
            counted(counter, Keep::WithinBudget)
        );
        assert_eq!(observe(&frame, Direction::Egress), Observation::BORING);
    }
    let quoted = tcp().in_ipv6(CLIENT_V6, SERVER_V6).octets();
    let frame = packet_too_big(1280, &quoted)
        .in_ipv6(CLIENT_V6, CLIENT_V6)
        .frame();
    let tally = observe(&frame, Direction::Ingress)
        .tally
        .expect("an error counts");
    assert_eq!(tally.remote, Address::from_octets(SERVER_V6.octets()));
}

#[test]
fn an_error_that_quotes_too_little_is_about_nobody() {
    let quoted = tcp().in_ipv4(CLIENT, SERVER).octets();
    for len in 0..20 {
        let message = fragmentation_needed(1400, &quoted[..len]);
        let frame = message.in_ipv4(ROUTER, CLIENT).frame();
        assert_eq!(observe(&frame, Direction::Ingress), Observation::BORING);
    }
}

#[test]
fn a_fragment_of_an_error_is_a_fragment_of_its_sender() {
    let quoted = tcp().data_len(800).in_ipv4(CLIENT, SERVER).octets();
    let frame = unreachable(&quoted)
        .in_ipv4(ROUTER, CLIENT)
        .first_fragment();
    let tally = observe(&frame.frame(), Direction::Ingress)
        .tally
        .expect("a fragment counts");
    assert_eq!(tally.remote, ROUTER.into());
    assert_eq!(tally.counter, RemoteCounter::FragmentIcmpFirst as usize);
}

#[test]
fn udp_echo_and_other_protocols_are_boring() {
    for frame in [
        udp().data_len(100).in_ipv4(SERVER, CLIENT).frame(),
        echo_request(1, 1, 56).in_ipv4(SERVER, CLIENT).frame(),
        echo_request(1, 1, 56).in_ipv6(SERVER_V6, CLIENT_V6).frame(),
        raw(47, &[0; 20]).in_ipv4(SERVER, CLIENT).frame(),
    ] {
        assert_eq!(observe(&frame, Direction::Ingress), Observation::BORING);
        assert_eq!(observe(&frame, Direction::Egress), Observation::BORING);
    }
}

#[test]
fn every_counter_of_packets_can_be_reached() {
    let mut reached = [false; RemoteCounter::FIRST_DETAIL];
    let payloads = [1, 6, 17, 47].map(|protocol| raw(protocol, &[0x50; 80]));
    let fragments = payloads.iter().flat_map(|payload| {
        let packet = payload.in_ipv4(SERVER, CLIENT);
        [(0, true), (8, true), (8, false)]
            .map(|(offset, more)| packet.clone().fragment(offset, more).frame())
    });
    for frame in fixture::all()
        .into_iter()
        .map(|it| it.frame)
        .chain(fragments)
    {
        let _evidence = Evidence::new("every_counter", LinkType::Ethernet, &frame);
        let Ok(Some(packet)) = packet::parse(frame.as_slice(), LinkType::Ethernet) else {
            continue;
        };
        for direction in [Direction::Ingress, Direction::Egress] {
            if let Some(tally) = classify(frame.as_slice(), &packet, direction).tally {
                reached[tally.counter] = true;
            }
        }
    }
    assert_eq!(reached, [true; RemoteCounter::FIRST_DETAIL]);
}
