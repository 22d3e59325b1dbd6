//! What was seen of flights: those that got stuck (as dropped) and those that were taken (as answered).

use crate::analysis::{
    conversation::{ConversationSums, FlightFate, Flights},
    diagnosis::Evidence,
    fates::Outcomes,
    verdict::Case,
};

/// What was seen of the connections with a host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    pub(super) sums: &'a ConversationSums,
}

impl<'a> Seen<'a> {
    pub(super) fn of(case: &Case<'a>) -> Option<Self> {
        case.conversations.map(|sums| Self { sums })
    }

    /// Flights that got stuck, whatever the host did meanwhile.
    pub(super) const fn stuck(self) -> u64 {
        self.sums.stuck()
    }

    /// Those during which the host was heard.
    pub(super) fn heard_meanwhile(self) -> u64 {
        let unknown = outcomes(&self.sums.unknown).dropped;
        let known = self.all().map(|flights| outcomes(flights).dropped);
        known.sum::<u64>() + unknown
    }

    pub(super) fn first_of_one(self) -> Outcomes {
        outcomes(&self.sums.first_of_one)
    }

    pub(super) fn first_of_several(self) -> Outcomes {
        outcomes(&self.sums.first_of_several)
    }

    /// First flights of a connection that begin with a large segment.
    pub(super) fn first_large(self) -> Outcomes {
        outcomes(&self.sums.first_large)
    }

    /// Other first flights.
    pub(super) fn first_small(self) -> Outcomes {
        let (all, large) = (
            self.first_of_one().plus(self.first_of_several()),
            self.first_large(),
        );
        Outcomes {
            dropped: all.dropped - large.dropped,
            answered: all.answered - large.answered,
        }
    }

    pub(super) fn in_use_small(self) -> Outcomes {
        outcomes(&self.sums.in_use_small)
    }

    pub(super) fn in_use_large(self) -> Outcomes {
        outcomes(&self.sums.in_use_large)
    }

    /// After a silence of a second or more.
    pub(super) fn after_silence(self) -> Outcomes {
        outcomes(&self.sums.after_silence)
    }

    /// Stuck flights of which something behind the beginning has arrived (as dropped), and others.
    pub(super) fn tails(self) -> Outcomes {
        let count = |fate| self.all().map(|flights| flights.of(fate)).sum();
        Outcomes {
            dropped: count(FlightFate::Short),
            answered: count(FlightFate::Silent),
        }
    }

    /// Flights of which it is known where they stand.
    fn all(self) -> impl Iterator<Item = &'a Flights> {
        let sums = self.sums;
        [
            &sums.first_of_one,
            &sums.first_of_several,
            &sums.after_silence,
            &sums.in_use_small,
            &sums.in_use_large,
        ]
        .into_iter()
    }

    /// What a finding about flights rests on.
    pub(super) fn evidence(self) -> Vec<(&'static str, Evidence)> {
        let count = |name, value| (name, Evidence::Count(value));
        let (one, several) = (self.first_of_one(), self.first_of_several());
        let (silence, idle) = (self.after_silence(), &self.sums.idle);
        let in_use = self.in_use_small().plus(self.in_use_large());
        let mut evidence = vec![
            count("connections_looked_at", self.sums.connections),
            count("first_flights_of_one_segment_taken", one.answered),
            count("first_flights_of_one_segment_stuck", one.dropped),
            count("first_flights_of_several_segments_taken", several.answered),
            count("first_flights_of_several_segments_stuck", several.dropped),
            count("flights_after_silence_taken", silence.answered),
            count("flights_after_silence_stuck", silence.dropped),
            count("flights_in_use_taken", in_use.answered),
            count("flights_in_use_stuck", in_use.dropped),
            count("stuck_with_their_tail_arrived", self.tails().dropped),
            count(
                "stuck_while_the_host_was_not_heard",
                self.stuck() - self.heard_meanwhile(),
            ),
        ];
        let seconds = |ns: u64| Evidence::Count(ns / 1_000_000_000);
        evidence.extend(
            idle.longest_lived_ns()
                .map(|ns| ("longest_silence_lived_seconds", seconds(ns))),
        );
        evidence.extend(
            idle.shortest_died_ns()
                .map(|ns| ("shortest_silence_died_seconds", seconds(ns))),
        );
        evidence
    }
}

/// What the host took, and what it did not though it was heard.
fn outcomes(flights: &Flights) -> Outcomes {
    Outcomes {
        dropped: flights.of(FlightFate::Silent) + flights.of(FlightFate::Short),
        answered: flights.of(FlightFate::Taken) + flights.of(FlightFate::Late),
    }
}
