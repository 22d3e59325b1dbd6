//! What an `ICMP` error about a SYN says: that no way leads there, that nothing listens, that a rule forbids it, or
//! nothing about the SYN's fate.

use super::{FourTuple, Tracker};
use crate::event::{Event, IcmpError};

/// Time to live up to which a SYN is one of a path trace, which is meant to expire: it begins with 1, and no path is
/// longer (`traceroute -T` and `mtr --tcp` end at 30 by default).
const TRACING_TTL: u8 = 32;

/// What an error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// No way leads to the host: no route, or nobody there, or the packet went in circles.
    NoWay,
    /// The host is there and does not take it: no such port, or no such protocol.
    Refused,
    /// A rule forbids it.
    Prohibited,
}

impl Tracker {
    /// Takes an `ICMP` error about a SYN.
    pub fn icmp_error(&mut self, event: &Event, error: &IcmpError) {
        let Some(quoted) = error.quoted else {
            return;
        };
        let Some((local_port, remote_port, seq)) = quoted.tcp else {
            return;
        };
        self.advance(event.time);
        let tuple = FourTuple {
            local: quoted.source,
            local_port,
            remote: quoted.destination,
            remote_port,
        };
        let syn_ttl = self.flows.get(&tuple).map(|flow| flow.syn_ttl);
        let Some(word) = word(event, error, syn_ttl.unwrap_or_default()) else {
            return;
        };
        if !self.answer_last(tuple, seq, event.time) {
            return;
        }
        self.sides.received += 1;
        let sums = &mut self.remote(tuple.remote).sums;
        sums.unreachable += 1;
        sums.prohibited += u64::from(word == Word::Prohibited);
        let refusals = sums.refusals_mut();
        refusals.note_error(tuple.remote_port);
        if word == Word::NoWay {
            refusals.no_way += 1;
            refusals.reporter = Some(event.source);
        }
    }
}

/// What an error about a SYN with this time to live says, if it says anything about its fate.
fn word(event: &Event, error: &IcmpError, syn_ttl: u8) -> Option<Word> {
    let (unreachable, expired) = if event.source.is_ipv4() {
        (3, 11)
    } else {
        (1, 3)
    };
    // Expired in transit; the other code is about fragments.
    if (error.icmp_type, error.code) == (expired, 0) {
        return (syn_ttl > TRACING_TTL).then_some(Word::NoWay);
    }
    if error.icmp_type != unreachable {
        return None;
    }
    if event.source.is_ipv4() {
        // RFC 792 and RFC 1812, section 5.2.7.1. Code 4 is "fragmentation needed".
        match error.code {
            0 | 1 | 5..=8 | 11 | 12 => Some(Word::NoWay),
            2 | 3 => Some(Word::Refused),
            9 | 10 | 13..=15 => Some(Word::Prohibited),
            _ => None,
        }
    } else {
        // RFC 4443, section 3.1.
        match error.code {
            0 | 2 | 3 | 7 => Some(Word::NoWay),
            4 => Some(Word::Refused),
            1 | 5 | 6 => Some(Word::Prohibited),
            _ => None,
        }
    }
}
