//! Packets and octets per second between one look and the next.

use std::collections::BTreeMap;

use natdiag_common::counter::Counter;

use crate::{
    event::Timestamp,
    report::wording,
    survey::{SourceSurvey, Survey},
};

/// How much goes through one source.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub(crate) struct Rates {
    /// Received.
    pub(crate) received: Rate,
    /// Sent.
    pub(crate) sent: Rate,
}

/// How much goes one way, per second.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub(crate) struct Rate {
    /// Packets, as natdiag's programs see them.
    packets: f64,
    /// Octets, as the interface counts them, if it does.
    octets: Option<f64>,
}

/// What was counted at one time, received and sent.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    packets: [u64; 2],
    octets: Option<[u64; 2]>,
}

/// The counters at the last look.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    at: Option<Timestamp>,
    sources: BTreeMap<String, Counted>,
}

impl Rate {
    /// Both numbers with their units.
    pub(crate) fn in_words(self) -> String {
        let packets = wording::scaled(self.packets);
        match self.octets.map(wording::octets_per_second) {
            Some(octets) => format!("{packets} packets/s ({octets})"),
            None => format!("{packets} packets/s"),
        }
    }

    /// Both numbers where there is little room.
    pub(crate) fn in_short(self) -> String {
        let packets = wording::scaled(self.packets);
        match self.octets.map(wording::octets_per_second) {
            Some(octets) => format!("{packets} pkt/s {octets}"),
            None => format!("{packets} pkt/s"),
        }
    }
}

impl Pace {
    /// The rates since the last look, or since the start; one entry per source.
    pub(crate) fn rates(&mut self, survey: &Survey) -> Vec<Rates> {
        let ns = survey.end.since(self.at.unwrap_or(survey.start));
        self.at = Some(survey.end);
        let sources = survey.sources.iter().map(|source| {
            let counted = Counted::of(source);
            let before = self.sources.insert(source.name.clone(), counted);
            counted.rates_since(before.unwrap_or_default(), ns)
        });
        sources.collect()
    }
}

impl Counted {
    fn of(source: &SourceSurvey) -> Self {
        let totals = &source.diagnosis.totals;
        Self {
            packets: [Counter::PacketsIngress, Counter::PacketsEgress].map(|way| totals.value(way)),
            octets: source.octets.map(|octets| [octets.received, octets.sent]),
        }
    }

    fn rates_since(self, before: Self, ns: u64) -> Rates {
        let [received, sent] = per_second(self.packets, before.packets, ns);
        let octets = self
            .octets
            .map(|octets| per_second(octets, before.octets.unwrap_or_default(), ns));
        Rates {
            received: Rate {
                packets: received,
                octets: octets.map(|[received, _]| received),
            },
            sent: Rate {
                packets: sent,
                octets: octets.map(|[_, sent]| sent),
            },
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a rate is shown with three digits"
)]
fn per_second(now: [u64; 2], before: [u64; 2], ns: u64) -> [f64; 2] {
    let [received, sent] = now;
    let [received_before, sent_before] = before;
    let more = [
        received.saturating_sub(received_before),
        sent.saturating_sub(sent_before),
    ];
    more.map(|more| match ns {
        0 => 0.0,
        ns => more as f64 * 1e9 / ns as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn words(rates: &[Rates]) -> [String; 2] {
        [rates[0].received.in_words(), rates[0].sent.in_words()]
    }

    #[test]
    fn rate_is_of_the_last_interval_only() {
        let mut pace = Pace::default();
        let mut survey = fixture::healthy();
        survey.end = survey.start.plus(1_000_000_000);
        assert_eq!(
            words(&pace.rates(&survey)),
            ["181 M packets/s (163 GB/s)", "174 M packets/s (21.6 GB/s)"]
        );
        survey.end = survey.end.plus(500_000_000);
        let source = &mut survey.sources[0];
        source.diagnosis.totals.counters[Counter::PacketsIngress as usize] += 100;
        if let Some(octets) = &mut source.octets {
            octets.received += 60_000;
        }
        assert_eq!(
            words(&pace.rates(&survey)),
            ["200 packets/s (120 kB/s)", "0 packets/s (0 B/s)"]
        );
        assert_eq!(
            words(&pace.rates(&survey)),
            ["0 packets/s (0 B/s)", "0 packets/s (0 B/s)"],
            "no time passed"
        );
    }

    #[test]
    fn interface_that_does_not_count_octets_has_no_rate_of_them() {
        let mut survey = fixture::healthy();
        survey.sources[0].octets = None;
        let [received, _] = words(&Pace::default().rates(&survey));
        assert_eq!(received, "210 k packets/s");
    }
}
