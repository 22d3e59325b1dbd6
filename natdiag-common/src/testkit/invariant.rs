//! What holds for any octets. Fuzzing, property tests and the replay of old findings all ask here.

use crate::{
    Cause, Direction, FrameBytes, LinkType, ParseError,
    classify::{Keep, Observation, classify},
    counter::RemoteCounter,
    frame::CapturedFrame,
    packet::{self, Glance, PacketMeta, Transport},
    record::Record,
    wire::tcp_options::{self, TcpOptions},
};

/// Both types of device.
pub const LINKS: [LinkType; 2] = [LinkType::Ethernet, LinkType::RawIp];
/// Both directions.
pub const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];

/// Reads a frame in every way and checks what must hold.
///
/// # Panics
/// Something does not hold.
pub fn check_frame(octets: &[u8]) {
    for link in LINKS {
        let parsed = packet::parse(octets, link);
        check_glance(octets, link, parsed);
        if let Ok(Some(packet)) = &parsed {
            check_packet(octets, packet);
        }
        for len in (0..octets.len()).take(200) {
            check_cut(octets, len, link, parsed);
        }
    }
}

/// Where a glance is sure, it is right.
fn check_glance<F: FrameBytes + ?Sized>(
    frame: &F,
    link: LinkType,
    parsed: Result<Option<PacketMeta>, ParseError>,
) {
    match packet::glance(frame, link) {
        Glance::Ordinary => {
            let is_notable = parsed.map(|packet| packet.map(|packet| packet.is_notable()));
            assert_eq!(is_notable, Ok(Some(false)));
        }
        Glance::Segment(packet) => {
            assert!(packet.fragment.is_none() && packet.is_notable());
            assert_eq!(parsed, Ok(Some(packet)));
        }
        Glance::Fragment(packet) => {
            assert!(packet.fragment.is_some());
            assert_eq!(parsed, Ok(Some(packet)));
        }
        Glance::Unclear => {}
    }
}

fn check_packet(frame: &[u8], packet: &PacketMeta) {
    assert!(packet.ip_offset < packet.payload_offset);
    let header_len = packet.payload_offset - packet.ip_offset;
    assert_eq!(
        header_len + packet.payload_len as usize,
        packet.total_len as usize
    );
    assert!(packet.source(frame).is_some());
    assert!(packet.destination(frame).is_some());
    if let Some(fragment) = packet.fragment {
        assert_eq!(fragment.offset_octets % 8, 0);
        assert!(fragment.data_octets >= packet.payload_len);
        assert!(fragment.offset_octets == 0 || packet.transport == Transport::Absent);
    }
    for direction in DIRECTIONS {
        let observation = classify(frame, packet, direction);
        assert!(packet.is_notable() || observation == Observation::BORING);
        if let Some(tally) = observation.tally {
            assert!(tally.counter < RemoteCounter::FIRST_DETAIL);
            assert!(tally.maximum == 0 || tally.maximum >= RemoteCounter::FIRST_MAXIMUM);
            assert_eq!(tally.maximum == 0, tally.first_octets == 0);
        }
        let record = Record::new(frame, packet, observation.tally, direction, 1);
        if observation.keep != Keep::Never {
            assert_eq!(record.tally(), observation.tally);
        }
        assert_eq!(record.excerpt_len % 4, 0);
        assert_eq!(record.excerpt().len(), usize::from(record.excerpt_len));
        assert_eq!(record.reserved, [0; 4]);
        // Kept or not, a packet is counted or says nothing, but for FINs.
        let is_fin = matches!(packet.transport, Transport::Tcp { .. });
        assert!(observation.tally.is_some() || observation.keep == Keep::Never || is_fin);
    }
}

/// A capture that kept `len` octets says the same as the whole frame, or that it is cut off.
fn check_cut(
    octets: &[u8],
    len: usize,
    link: LinkType,
    whole: Result<Option<PacketMeta>, ParseError>,
) {
    let cut = CapturedFrame {
        octets: octets.get(..len).unwrap_or(octets),
        wire_len: octets.len(),
    };
    let parsed = packet::parse(&cut, link);
    check_glance(&cut, link, parsed);
    match (parsed, whole) {
        (Err(error), _) if error.cause == Cause::Truncated => {}
        (Ok(Some(cut_packet)), Ok(Some(packet))) => {
            let expected = PacketMeta {
                // In a fragment the fragment counts, whatever has become of the transport header.
                transport: cut_packet.transport,
                ..packet
            };
            assert_eq!(cut_packet, expected, "cut to {len}");
            // Without the header of its segment an atomic fragment is only that.
            let is_all = cut_packet.transport == packet.transport || packet.part().is_some();
            for direction in DIRECTIONS {
                let cut = classify(&cut, &cut_packet, direction);
                let whole = classify(octets, &packet, direction);
                // An error whose quotation is cut off is about nobody.
                assert!(
                    cut == whole || cut == Observation::BORING || !is_all,
                    "cut to {len}"
                );
            }
        }
        (cut, whole) => assert_eq!(cut, whole, "cut to {len}"),
    }
    assert!(cut.is_cut());
    assert_eq!(cut.wire_len(), octets.len());
}

/// Reads a list of TCP options and checks what must hold.
///
/// # Panics
/// Something does not hold.
pub fn check_tcp_options(octets: &[u8]) {
    let options = tcp_options::parse(octets);
    // Padding behind a complete list, as a record's words bring it, changes nothing.
    if !options.malformed {
        let padded = [octets, &[0; 3]].concat();
        assert_eq!(tcp_options::parse(&padded), options);
    }
    // Nothing is made up: less to read never gives more.
    let found = |options: &TcpOptions| {
        u8::from(options.mss.is_some())
            + u8::from(options.window_scale.is_some())
            + u8::from(options.sack_permitted)
            + u8::from(options.timestamps.is_some())
    };
    for len in 0..octets.len() {
        let cut = tcp_options::parse(octets.get(..len).unwrap_or(octets));
        assert!(found(&cut) <= found(&options), "cut to {len}");
    }
}
