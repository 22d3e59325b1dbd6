//! Every length field at its boundaries, every kind of fragment, every frame cut at each octet.

mod lengths;
mod property;
mod tshark;

use super::*;
use crate::{
    Layer,
    testkit::{
        CLIENT, CLIENT_V6, Payload as _, Raw, SERVER, SERVER_V6, echo_request, ethernet,
        fixture::{self, Fixture},
        fragmentation_needed, invariant,
        pcap::Evidence,
        raw, tcp, udp,
    },
};

const SYN: Transport = Transport::Tcp { flags: tcp::SYN };

/// A frame on Ethernet and what reading it gives.
struct Case<T> {
    name: &'static str,
    frame: Vec<u8>,
    want: T,
}

fn case<T>(name: &'static str, frame: Vec<u8>, want: T) -> Case<T> {
    Case { name, frame, want }
}

fn check<T: PartialEq + std::fmt::Debug>(
    cases: impl IntoIterator<Item = Case<T>>,
    read: impl Fn(&[u8]) -> T,
) {
    for Case { name, frame, want } in cases {
        let _evidence = Evidence::new(name, LinkType::Ethernet, &frame);
        assert_eq!(read(&frame), want, "{name}");
    }
}

fn parse_ethernet(frame: &[u8]) -> Result<Option<PacketMeta>, ParseError> {
    parse(frame, LinkType::Ethernet)
}

fn packet_of(frame: &[u8]) -> PacketMeta {
    parse_ethernet(frame)
        .expect("the frame is well-formed")
        .expect("the frame carries IP")
}

/// What decides about a packet: fragment and transport, or why it cannot be read.
fn verdict(frame: &[u8]) -> Result<Option<(Option<Fragment>, Transport)>, ParseError> {
    parse_ethernet(frame).map(|packet| packet.map(|packet| (packet.fragment, packet.transport)))
}

fn fragment(offset_octets: u16, more: bool, data_octets: u32) -> Fragment {
    Fragment {
        offset_octets,
        more,
        data_octets,
    }
}

#[test]
fn header_fields_arrive() {
    let frame = tcp()
        .syn()
        .timestamps(7, 0)
        .in_ipv4(SERVER, CLIENT)
        .ttl(57)
        .identification(0xbeef)
        .dont_fragment()
        .options(&[1; 3])
        .vlan(5)
        .frame();
    let packet = packet_of(&frame);
    let want = PacketMeta {
        ip_offset: 18,
        payload_offset: 18 + 24,
        payload_len: 20 + 12,
        total_len: 24 + 20 + 12,
        version: 4,
        ttl: 57,
        protocol: 6,
        dont_fragment: true,
        identification: 0xbeef,
        fragment: None,
        transport: SYN,
    };
    assert_eq!(packet, want);
    assert_eq!(packet.source(frame.as_slice()), Some(SERVER.into()));
    assert_eq!(packet.destination(frame.as_slice()), Some(CLIENT.into()));
}

#[test]
fn ipv6_header_fields_arrive() {
    let frame = tcp()
        .syn()
        .in_ipv6(SERVER_V6, CLIENT_V6)
        .hop_limit(57)
        .identification(0xdead_beef)
        .hop_by_hop()
        .atomic_fragment()
        .frame();
    let packet = packet_of(&frame);
    let want = PacketMeta {
        ip_offset: 14,
        payload_offset: 14 + 40 + 8 + 8,
        payload_len: 20,
        total_len: 40 + 8 + 8 + 20,
        version: 6,
        ttl: 57,
        protocol: 6,
        dont_fragment: false,
        identification: 0xdead_beef,
        fragment: Some(fragment(0, false, 20)),
        transport: SYN,
    };
    assert_eq!(packet, want);
    let source = Address::from_octets(SERVER_V6.octets());
    assert_eq!(packet.source(frame.as_slice()), Some(source));
}

#[test]
fn raw_ip_reads_as_in_ethernet() {
    for Fixture {
        name,
        packet,
        frame,
    } in fixture::all()
    {
        if name.contains("VLAN") || name == "ARP" {
            continue;
        }
        let of_raw = parse(packet.as_slice(), LinkType::RawIp);
        let mut of_ethernet = parse_ethernet(&frame);
        if let Ok(Some(packet)) = &mut of_ethernet {
            packet.ip_offset -= 14;
            packet.payload_offset -= 14;
        }
        assert_eq!(of_raw, of_ethernet, "{name}");
    }
}

#[test]
fn a_glance_knows_the_many_and_leaves_the_rest_to_parsers() {
    let ack = || tcp().ack(1).data_len(100);
    check(
        [
            case("data", ack().in_ipv4(CLIENT, SERVER).frame(), Some(false)),
            case(
                "IPv6",
                ack().in_ipv6(CLIENT_V6, SERVER_V6).frame(),
                Some(false),
            ),
            case("UDP", udp().in_ipv4(CLIENT, SERVER).frame(), Some(false)),
            case(
                "UDP in IPv6",
                udp().in_ipv6(CLIENT_V6, SERVER_V6).frame(),
                Some(false),
            ),
            case(
                "SYN",
                tcp().syn().in_ipv4(CLIENT, SERVER).frame(),
                Some(true),
            ),
            case(
                "FIN",
                ack().fin().in_ipv4(CLIENT, SERVER).frame(),
                Some(true),
            ),
            case(
                "RST",
                tcp().rst().in_ipv4(CLIENT, SERVER).frame(),
                Some(true),
            ),
            case(
                "first fragment",
                ack().in_ipv4(CLIENT, SERVER).first_fragment().frame(),
                Some(true),
            ),
            case(
                "last fragment",
                ack().in_ipv4(CLIENT, SERVER).later_fragment(80).frame(),
                Some(true),
            ),
            case(
                "IPv6 fragment",
                ack().in_ipv6(CLIENT_V6, SERVER_V6).first_fragment().frame(),
                None,
            ),
            case(
                "options",
                ack().in_ipv4(CLIENT, SERVER).options(&[1; 4]).frame(),
                None,
            ),
            case("tag", ack().in_ipv4(CLIENT, SERVER).vlan(5).frame(), None),
            case(
                "another length",
                ack().in_ipv4(CLIENT, SERVER).total_len(39).frame(),
                None,
            ),
            case(
                "ping",
                echo_request(1, 1, 8).in_ipv4(CLIENT, SERVER).frame(),
                Some(false),
            ),
        ],
        |frame| glance_says(frame, LinkType::Ethernet),
    );
    let says = |packet: &[u8]| glance_says(packet, LinkType::RawIp);
    assert_eq!(says(&ack().in_ipv4(CLIENT, SERVER).octets()), Some(false));
    assert_eq!(
        says(&ack().in_ipv6(CLIENT_V6, SERVER_V6).octets()),
        Some(false)
    );
    assert_eq!(
        says(&tcp().syn().in_ipv4(CLIENT, SERVER).octets()),
        Some(true)
    );
}

/// Whether a frame carries a notable packet, where a glance tells.
fn glance_says(frame: &[u8], link: LinkType) -> Option<bool> {
    match glance(frame, link) {
        Glance::Ordinary => Some(false),
        Glance::Segment(_) | Glance::Fragment(_) => Some(true),
        Glance::Unclear => None,
    }
}

#[test]
fn only_ip_is_read() {
    let packet = tcp().in_ipv4(SERVER, CLIENT).octets();
    check(
        [
            case("ARP", ethernet(0x0806, &[0; 28]), Ok(None)),
            case("802.3 length", ethernet(60, &packet), Ok(None)),
            case("PPPoE session", ethernet(0x8864, &packet), Ok(None)),
            case("ARP in a VLAN", ethernet(0x8100, &[0, 5, 8, 6]), Ok(None)),
        ],
        parse_ethernet,
    );
    assert_eq!(parse([0x50; 40].as_slice(), LinkType::RawIp), Ok(None));
}

#[test]
fn version_must_be_the_announced_one() {
    let v4 = tcp().in_ipv4(SERVER, CLIENT);
    let v6 = tcp().in_ipv6(SERVER_V6, CLIENT_V6);
    check(
        [
            case(
                "6 in IPv4",
                v4.clone().version(6).frame(),
                Err(Layer::Ipv4.bad_version()),
            ),
            case(
                "0 in IPv4",
                v4.clone().version(0).frame(),
                Err(Layer::Ipv4.bad_version()),
            ),
            case(
                "4 in IPv6",
                v6.clone().version(4).frame(),
                Err(Layer::Ipv6.bad_version()),
            ),
            case(
                "IPv6 as IPv4",
                ethernet(0x0800, &v6.octets()),
                Err(Layer::Ipv4.bad_version()),
            ),
            case(
                "IPv4 as IPv6",
                ethernet(0x86dd, &v4.octets()),
                Err(Layer::Ipv6.bad_version()),
            ),
        ],
        parse_ethernet,
    );
}

#[test]
fn every_kind_of_fragment_is_told_apart() {
    let segment = tcp().syn().data_len(60);
    let v4 = segment.in_ipv4(SERVER, CLIENT);
    let v6 = segment.in_ipv6(SERVER_V6, CLIENT_V6);
    check(
        [
            case("whole", v4.frame(), Ok(Some((None, SYN)))),
            case(
                "whole with DF",
                v4.clone().dont_fragment().frame(),
                Ok(Some((None, SYN))),
            ),
            case(
                "first",
                v4.clone().first_fragment().frame(),
                Ok(Some((Some(fragment(0, true, 80)), SYN))),
            ),
            case(
                "middle",
                v4.clone().middle_fragment(1480).frame(),
                Ok(Some((Some(fragment(1480, true, 80)), Transport::Absent))),
            ),
            case(
                "last",
                v4.clone().later_fragment(8).frame(),
                Ok(Some((Some(fragment(8, false, 80)), Transport::Absent))),
            ),
            case(
                "largest offset",
                v4.later_fragment(65528).frame(),
                Ok(Some((Some(fragment(65528, false, 80)), Transport::Absent))),
            ),
            case("IPv6 whole", v6.frame(), Ok(Some((None, SYN)))),
            case(
                "IPv6 first",
                v6.clone().first_fragment().frame(),
                Ok(Some((Some(fragment(0, true, 80)), SYN))),
            ),
            case(
                "IPv6 middle",
                v6.clone().middle_fragment(1232).frame(),
                Ok(Some((Some(fragment(1232, true, 80)), Transport::Absent))),
            ),
            case(
                "IPv6 last",
                v6.clone().later_fragment(65528).frame(),
                Ok(Some((Some(fragment(65528, false, 80)), Transport::Absent))),
            ),
            case(
                "IPv6 atomic",
                v6.atomic_fragment().frame(),
                Ok(Some((Some(fragment(0, false, 80)), SYN))),
            ),
        ],
        verdict,
    );
}

#[test]
fn later_fragment_has_no_ports() {
    // What would be ports, flags and options is data of the middle of a segment: never read, whatever it says.
    for octet in [0x00, 0x45, 0x60, 0xff] {
        for protocol in [1, 6, 17, 58] {
            let payload = raw(protocol, &[octet; 40]);
            let v4 = payload.in_ipv4(SERVER, CLIENT).later_fragment(1480).frame();
            let v6 = payload
                .in_ipv6(SERVER_V6, CLIENT_V6)
                .later_fragment(1232)
                .frame();
            assert_eq!(packet_of(&v4).transport, Transport::Absent);
            assert_eq!(packet_of(&v6).transport, Transport::Absent);
            assert_eq!(packet_of(&v4).protocol, protocol);
            assert_eq!(packet_of(&v6).protocol, protocol);
        }
    }
}

#[test]
fn tiny_first_fragment_is_still_a_fragment() {
    for octets in [0, 8, 16, 19] {
        let v4 = tcp().syn().in_ipv4(SERVER, CLIENT).first_fragment();
        let v6 = tcp().syn().in_ipv6(SERVER_V6, CLIENT_V6).first_fragment();
        let want = Ok(Some((
            Some(fragment(
                0,
                true,
                u32::try_from(octets).expect("a small number"),
            )),
            Transport::Absent,
        )));
        assert_eq!(verdict(&v4.payload_cut_to(octets).frame()), want);
        assert_eq!(verdict(&v6.payload_cut_to(octets).frame()), want);
    }
}

#[test]
fn protocol_of_a_fragment_is_that_of_its_fragment_header() {
    let plain = tcp().syn().in_ipv6(SERVER_V6, CLIENT_V6);
    let first = plain.clone().first_fragment().destination_options();
    let packet = packet_of(&first.frame());
    // RFC 8200, section 4.5: later fragments can say no more than 60, so that the first must say it too.
    assert_eq!(packet.protocol, 60);
    assert_eq!(packet.transport, SYN);
    assert_eq!(packet.fragment, Some(fragment(0, true, 28)));
    let later = plain
        .destination_options()
        .fragment(1232, false)
        .protocol(17);
    assert_eq!(packet_of(&later.frame()).protocol, 17);
}

#[test]
fn icmp_errors_are_told_from_other_messages() {
    let quoted = tcp().in_ipv4(CLIENT, SERVER).octets();
    let error = Ok(Some((None, Transport::IcmpError)));
    let too_big = Ok(Some((None, Transport::PacketTooBig)));
    let other = Ok(Some((None, Transport::Other)));
    let v4 = |icmp_type, code| {
        let message = crate::testkit::icmp(icmp_type, code).quoting(&quoted);
        message.in_ipv4(SERVER, CLIENT).frame()
    };
    let v6 = |icmp_type, code| {
        let message = crate::testkit::icmp(icmp_type, code).quoting(&quoted);
        message.in_ipv6(SERVER_V6, CLIENT_V6).frame()
    };
    check(
        [
            case("echo reply", v4(0, 0), other),
            case("net unreachable", v4(3, 0), error),
            case("port unreachable", v4(3, 3), error),
            case("fragmentation needed", v4(3, 4), too_big),
            case("source route failed", v4(3, 5), error),
            case("redirect", v4(5, 1), other),
            case("echo request", v4(8, 0), other),
            case("time exceeded", v4(11, 0), error),
            case("parameter problem", v4(12, 0), error),
            case("timestamp", v4(13, 0), other),
            case("IPv6 type 0", v6(0, 0), other),
            case("IPv6 unreachable", v6(1, 4), error),
            case("packet too big", v6(2, 0), too_big),
            case("IPv6 time exceeded", v6(3, 0), error),
            case("IPv6 parameter problem", v6(4, 2), error),
            case("neighbour solicitation", v6(135, 0), other),
        ],
        verdict,
    );
}

#[test]
fn quoted_destination_is_the_remote_host_of_an_error() {
    let quoted = tcp().in_ipv4(CLIENT, SERVER);
    let about = |quoted: &[u8]| {
        let router = std::net::Ipv4Addr::new(192, 0, 2, 1);
        let mut frame = fragmentation_needed(1400, quoted)
            .in_ipv4(router, CLIENT)
            .frame();
        // Padding of Ethernet belongs to no packet.
        frame.resize(frame.len().max(60), 0xaa);
        packet_of(&frame).quoted_destination(frame.as_slice())
    };
    assert_eq!(about(&quoted.octets()), Some(SERVER.into()));
    assert_eq!(about(&quoted.octets()[..20]), Some(SERVER.into()));
    assert_eq!(about(&quoted.octets()[..19]), None);
    assert_eq!(about(&[]), None);
}

#[test]
fn segmentation_left_to_the_device_means_the_rest_of_the_frame() {
    let segment = tcp().ack(1).data_len(3000).in_ipv4(SERVER, CLIENT);
    let packet = packet_of(&segment.total_len(0).frame());
    assert_eq!(packet.total_len, 3040);
    assert_eq!(packet.payload_len, 3020);
}

#[test]
fn jumbogram_is_as_long_as_its_frame() {
    // The Jumbo Payload option is not needed: the kernel leaves it out in merged segments.
    let segment = |octets| {
        let segment = tcp().ack(1).data_len(octets);
        segment.in_ipv6(SERVER_V6, CLIENT_V6).payload_len(0).frame()
    };
    assert_eq!(packet_of(&segment(100_000)).total_len, 100_060);
    assert_eq!(packet_of(&segment(65_516 - 40)).total_len, 65_536);
    // One octet less fits the field: then 0 means 0, and there is no TCP header.
    assert_eq!(verdict(&segment(65_515 - 40)), Err(Layer::Tcp.bad_length()));
}

#[test]
fn every_frame_can_be_cut_at_each_octet() {
    for Fixture { name, frame, .. } in fixture::all() {
        let _evidence = Evidence::new(name, LinkType::Ethernet, &frame);
        invariant::check_frame(&frame);
        for len in 0..frame.len().min(300) {
            // Not a capture: the frame was as short on the wire.
            let _ = parse_ethernet(&frame[..len]);
            let _ = parse(&frame[..len], LinkType::RawIp);
        }
    }
}

#[test]
fn the_layer_that_is_cut_off_is_named() {
    let v4 = tcp()
        .syn()
        .in_ipv4(SERVER, CLIENT)
        .service_vlan(6)
        .vlan(5)
        .frame();
    let v6 = tcp()
        .syn()
        .in_ipv6(SERVER_V6, CLIENT_V6)
        .hop_by_hop()
        .frame();
    let layer_at = |frame: &[u8], len: usize| parse_ethernet(&frame[..len]).map(drop);
    for (lens, layer) in [
        (0..14, Layer::Ethernet),
        (14..22, Layer::Vlan),
        (22..42, Layer::Ipv4),
        (42..62, Layer::Tcp),
    ] {
        for len in lens {
            assert_eq!(layer_at(&v4, len), Err(layer.truncated()), "{len}");
        }
    }
    for (lens, layer) in [
        (14..54, Layer::Ipv6),
        (54..56, Layer::Ipv6Extension),
        (62..82, Layer::Tcp),
    ] {
        for len in lens {
            assert_eq!(layer_at(&v6, len), Err(layer.truncated()), "{len}");
        }
    }
}
