//! Arcs of the circle of timestamps, in which the clock of a host that nobody sees is looked for. Where it stands among
//! the clocks that are seen decides all; where exactly, nothing. So the circle is cut at those, and evenly for clocks
//! that are other for each connection: of an arc that such a timestamp falls into, a part is ahead of it.

use std::collections::BTreeSet;

use natdiag_common::wire::seq::TsVal;

use super::super::newest::Decided;
use crate::analysis::mark::WINDOW;

/// Arcs that the circle is cut into where no clock is seen. A clock moves by less than one within a day.
const EVEN: u32 = 16;
/// Clocks that the circle is cut at; more hosts than these are rarely seen with a clock each.
const MAX_CLOCKS: usize = 8;
/// How far apart two connections of one clock may begin, in its ticks: a quarter of an hour at 1 kHz.
const NEAR: u32 = 1 << 20;
/// Half of the circle.
const HALF: i64 = 1 << 31;

/// Timestamps around one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arc {
    middle: TsVal,
    width: u32,
}

impl Arc {
    /// One timestamp.
    pub(super) const fn point(tsval: TsVal) -> Self {
        Self {
            middle: tsval,
            width: 0,
        }
    }

    /// What part of the circle it is.
    pub(super) fn share(self) -> f64 {
        f64::from(self.width) / (f64::from(u32::MAX) + 1.0)
    }

    /// What part of it is ahead of another.
    pub(super) fn share_ahead_of(self, other: Self) -> f64 {
        if self == other {
            return 0.0;
        }
        share_ahead(self.middle, other.middle, 0, self.width.max(other.width))
    }

    /// What part of it, as a mark, hits a SYN with this timestamp.
    pub(super) fn share_hitting(self, tsval: TsVal) -> f64 {
        share_ahead(self.middle, tsval, WINDOW, self.width)
    }
}

/// What part of an arc of this width is ahead by more than `by`.
fn share_ahead(middle: TsVal, other: TsVal, by: i32, width: u32) -> f64 {
    let ahead = i64::from(middle.ahead_of(other)) - i64::from(by);
    if width == 0 {
        return f64::from(u8::from(ahead > 0));
    }
    let to_edge = if ahead > 0 {
        ahead.min(HALF - ahead)
    } else {
        ahead.max(-HALF - ahead)
    };
    #[expect(clippy::cast_precision_loss, reason = "at most 2^31")]
    let to_edge = to_edge as f64;
    (0.5 + to_edge / f64::from(width)).clamp(0.0, 1.0)
}

/// The arcs of the circle, cut at the clocks of these SYNs and where those are half a circle away.
pub(super) fn arcs(newest: &[Decided]) -> Vec<Arc> {
    let even = (0..EVEN).map(|place| place * (u32::MAX / EVEN + 1));
    let clocks = clocks(newest);
    let opposite = clocks.iter().map(|clock| clock ^ (1 << 31));
    let cuts: BTreeSet<u32> = even.chain(opposite).chain(clocks.iter().copied()).collect();
    let next = cuts.iter().skip(1).chain(cuts.first());
    cuts.iter()
        .zip(next)
        .map(|(from, to)| {
            let width = to.wrapping_sub(*from);
            Arc {
                middle: TsVal(from.wrapping_add(width / 2)),
                width,
            }
        })
        .collect()
}

/// Where the clocks begin that several connections have in common, those of most first.
fn clocks(newest: &[Decided]) -> Vec<u32> {
    let first = newest.iter().filter(|syn| !syn.repeated);
    let mut tsvals: Vec<u32> = first.filter_map(|syn| syn.tsval).map(|it| it.0).collect();
    tsvals.sort_unstable();
    let mut clocks: Vec<&[u32]> = tsvals
        .chunk_by(|earlier, later| later - earlier <= NEAR)
        .filter(|tsvals| tsvals.len() > 1)
        .collect();
    clocks.sort_by_key(|tsvals| std::cmp::Reverse(tsvals.len()));
    clocks
        .into_iter()
        .take(MAX_CLOCKS)
        .filter_map(|tsvals| tsvals.first().copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{analysis::mark::Prediction, event::Timestamp};

    fn syn(tsval: u32) -> Decided {
        Decided {
            sent: Timestamp(0),
            tsval: Some(TsVal(tsval)),
            prediction: Prediction::Pass,
            repeated: false,
            open: 0,
            is_dropped: false,
            counts: true,
        }
    }

    #[test]
    fn arcs_make_the_circle_and_end_at_clocks() {
        let syns = [5_000, 7_000, 3_000_000_000, 1_000_000_000, 1_000_000_900].map(syn);
        let arcs = arcs(&syns);
        let whole: u64 = arcs.iter().map(|arc| u64::from(arc.width)).sum();
        assert_eq!(whole, 1 << 32);
        // A clock of one connection only cuts nothing.
        assert_eq!(arcs.len(), 16 + 4);
        for clock in [5_000, 1_000_000_000] {
            let behind = arcs.iter().all(|arc| {
                let share = arc.share_hitting(TsVal(clock));
                !(0.001..=0.999).contains(&share)
            });
            assert!(behind, "{clock}");
        }
    }

    #[test]
    fn part_of_an_arc_is_ahead_of_what_falls_into_it() {
        let arc = Arc {
            middle: TsVal(1 << 30),
            width: 1 << 20,
        };
        for (tsval, want) in [
            (0, 1.0),
            (1 << 30, 0.5),
            ((1 << 30) - (1 << 18), 0.75),
            ((1 << 30) + (1 << 20), 0.0),
            // Half a circle away it is behind again.
            (3 << 30, 0.5),
            ((3 << 30) + (1 << 18), 0.75),
            ((3 << 30) - (1 << 20), 0.0),
        ] {
            let share = arc.share_hitting(TsVal(tsval));
            assert!((share - want).abs() < 0.001, "{tsval}: {share}");
        }
    }

    #[test]
    fn a_timestamp_hits_as_the_kernel_says() {
        let mark = Arc::point(TsVal(1000));
        for (tsval, want) in [(1000, 0.0), (999, 0.0), (998, 1.0), (1001, 0.0)] {
            assert_eq!(
                mark.share_hitting(TsVal(tsval)).to_bits(),
                f64::to_bits(want)
            );
        }
    }
}
