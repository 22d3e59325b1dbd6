//! Troubles that are not tcp_tw_recycle, with clocks as clients behind a NAT have them: whatever rule drops the SYNs,
//! and however the marks fall, no server is accused.

use natdiag_common::{
    testkit::Random,
    wire::tcp::{CWR, ECE},
};

use super::*;
use crate::event::Content;

/// Seeds that each trouble is played with.
const SEEDS: u64 = 40;

/// A connection that is about to be opened.
struct Opening {
    number: u64,
    client: u64,
    port: u16,
    ms: u64,
    asks_for_ecn: bool,
    attempt: u64,
}

/// A number below a bound.
fn below(random: &mut Random, bound: u64) -> u64 {
    random.next_u64() % bound
}

/// Plays connections of some clients of which a rule drops SYNs; those that pass are closed by the server.
fn play(seed: u64, is_dropped: impl Fn(&Opening) -> bool) -> Vec<Cause> {
    let mut random = Random::new(seed);
    let clients = 2 + below(&mut random, 4);
    let has_clock = below(&mut random, 2) == 0;
    let of_hundred_ask = 30 + below(&mut random, 41);
    let bases: Vec<u64> = (0..clients).map(|_| below(&mut random, 1 << 32)).collect();
    let mut events = Vec::new();
    let mut ms = 0;
    for number in 0..40 + below(&mut random, 160) {
        ms += below(&mut random, 900);
        let client = below(&mut random, clients);
        let base = if has_clock {
            bases[usize::try_from(client).unwrap()]
        } else {
            below(&mut random, 1 << 32)
        };
        let port = u16::try_from(20_000 + number * 7 + below(&mut random, 7)).unwrap();
        let asks_for_ecn = below(&mut random, 100) < of_hundred_ask;
        for attempt in 0..3 {
            let opening = Opening {
                number,
                client,
                port,
                ms,
                asks_for_ecn: asks_for_ecn && attempt == 0,
                attempt,
            };
            let ms = ms + [0, 1000, 3000][usize::try_from(attempt).unwrap()];
            let tsval = u32::try_from((base + ms) % (1 << 32)).unwrap();
            let client = Client::new(port);
            let mut connection = client.closed_by_server(ms, tsval);
            if let Content::Segment(syn) = &mut connection[0].content
                && opening.asks_for_ecn
            {
                syn.flags |= ECE | CWR;
            }
            if !is_dropped(&opening) {
                events.extend(connection);
                break;
            }
            events.push(connection.swap_remove(0));
        }
    }
    causes(&findings(events))
}

#[test]
fn no_other_rule_is_taken_for_tw_recycle() {
    type Rule = fn(&Opening) -> bool;
    let rules: [(&str, Rule); 7] = [
        ("first SYN of each connection", |it| it.attempt == 0),
        ("first SYN of most connections", |it| {
            it.attempt == 0 && it.number % 5 != 0
        }),
        ("ECN", |it| it.asks_for_ecn),
        ("first SYNs of one client", |it| {
            it.client == 0 && it.attempt == 0
        }),
        ("every other half minute", |it| it.ms / 30_000 % 2 == 0),
        ("odd ports", |it| it.port % 2 == 1),
        ("first SYNs from odd ports", |it| {
            it.port % 2 == 1 && it.attempt == 0
        }),
    ];
    for (name, is_dropped) in rules {
        let accused: Vec<u64> = (0..SEEDS)
            .filter(|seed| play(*seed, is_dropped).contains(&Cause::TwRecycle))
            .collect();
        assert!(accused.is_empty(), "{name}: seeds {accused:?}");
    }
}

#[test]
fn protection_that_drops_each_first_syn_is_named() {
    for seed in 0..SEEDS {
        let named = play(seed, |it| it.attempt == 0);
        assert_eq!(
            named.first(),
            Some(&Cause::SynAuthentication),
            "seed {seed}"
        );
    }
}

#[test]
fn middlebox_that_drops_ecn_is_named() {
    for seed in 0..SEEDS {
        let named = play(seed, |it| it.asks_for_ecn);
        assert_eq!(named.first(), Some(&Cause::SynOptionDropped), "seed {seed}");
    }
}
