//! Length fields at 0, minimum - 1, minimum, maximum and past the end.

use super::*;

/// Why a frame cannot be read, or nothing.
fn refusal(frame: &[u8]) -> Option<ParseError> {
    parse_ethernet(frame).err()
}

#[test]
fn ipv4_header_length() {
    let plain = tcp().syn().data_len(60).in_ipv4(SERVER, CLIENT);
    let bad = Some(Layer::Ipv4.bad_length());
    check(
        [
            case("IHL 0", plain.clone().ihl(0).frame(), bad),
            case("IHL below five", plain.clone().ihl(4).frame(), bad),
            case("IHL five", plain.clone().ihl(5).frame(), None),
            case("IHL 15", plain.clone().options(&[1; 40]).frame(), None),
            case(
                "IHL beyond the packet",
                raw(6, &[0; 8]).in_ipv4(SERVER, CLIENT).ihl(8).frame(),
                bad,
            ),
            case(
                "IHL as long as the packet",
                raw(6, &[0; 8]).in_ipv4(SERVER, CLIENT).ihl(7).frame(),
                Some(Layer::Tcp.truncated()),
            ),
            case(
                "IHL beyond the frame, later fragment",
                raw(6, &[])
                    .in_ipv4(SERVER, CLIENT)
                    .ihl(15)
                    .total_len(60)
                    .later_fragment(8)
                    .frame(),
                None,
            ),
        ],
        refusal,
    );
}

#[test]
fn ipv4_total_length() {
    let plain = tcp().syn().in_ipv4(SERVER, CLIENT);
    let options = plain.clone().options(&[1; 8]);
    let bad = Some(Layer::Ipv4.bad_length());
    check(
        [
            case("1", plain.clone().total_len(1).frame(), bad),
            case("below the header", plain.clone().total_len(19).frame(), bad),
            case(
                "the header alone",
                plain.clone().total_len(20).frame(),
                Some(Layer::Tcp.bad_length()),
            ),
            case(
                "below the options",
                options.clone().total_len(27).frame(),
                bad,
            ),
            case(
                "the options alone",
                options.clone().total_len(28).frame(),
                Some(Layer::Tcp.bad_length()),
            ),
            case(
                "within TCP",
                plain.clone().total_len(39).frame(),
                Some(Layer::Tcp.bad_length()),
            ),
            case("exact", plain.clone().total_len(40).frame(), None),
        ],
        refusal,
    );
}

#[test]
fn ipv6_payload_length() {
    let plain = tcp().syn().in_ipv6(SERVER_V6, CLIENT_V6);
    let options = plain.clone().destination_options();
    let extension = Some(Layer::Ipv6Extension.bad_length());
    check(
        [
            case(
                "0",
                plain.clone().payload_len(0).frame(),
                Some(Layer::Tcp.bad_length()),
            ),
            case(
                "within TCP",
                plain.clone().payload_len(19).frame(),
                Some(Layer::Tcp.bad_length()),
            ),
            case("exact", plain.clone().payload_len(20).frame(), None),
            case(
                "0 with options",
                options.clone().payload_len(0).frame(),
                extension,
            ),
            case(
                "within the options",
                options.clone().payload_len(7).frame(),
                extension,
            ),
            case(
                "the options alone",
                options.clone().payload_len(8).frame(),
                Some(Layer::Tcp.bad_length()),
            ),
            case(
                "within a Fragment header",
                plain.clone().later_fragment(8).payload_len(7).frame(),
                extension,
            ),
            case(
                "an empty fragment",
                plain.later_fragment(8).payload_len(8).frame(),
                None,
            ),
        ],
        refusal,
    );
}

#[test]
fn tcp_data_offset() {
    let plain = tcp().syn();
    let bad = Some(Layer::Tcp.bad_length());
    let frame = |words: u8, data: usize| {
        let segment = plain.clone().data_offset_words(words).data_len(data);
        segment.in_ipv4(SERVER, CLIENT).frame()
    };
    check(
        [
            case("0", frame(0, 40), bad),
            case("below five", frame(4, 40), bad),
            case("five", frame(5, 40), None),
            case("five, no data", frame(5, 0), None),
            case("past the end", frame(6, 3), bad),
            case("to the end", frame(6, 4), None),
            case("15", frame(15, 40), None),
            case("15 past the end", frame(15, 39), bad),
        ],
        refusal,
    );
}

#[test]
fn tcp_header_beyond_its_packet_is_not_read_from_padding() {
    let mut frame = raw(6, &[]).in_ipv4(SERVER, CLIENT).frame();
    frame.extend([0x50; 26]);
    assert_eq!(refusal(&frame), Some(Layer::Tcp.bad_length()));
}

#[test]
fn udp_and_icmp_headers_beyond_their_packet_are_not_read_from_padding() {
    for (protocol, layer) in [(17, Layer::Udp), (1, Layer::Icmp)] {
        for octets in 0..8 {
            let mut frame = raw(protocol, &vec![3; octets])
                .in_ipv4(SERVER, CLIENT)
                .frame();
            frame.resize(60, 3);
            assert_eq!(refusal(&frame), Some(layer.bad_length()), "{octets} octets");
        }
    }
}

#[test]
fn udp_length() {
    let frame = |len: u16| {
        let datagram = udp().data_len(4).len_field(len);
        datagram.in_ipv4(SERVER, CLIENT).frame()
    };
    let bad = Some(Layer::Udp.bad_length());
    check(
        [
            case("0, as in a jumbogram", frame(0), None),
            case("1", frame(1), bad),
            case("below the header", frame(7), bad),
            case("the header alone", frame(8), None),
            case("exact", frame(12), None),
        ],
        refusal,
    );
}

#[test]
fn ipv6_extension_length() {
    let plain = tcp().syn().in_ipv6(SERVER_V6, CLIENT_V6);
    let end = Some(Layer::Ipv6Extension.bad_length());
    check(
        [
            case("0", plain.clone().extension(60, 0, 8).frame(), None),
            case("1", plain.clone().extension(60, 1, 16).frame(), None),
            case("255", plain.clone().extension(60, 255, 2048).frame(), None),
            case(
                "past the end",
                plain.clone().extension(60, 255, 8).frame(),
                end,
            ),
            case(
                "one unit too many",
                plain.clone().extension(60, 1, 8).frame(),
                Some(Layer::Tcp.truncated()),
            ),
            case(
                "Authentication Header of 8 octets",
                plain.clone().extension(51, 0, 8).frame(),
                None,
            ),
            case(
                "Authentication Header of 24 octets",
                plain.clone().authentication().frame(),
                None,
            ),
            case(
                "Authentication Header of 255",
                plain.clone().extension(51, 255, 1028).frame(),
                None,
            ),
        ],
        refusal,
    );
    // Past the end of the packet, but with no header behind it that could be cut off.
    let nothing = raw(59, &[]).in_ipv6(SERVER_V6, CLIENT_V6);
    let past = nothing.clone().extension(60, 1, 8).frame();
    assert_eq!(refusal(&past), Some(Layer::Ipv6Extension.bad_length()));
    let cut = ethernet(0x86dd, &nothing.extension(60, 0, 8).octets()[..41]);
    assert_eq!(refusal(&cut), Some(Layer::Ipv6Extension.truncated()));
}

#[test]
fn eight_extension_headers_and_no_more() {
    let mut packet = tcp().syn().in_ipv6(SERVER_V6, CLIENT_V6);
    for _ in 0..8 {
        packet = packet.destination_options();
        assert_eq!(refusal(&packet.frame()), None);
    }
    let packet = packet.destination_options();
    assert_eq!(
        refusal(&packet.frame()),
        Some(Layer::Ipv6Extension.too_many())
    );
    let twice = tcp().in_ipv6(SERVER_V6, CLIENT_V6).first_fragment();
    let twice = twice.extension(44, 0, 8).frame();
    assert_eq!(refusal(&twice), Some(Layer::Ipv6Extension.too_many()));
}

#[test]
fn every_extension_header_is_skipped() {
    for number in [0, 43, 60, 135, 139, 140] {
        let packet = tcp().syn().in_ipv6(SERVER_V6, CLIENT_V6);
        let frame = packet.extension(number, 1, 16).frame();
        let packet = packet_of(&frame);
        assert_eq!((packet.protocol, packet.transport), (6, SYN), "{number}");
    }
}

#[test]
fn two_vlan_tags_and_no_more() {
    let plain = tcp().syn().in_ipv4(SERVER, CLIENT);
    let many = Some(Layer::Vlan.too_many());
    check(
        [
            case("none", plain.frame(), None),
            case("one", plain.clone().vlan(5).frame(), None),
            case("two", plain.clone().service_vlan(6).vlan(5).frame(), None),
            case("two of 802.1Q", plain.clone().vlan(6).vlan(5).frame(), None),
            case(
                "three",
                plain.clone().service_vlan(7).vlan(6).vlan(5).frame(),
                many,
            ),
            case("four", plain.vlan(8).vlan(7).vlan(6).vlan(5).frame(), many),
        ],
        refusal,
    );
}

#[test]
fn whatever_the_length_field_says_echo_requests_are_no_errors() {
    for octets in 0..100 {
        let frame = echo_request(1, 1, octets).in_ipv4(SERVER, CLIENT).frame();
        assert_eq!(packet_of(&frame).transport, Transport::Other);
    }
}

#[test]
fn unknown_protocols_need_no_header() {
    let payload: Raw = raw(47, &[]);
    let frame = payload.in_ipv4(SERVER, CLIENT).frame();
    assert_eq!(packet_of(&frame).transport, Transport::Other);
}
