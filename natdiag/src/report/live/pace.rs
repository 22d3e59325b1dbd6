//! Packets per second between one look and the next.

use std::collections::BTreeMap;

use natdiag_common::counter::Counter;

use crate::{event::Timestamp, survey::Survey};

/// Packets per second of one source.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub(crate) struct Rates {
    /// Received.
    pub(crate) ingress: f64,
    /// Sent.
    pub(crate) egress: f64,
}

/// The counters at the last look.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    at: Option<Timestamp>,
    packets: BTreeMap<String, [u64; 2]>,
}

impl Pace {
    /// The rates since the last look, or since the start; one entry per source.
    pub(crate) fn rates(&mut self, survey: &Survey) -> Vec<Rates> {
        let ns = survey.end.since(self.at.unwrap_or(survey.start));
        self.at = Some(survey.end);
        let sources = survey.sources.iter().map(|source| {
            let totals = &source.diagnosis.totals;
            let packets =
                [Counter::PacketsIngress, Counter::PacketsEgress].map(|way| totals.value(way));
            let [ingress, egress] = packets;
            let before = self
                .packets
                .insert(source.name.clone(), packets)
                .unwrap_or_default();
            let [ingress_before, egress_before] = before;
            Rates {
                ingress: per_second(ingress.saturating_sub(ingress_before), ns),
                egress: per_second(egress.saturating_sub(egress_before), ns),
            }
        });
        sources.collect()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a rate is shown with three digits"
)]
fn per_second(packets: u64, ns: u64) -> f64 {
    if ns == 0 {
        return 0.0;
    }
    packets as f64 * 1e9 / ns as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn rate_is_of_the_last_interval_only() {
        let mut pace = Pace::default();
        let mut survey = fixture::healthy();
        survey.end = survey.start.plus(1_000_000_000);
        let first = Rates {
            ingress: 181_250_000.0,
            egress: 174_100_001.0,
        };
        assert_eq!(pace.rates(&survey), [first]);
        survey.end = survey.end.plus(500_000_000);
        survey.sources[0].diagnosis.totals.counters[Counter::PacketsIngress as usize] += 100;
        assert_eq!(
            pace.rates(&survey),
            [Rates {
                ingress: 200.0,
                egress: 0.0
            }]
        );
        assert_eq!(pace.rates(&survey), [Rates::default()], "no time passed");
    }
}
