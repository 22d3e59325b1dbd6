use natdiag_common::{Cause, testkit::Random};

use super::*;
use crate::capture::link_type::{advice, link_type_name};

fn frame(octets: &[u8]) -> CapturedFrame<'_> {
    CapturedFrame {
        octets,
        wire_len: octets.len() + 100,
    }
}

/// Which way the packet went, by which interface, and how long it is without its link header.
type Said = (
    Option<Direction>,
    Option<Interface>,
    Result<usize, Protocol>,
);

fn said(header: LinkHeader, octets: &[u8]) -> Said {
    let Opened {
        direction,
        interface,
        content,
    } = header.open(frame(octets));
    let content = match content.unwrap() {
        Content::Packet(frame, _) => Ok(frame.octets.len()),
        Content::Other(protocol) => Err(protocol),
    };
    (direction, interface, content)
}

const INGRESS: Option<Direction> = Some(Direction::Ingress);
const EGRESS: Option<Direction> = Some(Direction::Egress);
/// The first octets of an IPv4 and of an IPv6 packet.
const IPV4: [u8; 4] = [0x45, 0, 0, 40];
const IPV6: [u8; 6] = [0x60, 0, 0, 0, 0, 20];

/// A cooked header of either version, seen at interface 7.
fn cooked_headers(hardware: u16, packet_type: u8, protocol: [u8; 2]) -> [(LinkHeader, Vec<u8>); 2] {
    let hardware = hardware.to_be_bytes();
    let v1 = [
        &[0, packet_type][..],
        &hardware,
        &[0, 6, 2, 0, 0, 0, 0, 1, 0, 0],
        &protocol,
    ];
    let v2 = [
        &protocol[..],
        &[0, 0, 0, 0, 0, 7],
        &hardware,
        &[packet_type, 6, 2, 0, 0, 0, 0, 1, 0, 0],
    ];
    [
        (LinkHeader::Cooked, v1.concat()),
        (LinkHeader::CookedV2, v2.concat()),
    ]
}

#[test]
fn cooked_header_says_which_way_and_what() {
    const ETHERNET: u16 = 1;
    for (name, hardware, packet_type, protocol, behind, want) in [
        ("sent", ETHERNET, 4, [8, 0], vec![], (EGRESS, Ok(4))),
        ("received", ETHERNET, 0, [8, 0], vec![], (INGRESS, Ok(4))),
        (
            "with a tag",
            ETHERNET,
            0,
            [0x81, 0],
            vec![0, 7, 8, 0],
            (INGRESS, Ok(4)),
        ),
        (
            "with three tags",
            ETHERNET,
            0,
            [0x88, 0xa8],
            vec![0, 7, 0x81, 0, 0, 8, 0x81, 0, 0, 9, 8, 0],
            (INGRESS, Ok(4)),
        ),
        (
            "PPPoE",
            ETHERNET,
            4,
            [0x88, 0x64],
            vec![0x11, 0, 0, 9, 0, 42, 0, 0x21],
            (EGRESS, Ok(4)),
        ),
        (
            "MPLS",
            ETHERNET,
            0,
            [0x88, 0x47],
            vec![0, 1, 1, 64],
            (INGRESS, Ok(4)),
        ),
        (
            "LLC and SNAP",
            ETHERNET,
            0,
            [0, 4],
            vec![0xaa, 0xaa, 3, 0, 0, 0, 8, 0],
            (INGRESS, Ok(4)),
        ),
        (
            "spanning tree",
            ETHERNET,
            2,
            [0, 4],
            vec![0x42, 0x42, 3],
            (INGRESS, Err(Protocol::Llc(0x42))),
        ),
        (
            "for another host",
            ETHERNET,
            3,
            [8, 0],
            vec![],
            (None, Ok(4)),
        ),
        (
            "ARP",
            ETHERNET,
            0,
            [8, 6],
            vec![],
            (INGRESS, Err(Protocol::EtherType(0x0806))),
        ),
        ("sent to itself", LOOPBACK, 4, [8, 0], vec![], (None, Ok(4))),
        (
            "received from itself",
            LOOPBACK,
            0,
            [8, 0],
            vec![],
            (None, Ok(4)),
        ),
    ] {
        let (direction, content) = want;
        let [(v1, first), (v2, second)] = cooked_headers(hardware, packet_type, protocol);
        let octets = [&first[..], &behind, &IPV4].concat();
        assert_eq!(said(v1, &octets), (direction, None, content), "{name}");
        let octets = [&second[..], &behind, &IPV4].concat();
        let interface = Some(Interface::Index(7));
        assert_eq!(said(v2, &octets), (direction, interface, content), "{name}");
    }
}

#[test]
fn family_in_either_byte_order_is_taken_off() {
    for (family, want) in [
        ([2, 0, 0, 0], Ok(4)),
        ([0, 0, 0, 2], Ok(4)),
        ([30, 0, 0, 0], Ok(4)),
        ([0, 0, 0, 24], Ok(4)),
        ([7, 0, 0, 0], Err(Protocol::Family(7))),
        ([0, 0, 0, 7], Err(Protocol::Family(7))),
    ] {
        let octets = [family, IPV4].concat();
        assert_eq!(
            said(LinkHeader::Family, &octets),
            (None, None, want),
            "{family:?}"
        );
    }
}

#[test]
fn ppp_says_which_way_where_the_kernel_has_said_it() {
    for (name, link_type, octets, want) in [
        ("PPP", 9, vec![0, 0x21], None),
        ("like HDLC", 50, vec![0xff, 3, 0, 0x21], None),
        ("Cisco's", 104, vec![0x0f, 0, 8, 0], None),
        ("PPPoE", 51, vec![0x11, 0, 0, 9, 0, 42, 0, 0x21], None),
        ("received by pppd", 166, vec![0, 3, 0, 0x21], INGRESS),
        ("sent by pppd", 166, vec![1, 3, 0, 0x21], EGRESS),
        ("received", 204, vec![0, 0xff, 3, 0, 0x21], INGRESS),
        ("sent, bare", 204, vec![1, 0, 0x21], EGRESS),
    ] {
        let header = LinkHeader::of(link_type).unwrap();
        let octets = [&octets[..], &IPV4].concat();
        assert_eq!(said(header, &octets), (want, None, Ok(4)), "{name}");
    }
}

/// An attribute of `NFLOG`.
fn attribute(kind: u8, value: &[u8], is_big: bool) -> Vec<u8> {
    let len = u16::try_from(4 + value.len()).unwrap();
    let (len, kind) = if is_big {
        (len.to_be_bytes(), [0, kind])
    } else {
        (len.to_le_bytes(), [kind, 0])
    };
    let padding = vec![0; value.len().next_multiple_of(4) - value.len()];
    [&len, &kind, value, &padding].concat()
}

#[test]
fn nflog_says_by_the_hook_which_way() {
    let by = |index: u32| Some(Interface::Index(index));
    for (name, hook, want) in [
        ("before routing", 0, (INGRESS, by(3))),
        ("towards this host", 1, (INGRESS, by(3))),
        ("forwarded", 2, (None, by(9))),
        ("of this host", 3, (EGRESS, by(9))),
        ("behind routing", 4, (EGRESS, by(9))),
    ] {
        for is_big in [false, true] {
            let attributes = [
                attribute(1, &[8, 0, hook, 0], is_big),
                attribute(10, b"rule 7\0", is_big),
                attribute(4, &[0, 0, 0, 3], is_big),
                attribute(5, &[0, 0, 0, 9], is_big),
                attribute(9, &IPV4, is_big),
            ];
            let octets = [&[2, 0, 0, 5], attributes.concat().as_slice()].concat();
            let (direction, interface, content) = said(LinkHeader::Nflog, &octets);
            assert_eq!((direction, interface), want, "{name}, {is_big}");
            assert_eq!(content, Ok(4), "{name}, {is_big}");
        }
    }
}

#[test]
fn what_a_rule_has_logged_in_part_is_cut_and_not_malformed() {
    for (family, packet, want) in [(2, &IPV4[..], 40), (10, &IPV6[..], 60)] {
        let octets = [&[family, 0, 0, 5], attribute(9, packet, false).as_slice()].concat();
        let Content::Packet(packet, _) = LinkHeader::Nflog.open(frame(&octets)).content.unwrap()
        else {
            panic!("family {family}");
        };
        assert_eq!(packet.wire_len, want);
        assert!(packet.is_cut());
    }
}

#[test]
fn pktap_says_interface_direction_and_what_follows() {
    let en0 = |flags: u8, link_type: u8| {
        let mut header = vec![0; 108];
        (header[0], header[8], header[36]) = (108, link_type, flags);
        header[12..15].copy_from_slice(b"en0");
        header
    };
    for (name, flags, link_type, behind, want) in [
        ("received", 1, 12, IPV4.to_vec(), (INGRESS, Ok(4))),
        (
            "sent",
            2,
            0,
            [&[30, 0, 0, 0], &IPV6[..]].concat(),
            (EGRESS, Ok(6)),
        ),
        ("neither", 0, 12, IPV4.to_vec(), (None, Ok(4))),
        (
            "a radio's",
            1,
            127,
            IPV4.to_vec(),
            (INGRESS, Err(Protocol::Link(127))),
        ),
    ] {
        let octets = [en0(flags, link_type), behind].concat();
        let (direction, interface, content) = said(LinkHeader::Pktap, &octets);
        assert_eq!((direction, content), want, "{name}");
        assert_eq!(interface.unwrap().to_string(), "en0", "{name}");
    }
    let inception = [en0(1, 2), IPV4.to_vec()].concat();
    let mut inception = inception;
    inception[8..12].copy_from_slice(&258_u32.to_le_bytes());
    let (.., content) = said(LinkHeader::Pktap, &inception);
    assert_eq!(content, Err(Protocol::Link(258)));
}

#[test]
fn ipnet_says_interface_direction_and_family() {
    let header = |family: u8, hook: u8| {
        let mut header = vec![1, family, 0, hook, 0, 0, 0, 40, 0, 0, 0, 5];
        header.resize(IPNET_LEN, 0);
        header
    };
    let by = Some(Interface::Index(5));
    for (family, hook, packet, want) in [
        (2, 0, &IPV4[..], (INGRESS, by, Ok(4))),
        (26, 1, &IPV6, (EGRESS, by, Ok(6))),
        (2, 2, &IPV4, (None, by, Ok(4))),
        (9, 0, &IPV4, (INGRESS, by, Err(Protocol::Family(9)))),
    ] {
        let octets = [&header(family, hook), packet].concat();
        assert_eq!(said(LinkHeader::Ipnet, &octets), want, "{family}, {hook}");
    }
}

#[test]
fn errors_name_the_link_type_and_what_works() {
    for (link_type, name, what) in [
        (127, "IEEE802_11_RADIOTAP (127)", "without monitor mode"),
        (189, "USB_LINUX (189)", "network interface"),
        (147, "USER0 (147)", "carries IP"),
        (4711, "4711", "carries IP"),
    ] {
        assert!(link_type_name(link_type).contains(name), "{link_type}");
        assert!(advice(link_type).contains(what), "{link_type}");
        assert!(LinkHeader::of(link_type).is_none(), "{link_type}");
    }
}

/// All headers, by a number of each.
const ALL: [u32; 13] = [1, 0, 9, 50, 51, 101, 104, 113, 166, 204, 226, 239, 258];

#[test]
fn short_header_is_truncated() {
    for link_type in ALL.into_iter().chain([276]) {
        let header = LinkHeader::of(link_type).unwrap();
        let opened = header.open(frame(&[0]));
        if header != LinkHeader::RawIp {
            let error = opened.content.unwrap_err();
            assert_eq!(error.cause, Cause::Truncated, "{header:?}");
        }
    }
}

#[test]
fn any_octets_are_survived() {
    let mut random = Random::new(11);
    for _ in 0..50_000 {
        let len = random.below(160);
        let mut octets: Vec<u8> = (0..len).map(|_| random.octet()).collect();
        // Mostly lengths and types that may be.
        for octet in &mut octets {
            if random.below(3) > 0 {
                *octet &= 0x09;
            }
        }
        for link_type in ALL.into_iter().chain([276]) {
            let header = LinkHeader::of(link_type).unwrap();
            if let Ok(Content::Packet(packet, _)) = header.open(frame(&octets)).content {
                assert!(packet.octets.len() <= len, "{header:?}");
            }
        }
    }
}
