//! Healthy traffic, seen as captures see it: one side of it, a part, some of it twice, cut, wrapped and out of order.
//! No cause may be named for any of that. What is allowed to be said is that answers are not seen, and that evidence
//! does not suffice.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail by a panic"
)]

mod frame;
mod generated;
mod host;
mod mutation;
mod packet;
mod play;
mod recorded;
mod table;
mod talk;

use natdiag_common::testkit::Random;

use crate::{
    mutation::MUTATIONS,
    packet::{Packet, in_order},
    table::Table,
};

/// Where random numbers begin.
const SEED: u64 = 5_150_917;
/// Generated remote hosts that are asked by one conversation, and by several.
const SINGLE: u16 = 240;
const GROUPS: u16 = 24;
/// Most conversations with one remote host.
const MOST_IN_A_GROUP: usize = 60;
/// Of the conversations that were recorded, one in so many is played alone.
const RECORDED_ALONE: usize = 8;

/// Conversations of one remote host.
struct Sample {
    name: String,
    conversations: usize,
    packets: Vec<Packet>,
}

#[test]
fn mutations_of_healthy_traffic_name_nothing() {
    let samples = samples();
    let mut table = Table::default();
    for (number, mutation) in MUTATIONS.iter().enumerate() {
        let named = play::in_parallel(&samples, |place, sample| {
            play::named(&mutated(sample, (number, place)))
        });
        for (place, (sample, causes)) in samples.iter().zip(named).enumerate() {
            for cause in causes {
                if table.add(mutation.name, &sample.name, cause) {
                    let packets = mutated(sample, (number, place));
                    play::keep(mutation.name, cause.as_str(), &packets);
                }
            }
        }
    }
    assert!(table.is_empty(), "named of healthy traffic:\n{table}");
}

#[test]
fn every_conversation_is_seen_and_answered() {
    let samples = samples();
    let seen = play::in_parallel(&samples, |_, sample| play::handshakes(&sample.packets));
    for (sample, seen) in samples.iter().zip(seen) {
        let all = sample.conversations as u64;
        assert_eq!(seen, (all, all), "{}", sample.name);
    }
    let conversations: usize = samples.iter().map(|sample| sample.conversations).sum();
    assert!(conversations >= 300, "{conversations} conversations");
}

/// What a mutation makes of a sample, by their places in the lists of both.
fn mutated(sample: &Sample, (mutation, place): (usize, usize)) -> Vec<Packet> {
    let mut random = Random::new(SEED ^ ((mutation as u64) << 32 | place as u64));
    (MUTATIONS[mutation].apply)(&sample.packets, &mut random)
}

/// Each conversation alone, and those of one remote host together.
fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for (capture, conversations) in recorded::captures() {
        let alone = conversations.iter().enumerate().step_by(RECORDED_ALONE);
        for (place, conversation) in alone {
            let name = format!("{capture} {place}");
            samples.push(Sample::of(name, std::slice::from_ref(conversation)));
        }
        for (place, group) in conversations.chunks(MOST_IN_A_GROUP).enumerate() {
            samples.push(Sample::of(format!("{capture} group {place}"), group));
        }
    }
    for number in 0..SINGLE + GROUPS {
        let mut random = Random::new(SEED + u64::from(number));
        let (kind, count) = if number < SINGLE {
            ("generated", 1)
        } else {
            ("generated group", 10 + random.below(MOST_IN_A_GROUP - 9))
        };
        let conversations = generated::conversations(&mut random, number, count);
        samples.push(Sample::of(format!("{kind} {number}"), &conversations));
    }
    samples
}

impl Sample {
    fn of(name: String, conversations: &[Vec<Packet>]) -> Self {
        Self {
            name,
            conversations: conversations.len(),
            packets: in_order(conversations.concat()),
        }
    }
}
