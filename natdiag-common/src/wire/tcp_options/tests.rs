//! Lists of options, whole, cut and wrong.

use proptest::prelude::*;

use super::*;
use crate::testkit::{Random, invariant};

/// What a list gives when nothing is malformed.
fn parse_whole(octets: &[u8]) -> TcpOptions {
    let options = parse(octets);
    assert!(!options.malformed, "{octets:?}");
    options
}

#[test]
fn a_list_as_linux_sends_it_is_read() {
    let syn = [
        2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0, 1, 3, 3, 7,
    ];
    let want = TcpOptions {
        mss: Some(1460),
        window_scale: Some(7),
        sack_permitted: true,
        timestamps: Some(Timestamps {
            tsval: TsVal(7),
            tsecr: TsVal(0),
        }),
        ..TcpOptions::default()
    };
    assert_eq!(parse(&syn), want);
}

#[test]
fn what_stands_behind_the_end_of_the_list_is_no_option() {
    assert_eq!(parse_whole(&[0, 2, 4, 5, 0xb4]), TcpOptions::default());
    assert_eq!(parse_whole(&[1, 1, 0, 0xff]), TcpOptions::default());
    assert_eq!(parse_whole(&[]), TcpOptions::default());
}

#[test]
fn options_that_middleboxes_dislike_are_known_by_their_kind() {
    let fast_open = [34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 3, 3, 7, 0];
    assert!(parse_whole(&fast_open).fast_open);
    assert!(parse_whole(&[34, 2, 1, 1]).fast_open);
    assert!(parse_whole(&[254, 4, 0xf9, 0x89]).fast_open);
    assert!(!parse_whole(&[254, 4, 0xf9, 0x88]).fast_open);
    assert!(parse_whole(&[30, 4, 1, 0x81]).multipath);
    assert!(!parse_whole(&[3, 3, 7]).multipath);
}

#[test]
fn unknown_options_are_skipped() {
    let fast_open = [34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 3, 3, 7, 0];
    assert_eq!(parse_whole(&fast_open).window_scale, Some(7));
    assert_eq!(parse_whole(&[253, 2, 3, 3, 9]).window_scale, Some(9));
}

#[test]
fn a_length_below_two_ends_the_list() {
    for len in [0, 1] {
        let options = parse(&[4, 2, 8, len, 3, 3, 7, 0]);
        assert!(options.malformed);
        assert!(options.sack_permitted);
        assert_eq!(options.window_scale, None);
    }
}

#[test]
fn a_length_past_the_end_ends_the_list() {
    for list in [
        &[2, 4, 5][..],
        &[8, 10, 0, 0, 0, 7],
        &[4, 3],
        &[254, 255],
        &[2],
    ] {
        let want = TcpOptions {
            malformed: true,
            ..TcpOptions::default()
        };
        assert_eq!(parse(list), want, "{list:?}");
    }
}

#[test]
fn known_options_of_a_wrong_length_are_passed_over() {
    // The kernel does the same: net/ipv4/tcp_input.c:tcp_parse_options.
    assert_eq!(parse_whole(&[2, 3, 5, 3, 3, 7]).mss, None);
    assert_eq!(parse_whole(&[2, 5, 5, 5, 5, 3, 3, 7]).window_scale, Some(7));
    assert_eq!(parse_whole(&[8, 9, 0, 0, 0, 7, 0, 0, 0]).timestamps, None);
    assert!(!parse_whole(&[4, 3, 0]).sack_permitted);
}

#[test]
fn every_length_of_every_known_option_is_read_or_refused() {
    for kind in 2..=8_u8 {
        for len in 0..=255_u8 {
            let list = [&[kind, len], &[0x11; 40][..]].concat();
            let options = parse(&list);
            let fits = (2..=42).contains(&len);
            assert!(fits || options.malformed, "kind {kind}, length {len}");
            assert_eq!(options.mss.is_some(), kind == 2 && len == 4);
            assert_eq!(options.timestamps.is_some(), kind == 8 && len == 10);
        }
    }
}

proptest! {
    #[test]
    fn no_list_can_do_harm(octets in prop::collection::vec(any::<u8>(), 0..64)) {
        invariant::check_tcp_options(&octets);
    }

    #[test]
    fn no_damaged_list_can_do_harm(seed in any::<u64>()) {
        let mut list = vec![2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0, 1, 3, 3, 7];
        Random::new(seed).mutate(&mut list);
        invariant::check_tcp_options(&list);
    }

    #[test]
    fn options_are_read_in_any_order(order in Just([0, 1, 2, 3, 4]).prop_shuffle()) {
        let options: [&[u8]; 5] = [
            &[2, 4, 5, 0xb4],
            &[3, 3, 7],
            &[4, 2],
            &[8, 10, 0, 0, 0, 7, 0, 0, 0, 9],
            &[1],
        ];
        let list = order.map(|place: usize| options[place]).concat();
        let read = parse_whole(&list);
        prop_assert_eq!(read.mss, Some(1460));
        prop_assert_eq!(read.window_scale, Some(7));
        prop_assert!(read.sack_permitted);
        let timestamps = Timestamps { tsval: TsVal(7), tsecr: TsVal(9) };
        prop_assert_eq!(read.timestamps, Some(timestamps));
    }
}
