//! How busy each remote host was in the last intervals: the numbers behind the sparklines. Bounded.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
};

use crate::seed::Seed;
use crate::{analysis::diagnosis::RemoteCounters, event::Timestamp, survey::Survey};

/// Intervals remembered: a minute at the usual pace.
pub(crate) const SAMPLES: usize = 60;
const NS_PER_SEC: u64 = 1_000_000_000;
/// Remote hosts remembered, at about 170 octets each. Others have no sparkline.
const MAX_REMOTES: usize = 1 << 17;

/// What was counted of all remote hosts, interval by interval.
#[derive(Debug, Default)]
pub(crate) struct History {
    remotes: HashMap<(usize, IpAddr), Counted, Seed>,
    /// Intervals so far.
    now: u64,
    /// Ends of the newest intervals, the newest last, and the start before them.
    ends: VecDeque<Timestamp>,
}

#[derive(Debug)]
struct Counted {
    total: u64,
    /// The interval of the newest sample.
    at: u64,
    /// Indexed by the interval's number modulo the length.
    samples: [u16; SAMPLES],
}

impl History {
    /// Takes the counters at the end of an interval.
    pub(crate) fn note(&mut self, survey: &Survey) {
        self.now += 1;
        if self.ends.is_empty() {
            self.ends.push_back(survey.start);
        } else if self.ends.len() > SAMPLES {
            self.ends.pop_front();
        }
        self.ends.push_back(survey.end);
        for (source, survey) in survey.sources.iter().enumerate() {
            let diagnosis = &survey.diagnosis;
            // Where only some are shown, a new one may be an old one, and not all of its packets are of this interval.
            let are_all = diagnosis.remotes.len() >= diagnosis.remotes_known;
            for remote in &diagnosis.remotes {
                let key = (source, remote.address);
                let total = counted(&remote.counters);
                if let Some(counted) = self.remotes.get_mut(&key) {
                    counted.note(total, self.now);
                } else if self.remotes.len() < MAX_REMOTES {
                    let before = if are_all { 0 } else { total };
                    let mut counted = Counted::new(before, self.now);
                    counted.note(total, self.now);
                    self.remotes.insert(key, counted);
                }
            }
        }
        if self.now.is_multiple_of(SAMPLES as u64) {
            let now = self.now;
            self.remotes
                .retain(|_, counted| now - counted.at < SAMPLES as u64);
        }
    }

    /// The newest `number` samples of a remote host, the newest last.
    pub(crate) fn samples(
        &self,
        source: usize,
        address: IpAddr,
        number: usize,
    ) -> Option<Vec<u64>> {
        let counted = self.remotes.get(&(source, address))?;
        let number = (number as u64).min(SAMPLES as u64);
        let first = (self.now + 1).saturating_sub(number);
        Some(
            (first..=self.now)
                .map(|interval| u64::from(counted.sample(interval)))
                .collect(),
        )
    }

    /// What was counted of a remote host in the last interval.
    pub(crate) fn newest(&self, source: usize, address: IpAddr) -> u64 {
        let counted = self.remotes.get(&(source, address));
        counted.map_or(0, |counted| u64::from(counted.sample(self.now)))
    }

    /// Seconds that so many samples span, as far as there are any.
    pub(crate) fn span_secs(&self, samples: usize) -> u64 {
        let first = self.ends.len().saturating_sub(samples + 1);
        match (self.ends.get(first), self.ends.back()) {
            (Some(first), Some(last)) => {
                last.since(*first).saturating_add(NS_PER_SEC / 2) / NS_PER_SEC
            }
            _ => 0,
        }
    }
}

impl Counted {
    fn new(total: u64, now: u64) -> Self {
        Self {
            total,
            at: now.saturating_sub(1),
            samples: [0; SAMPLES],
        }
    }

    fn note(&mut self, total: u64, now: u64) {
        // It was not among those shown for a while: nothing is known of these intervals.
        for interval in self.at + 1..now.min(self.at + SAMPLES as u64) {
            self.set(interval, 0);
        }
        let more = total.saturating_sub(self.total);
        self.set(now, u16::try_from(more).unwrap_or(u16::MAX));
        (self.total, self.at) = (total, now);
    }

    fn set(&mut self, interval: u64, sample: u16) {
        if let Some(place) = self.samples.get_mut(place(interval)) {
            *place = sample;
        }
    }

    fn sample(&self, interval: u64) -> u16 {
        if interval > self.at || interval + (SAMPLES as u64) <= self.at {
            return 0;
        }
        self.samples.get(place(interval)).copied().unwrap_or(0)
    }
}

fn place(interval: u64) -> usize {
    usize::try_from(interval % SAMPLES as u64).unwrap_or(0)
}

/// Packets of a remote host that were counted for it: fragments, SYNs and their answers, RSTs. Those that are both an
/// atomic fragment and a SYN or RST count twice.
pub(crate) const fn counted(counters: &RemoteCounters) -> u64 {
    counters.fragments_first
        + counters.fragments_middle
        + counters.fragments_last
        + counters.fragments_atomic
        + counters.fragments_sent
        + counters.syn_sent
        + counters.syn_received
        + counters.syn_ack_received
        + counters.syn_ack_sent
        + counters.rst_answering_syn
        + counters.rst_established
        + counters.rst_sent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    const ADDRESS: &str = "203.0.113.80";

    #[test]
    fn sample_is_what_came_in_its_interval() {
        let mut history = History::default();
        let mut survey = fixture::healthy();
        let mut note = |history: &mut History, more| {
            survey.sources[0].diagnosis.remotes[0].counters.syn_sent += more;
            survey.end = survey.end.plus(1_000_000_000);
            history.note(&survey);
        };
        for more in [0, 5, 0, 70_000] {
            note(&mut history, more);
        }
        let address = ADDRESS.parse().unwrap();
        assert_eq!(history.samples(0, address, 4).unwrap(), [480, 5, 0, 65_535]);
        assert_eq!(history.samples(0, address, 2).unwrap(), [0, 65_535]);
        assert_eq!(history.span_secs(2), 2);
    }

    #[test]
    fn remote_that_was_not_shown_for_a_while_has_a_gap() {
        let mut history = History::default();
        let survey = fixture::healthy();
        let mut elsewhere = survey.clone();
        elsewhere.sources[0].diagnosis.remotes.clear();
        let mut busier = survey.clone();
        busier.sources[0].diagnosis.remotes[0].counters.syn_sent += 3;
        for survey in [&survey, &busier, &elsewhere, &elsewhere, &busier] {
            history.note(survey);
        }
        let address = ADDRESS.parse().unwrap();
        assert_eq!(history.samples(0, address, 5).unwrap(), [480, 3, 0, 0, 0]);
    }
}
