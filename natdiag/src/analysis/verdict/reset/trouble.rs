//! What is true of a trouble that resets connections: each has a row of this form in a file of its own.

use natdiag_common::follow::{FollowCounter, FollowCounts};

use super::silence;
use crate::analysis::{
    diagnosis::{Cause, Evidence, Finding},
    fates::{
        Outcomes, SynSums,
        resets::{ResetSums, signal},
    },
    verdict::{
        likelihood::{Rate, ln_series},
        restart::story,
    },
};

/// RSTs of one host resemble each other: more than these say nothing new about who sends them.
const INDEPENDENT: f64 = 4.0;
/// Closed connections from which on their age tells what is usual.
const USUAL: u64 = 3;

/// What was seen of a host that has reset connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    pub(super) syns: &'a SynSums,
    pub(super) resets: &'a ResetSums,
    pub(super) followed: &'a FollowCounts,
}

/// What may reset connections that were open.
#[derive(Debug)]
pub(super) struct Trouble {
    /// What it is called in the table of the tests.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a report names causes, not troubles")
    )]
    pub(super) name: &'static str,
    /// Share of it among remote hosts with reset connections. Judgement, not measurement.
    pub(super) prior: f64,
    /// What its RSTs look like.
    pub(super) signature: Signature,
    /// Share of it that goes with the story of a restart: silence or refusals, then RSTs on what was open before.
    pub(super) told: f64,
    /// How likely it makes resets (as dropped) and answers after each class of silence, as a logarithm.
    pub(super) ln_silence: fn(&[Outcomes]) -> f64,
    /// Share of its RSTs that answer nothing.
    pub(super) unprovoked: Rate,
    /// The cause that it goes by; a trouble that names none is nobody's alternative either.
    pub(super) named: Option<Named>,
}

/// A cause, and what is said of it.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) cause: Cause,
    /// Whether what was seen suffices to name it, however likely it is.
    pub(super) is_founded: fn(&Seen) -> bool,
    /// What is said of it, without confidence and alternatives.
    pub(super) finding: fn(&Seen, Vec<(&'static str, Evidence)>) -> Finding,
    /// The observation that rules it out.
    pub(super) why_excluded: fn(&Seen) -> String,
    /// What it has for itself, by its share.
    pub(super) why_left: fn(f64) -> String,
}

/// How likely a trouble makes each signal, in the order of the bits, and connections older than usual.
#[derive(Debug)]
pub(super) struct Signature {
    /// Sent from another place than the SYN-ACK.
    pub(super) other_ttl: f64,
    /// Another stack's header.
    pub(super) other_header: f64,
    /// Several sequence numbers.
    pub(super) stepped: f64,
    /// The host goes on.
    pub(super) went_on: f64,
    /// No ACK: a socket that closes sends RST and ACK (`net/ipv4/tcp_output.c:tcp_send_active_reset`, v6.1); who does
    /// not know a connection answers its segments with a bare RST (RFC 9293, section 3.10.7.1).
    pub(super) bare: f64,
    /// Some seconds old.
    pub(super) old: f64,
    /// All older than any that closed in order.
    pub(super) older_than_usual: f64,
}

impl Trouble {
    /// How likely the trouble makes what was seen, as a logarithm.
    pub(super) fn ln_likelihood(&self, seen: &Seen) -> f64 {
        self.ln_signals(seen) + self.ln_age(seen) + self.ln_silences(seen) + self.ln_story(seen)
    }

    /// The channel of what the RSTs look like.
    pub(super) fn ln_signals(&self, seen: &Seen) -> f64 {
        let total = count(seen.resets.total());
        let weight = INDEPENDENT.min(total) / total;
        let of_all: f64 = seen
            .resets
            .kinds()
            .map(|(signals, number)| count(number) * self.signature.ln(signals))
            .sum();
        weight * of_all
    }

    /// The channel of whether all were older than what closed in order.
    pub(super) fn ln_age(&self, seen: &Seen) -> f64 {
        if seen.syns.orderly < USUAL {
            return 0.0;
        }
        let is_older = seen
            .resets
            .youngest_reset_ns
            .is_some_and(|youngest| youngest > seen.syns.oldest_orderly_ns);
        ln_of(self.signature.older_than_usual, is_older)
    }

    /// The channel of the silence before each RST.
    pub(super) fn ln_silences(&self, seen: &Seen) -> f64 {
        let classes = silence::classes(seen.followed);
        let resets = silence::sum(&classes).dropped;
        // Handshakes that were cut off are not among these resets, and no silence was before them. Without any reset,
        // what was reset was so before the suspicion.
        if seen.resets.aborted_handshakes > 0 || resets == 0 {
            return 0.0;
        }
        let unprovoked = Outcomes {
            dropped: seen.followed.value(FollowCounter::ResetUnprovoked),
            answered: resets,
        };
        (self.ln_silence)(&classes) + ln_series(self.unprovoked, unprovoked)
    }

    /// The channel of whether the host was away before.
    pub(super) fn ln_story(&self, seen: &Seen) -> f64 {
        ln_of(self.told, story(seen.syns).is_some())
    }
}

impl Signature {
    fn ln(&self, signals: u8) -> f64 {
        let is_before = signals & signal::BEFORE != 0;
        // What its own SYN-ACK looked like, and whether it was young, is not known of a connection from before we
        // looked.
        let is_known = |bit: u8| match bit {
            signal::OTHER_TTL | signal::BARE => true,
            signal::OLD => !is_before || signals & bit != 0,
            _ => !is_before,
        };
        [
            (signal::OTHER_TTL, self.other_ttl),
            (signal::OTHER_HEADER, self.other_header),
            (signal::STEPPED, self.stepped),
            (signal::WENT_ON, self.went_on),
            (signal::BARE, self.bare),
            (signal::OLD, self.old),
        ]
        .into_iter()
        .filter(|(bit, _)| is_known(*bit))
        .map(|(bit, share)| ln_of(share, signals & bit != 0))
        .sum()
    }
}

fn ln_of(share: f64, is_so: bool) -> f64 {
    if is_so {
        share.ln()
    } else {
        (1.0 - share).ln()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of connections")]
fn count(number: u64) -> f64 {
    number as f64
}
