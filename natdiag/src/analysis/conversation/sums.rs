//! What the connections with one remote host have shown, in sums.

use serde::{Deserialize, Serialize};

use super::{flight::FlightFate, idle::Idle, round_trip::RoundTrips};
use crate::{analysis::diagnosis::EstablishedSums, event::Timestamp};

/// Flights by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flights([u64; 5]);

impl Flights {
    /// How many had this fate.
    #[must_use]
    pub const fn of(&self, fate: FlightFate) -> u64 {
        let [taken, silent, gone, short, late] = self.0;
        match fate {
            FlightFate::Taken => taken,
            FlightFate::Silent => silent,
            FlightFate::Gone => gone,
            FlightFate::Short => short,
            FlightFate::Late => late,
        }
    }

    /// Those of which nothing more was heard, or only that their beginning is missing.
    #[must_use]
    pub const fn stuck(&self) -> u64 {
        self.of(FlightFate::Silent) + self.of(FlightFate::Gone) + self.of(FlightFate::Short)
    }

    /// Moves one from a fate to another.
    pub(super) fn settle(&mut self, from: Option<FlightFate>, to: FlightFate) {
        if let Some(from) = from {
            self.take_back(from);
        }
        *self.count(to) += 1;
    }

    /// One has not had this fate after all.
    pub(super) fn take_back(&mut self, fate: FlightFate) {
        let count = self.count(fate);
        *count = count.saturating_sub(1);
    }

    const fn count(&mut self, fate: FlightFate) -> &mut u64 {
        let [taken, silent, gone, short, late] = &mut self.0;
        match fate {
            FlightFate::Taken => taken,
            FlightFate::Silent => silent,
            FlightFate::Gone => gone,
            FlightFate::Short => short,
            FlightFate::Late => late,
        }
    }
}

/// Segments with data, each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Data {
    /// Sent, each once however often it was sent again.
    pub sent: u64,
    /// Times that the oldest segment under way was sent again, of those that were taken at last: what is never taken is
    /// not lost by chance.
    pub sent_again: u64,
    /// Segments with data received.
    pub received: u64,
    /// Segments received with nothing that had not been received before.
    pub received_again: u64,
}

/// What the connections with one remote host have shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConversationSums {
    /// Connections of which data of ours was seen.
    pub connections: u64,
    /// First flights of one segment.
    pub first_of_one: Flights,
    /// First flights of several.
    pub first_of_several: Flights,
    /// Flights after a second of silence or more.
    pub after_silence: Flights,
    /// The silences before these.
    pub idle: Idle,
    /// Flights of connections in use that begin with a small segment.
    pub in_use_small: Flights,
    /// Those that begin with a large one.
    pub in_use_large: Flights,
    /// Flights of connections of which nothing was seen before, or whose handshake the host has not taken.
    pub unknown: Flights,
    /// First flights that begin with a large segment, which count above as well.
    pub first_large: Flights,
    /// When the host was heard last, on any connection.
    pub heard: Option<Timestamp>,
    /// Segments with data.
    pub data: Data,
    /// From data of ours to its acknowledgment.
    pub round_trips: RoundTrips,
    /// Requests after which data came.
    pub responses: u64,
    /// Requests that were acknowledged and that we waited for in vain, while the host said that it had sent nothing.
    pub unanswered: u64,
    /// Times that the host closed its window for a second or more.
    pub windows_closed: u64,
    /// The longest of these, in nanoseconds.
    pub longest_closed_ns: u64,
    /// Connections that we ended while the window was closed.
    pub ended_closed: u64,
}

impl ConversationSums {
    /// What calls for an explanation: stuck flights, requests without an answer, windows that closed.
    #[must_use]
    pub const fn symptoms(&self) -> u64 {
        self.stuck() + self.unanswered + self.windows_closed + self.ended_closed
    }

    /// These sums without what no finding rests on.
    #[must_use]
    pub fn without_round_trips(&self) -> Self {
        Self {
            round_trips: RoundTrips::default(),
            ..self.clone()
        }
    }

    /// The sums that a report shows.
    #[must_use]
    pub fn sums(&self) -> EstablishedSums {
        let percentile = |percent| self.round_trips.percentile_ns(percent);
        EstablishedSums {
            connections: self.connections,
            stuck: self.stuck(),
            data_sent: self.data.sent,
            data_sent_again: self.data.sent_again,
            data_received: self.data.received,
            data_received_again: self.data.received_again,
            round_trip_ns: percentile(50).zip(percentile(90)),
            longest_idle_lived_ns: self.idle.longest_lived_ns(),
            shortest_idle_died_ns: self.idle.shortest_died_ns(),
        }
    }

    /// Flights that got stuck and stayed so.
    #[must_use]
    pub const fn stuck(&self) -> u64 {
        self.first_of_one.stuck()
            + self.first_of_several.stuck()
            + self.after_silence.stuck()
            + self.in_use_small.stuck()
            + self.in_use_large.stuck()
            + self.unknown.stuck()
    }
}
