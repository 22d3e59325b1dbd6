use std::fmt::Write as _;

use natdiag_common::{
    Address, Direction,
    follow::{FlowEnds, FollowedSegment},
    wire::{
        seq::SeqNumber,
        tcp::{ACK, SYN},
    },
};

use super::*;
use crate::{
    analysis::conversation::{ConversationSums, Conversations},
    event::Timestamp,
};

const MS: u64 = 1_000_000;

/// What a connection does after its handshake.
#[derive(Clone, Copy)]
struct Story {
    /// How many connections do it.
    number: u16,
    /// Silence before the flight, in seconds; 0 for a first flight.
    silence_s: u64,
    /// Octets of each of its segments.
    segments: &'static [u32],
    /// What becomes of it.
    end: End,
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Taken,
    Nothing,
    TailArrives,
}

const SMALL: &[u32] = &[300];
const SEVERAL_SEGMENTS: &[u32] = &[1400, 352];

const fn story(number: u16, silence_s: u64, segments: &'static [u32], end: End) -> Story {
    Story {
        number,
        silence_s,
        segments,
        end,
    }
}

/// Plays connections one after the other, while another speaks.
fn play(stories: &[Story]) -> ConversationSums {
    let mut conversations = Conversations::default();
    let remote = Address::from_octets([2; 16]);
    let mut take = |direction, port, ms: u64, flags, [seq, ack, data]: [u32; 3]| {
        let ends = FlowEnds {
            local: Address::from_octets([1; 16]),
            remote,
            local_port: port,
            remote_port: 443,
        };
        let segment = FollowedSegment {
            seq: SeqNumber(seq),
            ack: SeqNumber(ack),
            flags,
            window: 1000,
            data_octets: data,
            is_large: data > 1240,
            is_first_fragment: false,
            tsval: None,
        };
        conversations.segment(direction, &ends, &segment, Timestamp(ms * MS));
    };
    let (ours, theirs) = (Direction::Egress, Direction::Ingress);
    let mut port = 40_000;
    for story in stories {
        for _ in 0..story.number {
            port += 1;
            let mut ms = u64::from(port) * 1000;
            take(ours, port, ms, SYN, [0, 0, 0]);
            take(theirs, port, ms + 20, SYN | ACK, [0, 1, 0]);
            let mut seq = 1;
            if story.silence_s > 0 {
                take(ours, port, ms + 21, ACK, [seq, 1, 200]);
                take(theirs, port, ms + 41, ACK, [1, seq + 200, 0]);
                seq += 200;
                ms += story.silence_s * 1000 + 41;
            } else {
                ms += 21;
            }
            let mut end = seq;
            for octets in story.segments {
                take(ours, port, ms, ACK, [end, 1, *octets]);
                end += octets;
            }
            match story.end {
                End::Taken => {
                    take(theirs, port, ms + 20, ACK, [1, end, 0]);
                    continue;
                }
                End::TailArrives => take(theirs, port, ms + 20, ACK, [1, seq, 0]),
                End::Nothing => {}
            }
            for late in [200, 600, 1400, 3000, 6200] {
                take(ours, port, ms + late, ACK, [seq, 1, story.segments[0]]);
                take(theirs, 39_999, ms + late + 1, SYN | ACK, [0, 1, 0]);
            }
        }
    }
    conversations.get(remote).unwrap().clone()
}

fn best(stories: &[Story]) -> (Option<Cause>, f64) {
    let sums = play(stories);
    let seen = Seen { sums: &sums };
    let contest = contest(seen);
    let (trouble, share) = contest.best().unwrap();
    let named = trouble
        .named
        .as_ref()
        .filter(|named| share >= NAMED && (named.is_founded)(seen));
    (named.map(|_| trouble.cause), share)
}

#[test]
fn priors_add_up_to_one() {
    let sum: f64 = TROUBLES.iter().map(|trouble| trouble.prior).sum();
    assert!((sum - 1.0).abs() < 0.001, "{sum}");
}

#[test]
fn what_stuck_flights_have_in_common_names_the_cause() {
    use End::{Nothing, TailArrives, Taken};
    let (idle, first, hole) = (
        Some(Cause::IdleTimeout),
        Some(Cause::FirstFlightDropped),
        Some(Cause::PmtuBlackHole),
    );
    for (name, stories, want) in [
        (
            "idle for longer than others",
            vec![story(8, 120, SMALL, Taken), story(4, 300, SMALL, Nothing)],
            idle,
        ),
        (
            "idle, and the others were in use",
            vec![story(20, 0, SMALL, Taken), story(3, 300, SMALL, Nothing)],
            idle,
        ),
        (
            "one idle connection may have died of anything",
            vec![story(8, 120, SMALL, Taken), story(1, 300, SMALL, Nothing)],
            None,
        ),
        (
            "as idle as those that live",
            vec![story(8, 300, SMALL, Taken), story(4, 120, SMALL, Nothing)],
            None,
        ),
        (
            "some of those that are equally idle",
            vec![story(8, 300, SMALL, Taken), story(4, 300, SMALL, Nothing)],
            None,
        ),
        (
            "first flights of several segments",
            vec![
                story(12, 0, SMALL, Taken),
                story(6, 0, SEVERAL_SEGMENTS, Nothing),
            ],
            first,
        ),
        (
            "large segments whose tails arrive",
            vec![
                story(12, 0, SMALL, Taken),
                story(6, 0, SEVERAL_SEGMENTS, TailArrives),
            ],
            hole,
        ),
        (
            "half of the large first flights",
            vec![
                story(12, 0, SMALL, Taken),
                story(6, 0, SEVERAL_SEGMENTS, Taken),
                story(6, 0, SEVERAL_SEGMENTS, Nothing),
            ],
            None,
        ),
        (
            "first flights of any size",
            vec![
                story(6, 0, SMALL, Nothing),
                story(6, 0, SEVERAL_SEGMENTS, Nothing),
            ],
            None,
        ),
        (
            "large first flights, and no other to compare with",
            vec![story(6, 0, SEVERAL_SEGMENTS, Nothing)],
            None,
        ),
        (
            "one flight of many",
            vec![story(200, 0, SMALL, Taken), story(1, 0, SMALL, Nothing)],
            None,
        ),
    ] {
        let (named, share) = best(&stories);
        assert_eq!(named, want, "{name}: {share}");
    }
}

/// To hundredths, without a sign of zero.
fn rounded(ln: f64) -> f64 {
    (ln * 100.0).round() / 100.0 + 0.0
}

/// What each trouble makes of each channel, so that one channel can be read across: logarithms of likelihoods.
#[test]
fn every_trouble_is_weighed_in_every_channel() {
    use End::{Nothing, TailArrives, Taken};
    let mut table = String::new();
    for (name, stories) in [
        (
            "idle for longer than others",
            vec![story(8, 120, SMALL, Taken), story(4, 300, SMALL, Nothing)],
        ),
        (
            "first flights of several segments",
            vec![
                story(12, 0, SMALL, Taken),
                story(6, 0, SEVERAL_SEGMENTS, Nothing),
            ],
        ),
        (
            "large segments whose tails arrive",
            vec![
                story(12, 0, SMALL, Taken),
                story(6, 0, SEVERAL_SEGMENTS, TailArrives),
            ],
        ),
        (
            "one flight of many",
            vec![story(50, 0, SMALL, Taken), story(1, 0, SMALL, Nothing)],
        ),
    ] {
        let sums = play(&stories);
        let seen = Seen { sums: &sums };
        writeln!(table, "{name}").unwrap();
        writeln!(
            table,
            "  {:<12}  prior    first  silence   in use    tails    share",
            ""
        )
        .unwrap();
        for (trouble, share) in contest(seen).shares() {
            let channels = [
                trouble.prior.ln(),
                (trouble.ln_first)(seen),
                (trouble.ln_silence)(seen),
                (trouble.ln_in_use)(seen),
                (trouble.ln_tails)(seen),
            ]
            .map(rounded);
            let [prior, first, silence, in_use, tails] = channels;
            writeln!(
                table,
                "  {:<12} {prior:>6.2} {first:>8.2} {silence:>8.2} {in_use:>8.2} {tails:>8.2} {share:>8.4}",
                trouble.name
            )
            .unwrap();
        }
    }
    insta::assert_snapshot!(table);
}
