//! Arbitrary octets, and build-then-parse.

use proptest::prelude::*;

use super::*;
use crate::testkit::Random;

proptest! {
    #[test]
    fn no_octets_can_do_harm(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        invariant::check_frame(&octets);
    }

    #[test]
    fn no_frame_can_do_harm(seed in any::<u64>(), damage in any::<bool>(), raw_ip in any::<bool>()) {
        let link = if raw_ip { LinkType::RawIp } else { LinkType::Ethernet };
        let mut random = Random::new(seed);
        let mut frame = random.frame(link);
        if damage {
            random.mutate(&mut frame);
        }
        let _evidence = Evidence::new("no_frame_can_do_harm", link, &frame);
        invariant::check_frame(&frame);
    }

    #[test]
    fn what_is_built_in_ipv4_is_read(
        (ttl, identification, dont_fragment) in any::<(u8, u16, bool)>(),
        options in prop::collection::vec(any::<u8>(), 0..=40),
        (offset_units, more) in (0..0x2000_u16, any::<bool>()),
        (flags, data_octets, tags) in (any::<u8>(), 0..1400_usize, 0..3_usize),
    ) {
        let segment = tcp().flags(flags).data_len(data_octets);
        let mut packet = segment
            .in_ipv4(SERVER, CLIENT)
            .ttl(ttl)
            .identification(identification)
            .options(&options)
            .fragment(offset_units * 8, more);
        if dont_fragment {
            packet = packet.dont_fragment();
        }
        for id in 0..tags {
            packet = packet.vlan(u16::try_from(id).expect("a small number"));
        }
        let frame = packet.frame();
        let header_len = 20 + options.len().next_multiple_of(4);
        let ip_offset = 14 + 4 * tags;
        let payload_len = u32::try_from(20 + data_octets).expect("a small number");
        let is_fragment = more || offset_units != 0;
        prop_assert_eq!(packet_of(&frame), PacketMeta {
            ip_offset,
            payload_offset: ip_offset + header_len,
            payload_len,
            total_len: u32::try_from(frame.len() - ip_offset).expect("a small number"),
            version: 4,
            ttl,
            protocol: 6,
            dont_fragment,
            identification: identification.into(),
            fragment: is_fragment.then_some(Fragment {
                offset_octets: offset_units * 8,
                more,
                data_octets: payload_len,
            }),
            transport: if offset_units == 0 { Transport::Tcp { flags } } else { Transport::Absent },
        });
    }

    #[test]
    fn what_is_built_in_ipv6_is_read(
        (ttl, identification) in any::<(u8, u32)>(),
        before in prop::collection::vec((0..4_usize, 0..4_u8), 0..4),
        fragment in prop::option::of((0..0x2000_u16, any::<bool>())),
        (flags, data_octets) in (any::<u8>(), 0..1200_usize),
    ) {
        let segment = tcp().flags(flags).data_len(data_octets);
        let mut packet = segment
            .in_ipv6(SERVER_V6, CLIENT_V6)
            .hop_limit(ttl)
            .identification(identification);
        for (kind, len) in &before {
            let number = [0, 43, 60, 135][*kind];
            packet = packet.extension(number, *len, (usize::from(*len) + 1) * 8);
        }
        if let Some((units, more)) = fragment {
            packet = packet.fragment(units * 8, more);
        }
        let frame = packet.frame();
        let payload_len = u32::try_from(20 + data_octets).expect("a small number");
        prop_assert_eq!(packet_of(&frame), PacketMeta {
            ip_offset: 14,
            payload_offset: frame.len() - payload_len as usize,
            payload_len,
            total_len: u32::try_from(frame.len() - 14).expect("a small number"),
            version: 6,
            ttl,
            protocol: 6,
            dont_fragment: false,
            identification: fragment.map_or(0, |_| identification),
            fragment: fragment.map(|(units, more)| Fragment {
                offset_octets: units * 8,
                more,
                data_octets: payload_len,
            }),
            transport: match fragment {
                Some((1.., _)) => Transport::Absent,
                _ => Transport::Tcp { flags },
            },
        });
    }
}
