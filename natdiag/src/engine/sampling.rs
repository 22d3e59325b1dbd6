//! Established connections that are looked at segment by segment: all of them, or a share that is drawn so small that
//! looking stays cheap.

use std::error::Error;

use natdiag_common::{LinkType, sample::Share};

use crate::{
    analysis::{Analysis, filter::Filter},
    bpf::{
        program::WatchProgram,
        sample::{Draw, Sampler},
    },
    clock::Clock,
    cost::{Fill, Runs},
    error::in_full,
    event::Timestamp,
    survey::LookedAt,
    value::established::EstablishedChoice,
};

/// Segments a second that may be looked at: at some 190 ns each, kernel and userspace together, half a percent of a CPU
/// where few connections are busy.
const SEGMENTS_PER_SECOND: u64 = 30_000;
/// Most samples that one turn takes.
const SAMPLES_PER_TURN: usize = 1 << 14;

/// The connections of one interface that are looked at.
#[derive(Default)]
pub(super) struct Sampling {
    sampler: Option<Box<Sampler>>,
    /// Whether the share may change.
    adapts: bool,
    share: Option<Share>,
    /// Segments that were looked at, and those since the share was last thought over.
    segments: u64,
    recent: u64,
    /// Segments that found no room, and those that had not when the share was last thought over.
    missed: u64,
    missed_before: u64,
    since: Timestamp,
    refusal: Option<String>,
}

impl Sampling {
    /// Begins to look, if that is wanted and can be.
    pub(super) fn begin(
        draw: Draw,
        watching: [WatchProgram; 2],
        link_type: LinkType,
        choice: EstablishedChoice,
        now: Timestamp,
    ) -> Self {
        let mut sampling = Self {
            since: now,
            ..Self::default()
        };
        let (share, adapts) = match choice {
            EstablishedChoice::Auto => (Share::ALL, true),
            EstablishedChoice::Share(share) => (share, false),
            EstablishedChoice::None => return sampling,
        };
        match Sampler::begin(draw, &watching, link_type, share) {
            Ok(sampler) => {
                sampling.sampler = Some(Box::new(sampler));
                sampling.share = Some(share);
                sampling.adapts = adapts;
            }
            Err(error) => sampling.refuse(&error),
        }
        sampling
    }

    /// Takes some of what has come. Returns whether that was all.
    pub(super) fn turn(
        &mut self,
        analysis: &mut Analysis,
        filter: &Filter,
        clock: Clock,
        began_ns: u64,
    ) -> bool {
        let Some(sampler) = &mut self.sampler else {
            return true;
        };
        let is_all = sampler.drain(SAMPLES_PER_TURN);
        for sample in sampler.release(began_ns, is_all) {
            self.segments += 1;
            self.recent += 1;
            let ends = sample.ends();
            if filter.admits_connection(&ends) {
                let now = clock.timestamp(sample.time_ns);
                analysis.converse(sample.direction(), &ends, &sample.segment(), now);
            }
        }
        is_all
    }

    /// Thinks the share over.
    pub(super) fn adapt(&mut self, now: Timestamp) {
        let Some(share) = self.share else {
            return;
        };
        self.count_missed();
        let elapsed_ns = now.since(std::mem::replace(&mut self.since, now));
        let came = std::mem::take(&mut self.recent) + (self.missed - self.missed_before);
        self.missed_before = self.missed;
        let per_second = came.saturating_mul(1_000_000_000) / elapsed_ns.max(1);
        let next = next(share, per_second);
        if !self.adapts || next == share {
            return;
        }
        if let Some(sampler) = &mut self.sampler {
            match sampler.draw(next) {
                Ok(()) => self.share = Some(next),
                Err(error) => self.refuse(&error),
            }
        }
    }

    /// Looks no more.
    pub(super) fn end(&mut self) {
        self.count_missed();
        self.sampler = None;
    }

    /// What is looked at, if anything is.
    pub(super) fn looked_at(&mut self, analysis: &Analysis) -> Option<LookedAt> {
        self.count_missed();
        Some(LookedAt {
            one_in: self.share?.one_in(),
            segments: self.segments,
            missed: self.missed,
            let_go: analysis.conversations_let_go(),
        })
    }

    /// Whether anything is looked at.
    pub(super) const fn looks(&self) -> bool {
        self.share.is_some()
    }

    /// What is to be known about it.
    pub(super) fn note(&self) -> Option<String> {
        let why = self.refusal.as_ref()?;
        Some(format!("established connections are not looked at: {why}"))
    }

    /// How full the ring was at most since the last call.
    pub(super) fn ring(&mut self) -> Option<Fill> {
        self.sampler.as_mut().map(|sampler| sampler.ring())
    }

    /// What the programs have taken so far, where the kernel measures it.
    pub(super) fn runs(&self) -> Vec<Runs> {
        let sampler = self.sampler.as_ref();
        sampler.map(|sampler| sampler.runs()).unwrap_or_default()
    }

    fn count_missed(&mut self) {
        match self.sampler.as_ref().map(|sampler| sampler.missed()) {
            Some(Ok(missed)) => self.missed = missed,
            Some(Err(error)) => self.refuse(&error),
            None => {}
        }
    }

    /// Goes on without.
    fn refuse(&mut self, error: &dyn Error) {
        self.sampler = None;
        self.share = None;
        self.refusal = Some(in_full(error));
    }
}

/// The share that keeps within the budget, where `per_second` segments came of connections that `share` drew. It falls
/// at once as far as it must, and rises where there is room for twice the larger one.
fn next(share: Share, per_second: u64) -> Share {
    let doublings = share.doublings();
    if per_second > SEGMENTS_PER_SECOND {
        let times = per_second.div_ceil(SEGMENTS_PER_SECOND);
        return Share::one_in_power(doublings + times.next_power_of_two().ilog2());
    }
    let room = SEGMENTS_PER_SECOND / per_second.max(1);
    let fewer = room.ilog2().saturating_sub(1);
    Share::one_in_power(doublings.saturating_sub(fewer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_keeps_to_the_budget_and_grows_only_with_room_to_spare() {
        for (before, per_second, want) in [
            (0, 0, 0),
            (0, SEGMENTS_PER_SECOND, 0),
            (0, SEGMENTS_PER_SECOND + 1, 1),
            (0, 8 * SEGMENTS_PER_SECOND, 3),
            (3, 9 * SEGMENTS_PER_SECOND, 7),
            (20, 9 * SEGMENTS_PER_SECOND, 20),
            (5, SEGMENTS_PER_SECOND / 2, 5),
            (5, SEGMENTS_PER_SECOND / 4, 4),
            (5, SEGMENTS_PER_SECOND / 64, 0),
            (5, 0, 0),
        ] {
            let got = next(Share::one_in_power(before), per_second);
            assert_eq!(got.doublings(), want, "{before}, {per_second}");
        }
    }
}
