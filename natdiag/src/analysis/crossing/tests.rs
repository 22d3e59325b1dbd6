use super::*;
use crate::{
    analysis::{
        diagnosis::{Diagnosis, RemoteCounters, RemoteDiagnosis},
        timeline::{Client, MS},
        verdict::add_crossing,
    },
    event::{Content, Event},
};

const INSIDE: usize = 0;
const OUTSIDE: usize = 1;

fn sighting(event: &Event) -> Sighting {
    let Content::Segment(segment) = &event.content else {
        panic!("a segment")
    };
    Sighting::of(event, segment).unwrap()
}

/// A little later: the way through the NAT.
fn later(mut event: Event) -> Event {
    event.time = event.time.plus(1000);
    event
}

/// Connections of a client of which each `swallowed`-th loses its first SYN in the NAT.
fn play(swallowed: u16) -> CrossingSums {
    let crossing = played(swallowed);
    let (_, evidence) = crossing.remotes().next().unwrap();
    evidence.clone()
}

fn played(swallowed: u16) -> Crossing {
    let mut crossing = Crossing::default();
    for number in 0..40_u16 {
        let ms = u64::from(number) * 100;
        let client = Client::new(number)
            .from("10.60.1.3")
            .with_isn(number.into());
        let public = Client::new(9000 + number).with_isn(number.into());
        let mut tries = vec![ms];
        if number % swallowed == swallowed - 1 {
            tries.push(ms + 1000);
        }
        for (place, at) in tries.iter().enumerate() {
            let tsval = Some(u32::try_from(*at).unwrap());
            crossing.take(INSIDE, [sighting(&client.syn(*at, tsval))]);
            if place + 1 == tries.len() {
                crossing.take(OUTSIDE, [sighting(&later(public.syn(*at, tsval)))]);
                crossing.take(OUTSIDE, [sighting(&public.syn_ack(at + 1, tsval))]);
                crossing.take(INSIDE, [sighting(&later(client.syn_ack(at + 1, tsval)))]);
            }
        }
        crossing.advance(Timestamp(ms * MS));
    }
    crossing.advance(Timestamp(20_000 * MS));
    crossing
}

#[test]
fn what_leaves_is_what_came_in() {
    let evidence = play(1000);
    assert_eq!((evidence.first.dropped, evidence.first.answered), (0, 40));
    assert_eq!((evidence.straight, evidence.astray), (40, 0));
    assert_eq!(evidence.outside, Some(OUTSIDE));
}

#[test]
fn syn_that_does_not_leave_is_swallowed_and_its_client_is_hit() {
    let evidence = play(8);
    assert_eq!((evidence.first.dropped, evidence.first.answered), (5, 35));
    assert_eq!((evidence.again.dropped, evidence.again.answered), (0, 5));
    let client = evidence.clients.first_key_value().unwrap();
    assert_eq!(client.0.to_string(), "10.60.1.3");
    assert_eq!((client.1.all, client.1.hit), (40, 5));
}

#[test]
fn a_source_that_goes_takes_what_only_it_showed_and_the_others_move_up() {
    let mut crossing = played(1000);
    crossing.remove_source(INSIDE);
    let (_, evidence) = crossing.remotes().next().unwrap();
    assert_eq!((evidence.inside, evidence.outside), (None, Some(0)));
    assert!(crossing.ways.is_empty());
    let mut crossing = played(1000);
    crossing.remove_source(OUTSIDE);
    assert_eq!(crossing.remotes().count(), 0);
    let mut crossing = played(1000);
    crossing.remove_source(OUTSIDE + 1);
    let (_, evidence) = crossing.remotes().next().unwrap();
    assert_eq!(evidence.outside, Some(OUTSIDE));
    assert_eq!(crossing.ways.len(), 1);
}

#[test]
fn order_of_the_sources_does_not_matter() {
    let client = Client::new(1).from("10.60.1.3");
    let public = Client::new(9001);
    let mut crossing = Crossing::default();
    // A way that is known.
    for number in 2..8_u16 {
        let ms = u64::from(number) * 10;
        let of = |client: Client| client.with_isn(number.into()).syn(ms, Some(number.into()));
        crossing.take(
            INSIDE,
            [sighting(&of(Client::new(number).from("10.60.1.3")))],
        );
        crossing.take(OUTSIDE, [sighting(&later(of(Client::new(9000 + number))))]);
    }
    crossing.advance(Timestamp(1000 * MS));
    let times = [2000, 3000, 4000];
    let tsval = |ms: u64| u32::try_from(ms).ok();
    // The last one leaves, and the side that it leaves by is read first.
    let outside = [
        sighting(&later(public.syn(4000, tsval(4000)))),
        sighting(&public.syn_ack(4005, tsval(4000))),
    ];
    crossing.take(OUTSIDE, outside);
    crossing.take(INSIDE, times.map(|ms| sighting(&client.syn(ms, tsval(ms)))));
    crossing.take(
        INSIDE,
        [sighting(&later(client.syn_ack(4005, tsval(4000))))],
    );
    crossing.advance(Timestamp(9000 * MS));
    let (_, evidence) = crossing.remotes().next().unwrap();
    assert_eq!((evidence.first.dropped, evidence.first.answered), (1, 6));
    assert_eq!((evidence.again.dropped, evidence.again.answered), (1, 1));
    assert_eq!((evidence.straight, evidence.astray), (1, 0));
}

/// Connections of which the first SYN is seen inside only, and its repeat on both sides; others pass at once.
fn seen_inside_first(span_outside: Span) -> CrossingSums {
    let mut crossing = Crossing::default();
    crossing.watched(OUTSIDE, span_outside);
    for number in 0..20_u16 {
        let client = Client::new(number)
            .from("10.60.1.3")
            .with_isn(number.into());
        let public = Client::new(9000 + number).with_isn(number.into());
        let ms = u64::from(number) * 10;
        let repeats = if number < 10 {
            crossing.take(INSIDE, [sighting(&client.syn(ms, Some(1)))]);
            vec![1000 + ms, 2000 + ms]
        } else {
            vec![1000 + ms]
        };
        for at in repeats {
            let tsval = u32::try_from(at).ok();
            crossing.take(INSIDE, [sighting(&client.syn(at, tsval))]);
            crossing.take(OUTSIDE, [sighting(&later(public.syn(at, tsval)))]);
        }
    }
    crossing.advance(Timestamp(20_000 * MS));
    let (_, evidence) = crossing.remotes().next().unwrap();
    evidence.clone()
}

#[test]
fn syns_from_before_the_other_side_was_watched_are_not_swallowed() {
    let all_the_time = Span::default();
    let evidence = seen_inside_first(all_the_time);
    assert_eq!(evidence.first.dropped, 10);
    let from_later_on = Span {
        from: Timestamp(500 * MS),
        until: None,
    };
    let evidence = seen_inside_first(from_later_on);
    assert_eq!((evidence.first.dropped, evidence.again.dropped), (0, 0));
}

#[test]
fn syns_from_just_before_the_other_side_was_let_go_are_not_swallowed() {
    let mut crossing = played(1000);
    let until = Some(Timestamp(20_100 * MS));
    crossing.watched(
        OUTSIDE,
        Span {
            until,
            ..Span::default()
        },
    );
    for (number, ms) in [(1, 20_000), (2, 20_050), (3, 20_200)] {
        let client = Client::new(number).from("10.60.1.3").with_isn(77);
        crossing.take(INSIDE, [sighting(&client.syn(ms, None))]);
    }
    crossing.advance(Timestamp(30_000 * MS));
    let (_, evidence) = crossing.remotes().next().unwrap();
    assert_eq!((evidence.first.dropped, evidence.first.answered), (0, 40));
}

#[test]
fn a_client_whose_connections_fail_is_hit_by_what_is_found_about_the_server() {
    let host = |address: &str| RemoteDiagnosis {
        address: address.parse().unwrap(),
        counters: RemoteCounters::default(),
        findings: Vec::new(),
        hit_by: Vec::new(),
        established: None,
        close_up: None,
    };
    for (swallowed, want) in [(8, Some((5, 40))), (1000, None)] {
        let mut inside = Diagnosis {
            remotes: vec![host("10.60.1.3"), host("10.60.1.4")],
            ..Diagnosis::default()
        };
        let mut outside = Diagnosis {
            remotes: vec![host("203.0.113.80")],
            ..Diagnosis::default()
        };
        add_crossing(&played(swallowed), &mut [&mut inside, &mut outside]);
        let hit = |place: usize| {
            let hit_by = inside.remotes[place].hit_by.first();
            hit_by.map(|it| (it.hit, it.all))
        };
        assert_eq!((hit(0), hit(1)), (want, None), "{swallowed}");
    }
}
