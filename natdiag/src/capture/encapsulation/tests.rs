use super::*;

const TAG: [u8; 4] = [0x81, 0, 0, 7];
const PPPOE: [u8; 10] = [0x88, 0x64, 0x11, 0, 0, 9, 0, 42, 0, 0x21];
const TWO_LABELS: [u8; 10] = [0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64];
const LLC_SNAP: [u8; 10] = [0, 60, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0];

fn frame(octets: &[u8]) -> CapturedFrame<'_> {
    CapturedFrame {
        octets,
        wire_len: octets.len() + 100,
    }
}

/// What is found behind two Ethernet addresses, and what follows them; IPv4 comes last.
fn found(behind_addresses: &[u8]) -> Result<Carried, ParseError> {
    let octets = [&[0; ethernet::TYPE_OFFSET], behind_addresses, &[0x45, 0]].concat();
    in_ethernet(&frame(&octets))
}

#[test]
fn ip_is_found_behind_what_carries_it() {
    for (name, octets, want) in [
        ("nothing", vec![8, 0], 14),
        ("a tag", [&TAG[..], &[8, 0]].concat(), 18),
        ("PPPoE", PPPOE.to_vec(), 22),
        ("PPPoE behind a tag", [&TAG[..], &PPPOE].concat(), 26),
        ("two MPLS labels", TWO_LABELS.to_vec(), 22),
        ("MPLS behind a tag", [&TAG[..], &TWO_LABELS].concat(), 26),
        ("SNAP", LLC_SNAP.to_vec(), 22),
        ("SNAP behind a tag", [&TAG[..], &LLC_SNAP].concat(), 26),
        (
            "SNAP of 802.1H",
            vec![0, 60, 0xaa, 0xaa, 3, 0, 0, 0xf8, 8, 0],
            22,
        ),
        ("three tags", [&TAG[..], &TAG, &TAG, &[8, 0]].concat(), 26),
        (
            "tags of all kinds",
            vec![0x91, 0, 0, 1, 0x92, 0, 0, 2, 0x88, 0xa8, 0, 3, 8, 0],
            26,
        ),
        (
            "PPPoE with a short protocol",
            vec![0x88, 0x64, 0x11, 0, 0, 9, 0, 41, 0x21],
            21,
        ),
        (
            "MPLS in PPPoE",
            [&PPPOE[..8], &[0x02, 0x81], &TWO_LABELS[2..]].concat(),
            30,
        ),
    ] {
        assert_eq!(found(&octets), Ok(Carried::Ip(want)), "{name}");
    }
}

#[test]
fn what_is_no_ip_is_said() {
    for (name, octets, want) in [
        (
            "PPPoE discovery",
            vec![0x88, 0x63, 0x11, 9, 0, 0, 0, 4, 0, 0],
            Protocol::EtherType(0x8863),
        ),
        (
            "PPPoE that is no session",
            vec![0x88, 0x64, 0x11, 9, 0, 0, 0, 4, 0, 0],
            Protocol::EtherType(0x8863),
        ),
        (
            "LCP in PPPoE",
            vec![0x88, 0x64, 0x11, 0, 0, 9, 0, 42, 0xc0, 0x21],
            Protocol::Ppp(0xc021),
        ),
        (
            "spanning tree",
            vec![0, 38, 0x42, 0x42, 3, 0, 0, 0, 0, 0],
            Protocol::Llc(0x42),
        ),
        (
            "discovery of Cisco",
            vec![0, 60, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0],
            Protocol::Snap([0, 0, 0x0c]),
        ),
        ("ARP", vec![8, 6], Protocol::EtherType(0x0806)),
        (
            "MACsec behind a tag",
            [&TAG[..], &[0x88, 0xe5]].concat(),
            Protocol::EtherType(0x88e5),
        ),
        (
            "a pseudowire",
            vec![0x88, 0x47, 0, 1, 1, 64, 0, 0, 0, 0],
            Protocol::UnderLabels,
        ),
    ] {
        assert_eq!(found(&octets), Ok(Carried::Other(want)), "{name}");
    }
}

#[test]
fn ppp_is_read_in_all_its_framings() {
    for (name, octets, want) in [
        (
            "like HDLC",
            &[0xff, 3, 0, 0x21, 0x45, 0][..],
            Carried::Ip(4),
        ),
        ("bare", &[0, 0x21, 0x45, 0], Carried::Ip(2)),
        ("short", &[0x21, 0x45, 0], Carried::Ip(1)),
        (
            "like HDLC, short",
            &[0xff, 3, 0x57, 0x60, 0],
            Carried::Ip(3),
        ),
        ("of Cisco", &[0x0f, 0, 8, 0, 0x45, 0], Carried::Ip(4)),
        (
            "of Cisco, to all",
            &[0x8f, 0, 0x86, 0xdd, 0x60, 0],
            Carried::Ip(4),
        ),
        (
            "keepalive of Cisco",
            &[0x8f, 0, 0x80, 0x35, 0, 0],
            Carried::Other(Protocol::EtherType(0x8035)),
        ),
        (
            "compressed headers",
            &[0xff, 3, 0, 0x2d, 0, 0],
            Carried::Other(Protocol::Ppp(0x002d)),
        ),
    ] {
        assert_eq!(in_ppp(&frame(octets), 0), Ok(want), "{name}");
    }
}

#[test]
fn another_version_than_announced_is_malformed() {
    let pppoe_v6 = [&PPPOE[..9], &[0x57]].concat();
    assert_eq!(found(&pppoe_v6), Err(Layer::Ipv6.bad_version()));
    let octets = [&[0; ethernet::TYPE_OFFSET][..], &[8, 0, 0x60, 0]].concat();
    assert_eq!(in_ethernet(&frame(&octets)), Err(Layer::Ipv4.bad_version()));
}

#[test]
fn endless_headers_are_too_many() {
    let tags = TAG.repeat(20);
    assert_eq!(found(&tags), Err(Layer::Vlan.too_many()));
    let labels = [&[0x88, 0x47][..], &[0, 1, 0, 64].repeat(20)].concat();
    assert_eq!(found(&labels), Err(Layer::Ethernet.too_many()));
}

#[test]
fn frame_that_is_cut_anywhere_says_so() {
    let with_all = [&TAG[..], &TAG, &LLC_SNAP[..8], &PPPOE].concat();
    let labels = [&TAG[..], &TWO_LABELS].concat();
    for headers in [with_all, labels] {
        let octets = [&[0; ethernet::TYPE_OFFSET][..], &headers, &[0x45, 0]].concat();
        assert!(in_ethernet(&frame(&octets)).is_ok());
        for len in 0..octets.len() {
            let error = in_ethernet(&frame(&octets[..len])).unwrap_err();
            assert_eq!(error.cause, natdiag_common::Cause::Truncated, "{len}");
        }
    }
}
