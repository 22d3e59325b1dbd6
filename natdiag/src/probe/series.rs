//! The SYNs of a test in their order, and how likely rules of several kinds make what became of them.

use natdiag_common::wire::seq::TsVal;

use super::connection::{Arm, Connection, Fate, Record};
use crate::analysis::{
    fates::Outcomes,
    mark::LIFETIME_NS,
    verdict::likelihood::{Rate, ln_known, ln_mixture, ln_series},
};

/// Share of SYNs that do not do what a rule of all or nothing says.
const EXCEPTIONS: f64 = 0.002;
/// Share of SYNs whose fate a limit of their rate does not foretell, as others use it up as well.
const LIMIT_EXCEPTIONS: f64 = 0.04;
/// Loss beside a rule that drops others.
const BACKGROUND: Rate = Rate::new(1.0, 49.0);
/// A host that dropped a SYN for want of room is likely to drop the next one, and seldom begins to.
const OVERLOAD_GOES_ON: Rate = Rate::new(4.0, 1.0);
const OVERLOAD_BEGINS: Rate = Rate::new(1.0, 7.0);
/// Chance that somebody else behind our address has made the server remember a timestamp already.
const FOREIGN_MARK: f64 = 0.5;
/// Foreign marks tried, evenly around the circle. Only the quarter matters.
const FOREIGN_MARKS: u32 = 16;
/// Limits tried: SYNs a second, and how many at once.
const LIMIT_RATES: [f64; 8] = [0.2, 0.34, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0];
const LIMIT_BURSTS: [f64; 7] = [1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0];
/// How near to a whole SYN a limit may be for its answer to be open.
const LIMIT_EDGE: f64 = 0.12;

/// How far a SYN's timestamp may lie below the mark.
/// Kernel: `TCP_PAWS_WINDOW`, include/net/tcp.h (v4.9).
const PAWS_WINDOW: i32 = 1;
const NS_PER_SEC: u64 = 1_000_000_000;

/// The SYNs that were answered or dropped, and what the server remembers of ours at each.
pub(super) struct Series<'a> {
    syns: Vec<Syn<'a>>,
    /// Whether a SYN-ACK came again though it had been confirmed.
    pub(super) repeated: bool,
}

/// A SYN that was answered or dropped.
#[derive(Clone, Copy)]
pub(super) struct Syn<'a> {
    pub(super) connection: &'a Connection,
    dropped: bool,
    own_mark: Option<u32>,
}

impl<'a> Series<'a> {
    /// The SYNs of a test.
    pub(super) fn of(record: &'a Record) -> Self {
        let mut own_mark: Option<(u32, u64)> = None;
        let mut syns = Vec::new();
        for connection in &record.connections {
            if connection.arm == Arm::Recovered && own_mark.is_none() {
                // Whether others have renewed what the server remembers of them is not known.
                continue;
            }
            let fresh = own_mark.filter(|(_, at_ns)| is_fresh(*at_ns, connection.sent_ns));
            let dropped = match connection.fate {
                Fate::Answered | Fate::Refused => false,
                Fate::Dropped | Fate::Unreachable | Fate::Strayed => true,
            };
            syns.push(Syn {
                connection,
                dropped,
                own_mark: fresh.map(|(mark, _)| mark),
            });
            if let Some(closed) = connection.closed
                && fresh.is_none_or(|(mark, _)| TsVal(mark).ahead_of(TsVal(closed.mark)) <= 0)
            {
                own_mark = Some((closed.mark, closed.at_ns));
            }
        }
        let repeated = record
            .of_arm(Arm::Arming)
            .any(|connection| connection.syn_acks > 1 && connection.closed.is_none());
        Self { syns, repeated }
    }

    /// SYNs that the rule drops are dropped, others are lost now and then.
    pub(super) fn ln_rule(&self, drops: impl Fn(&Syn) -> bool) -> f64 {
        ln_known(1.0 - EXCEPTIONS, self.outcomes(&drops))
            + ln_series(BACKGROUND, self.outcomes(|syn| !drops(syn)))
    }

    /// SYNs below a mark are dropped, be it our own or that of somebody behind our address.
    pub(super) fn ln_recycle(&self, drops_without: bool) -> f64 {
        let with_foreign = |foreign| self.ln_rule(|syn| syn.is_recycled(foreign, drops_without));
        let each = FOREIGN_MARK / f64::from(FOREIGN_MARKS);
        let mut parts = vec![(1.0 - FOREIGN_MARK, with_foreign(None))];
        let anchor = self.syns.iter().find_map(|syn| syn.connection.tsval);
        for place in 0..FOREIGN_MARKS {
            // Half a step beside our own timestamps, which lie a quarter of the circle apart.
            let step = u32::MAX / FOREIGN_MARKS + 1;
            let mark = anchor
                .unwrap_or(0)
                .wrapping_add(step / 2)
                .wrapping_add(step.wrapping_mul(place));
            parts.push((each, with_foreign(Some(mark))));
        }
        ln_mixture(&parts)
    }

    /// So many SYNs in a time pass.
    pub(super) fn ln_limit(&self) -> f64 {
        let combinations: Vec<(f64, f64)> = LIMIT_RATES
            .iter()
            .flat_map(|rate| LIMIT_BURSTS.iter().map(move |burst| (*rate, *burst)))
            .collect();
        let count: f64 = combinations.iter().map(|_| 1.0).sum();
        let parts: Vec<(f64, f64)> = combinations
            .into_iter()
            .map(|(rate, burst)| (1.0 / count, self.ln_bucket(rate, burst)))
            .collect();
        ln_mixture(&parts)
    }

    /// A bucket that holds `burst` SYNs and gains `rate` a second.
    fn ln_bucket(&self, rate: f64, burst: f64) -> f64 {
        let mut level = burst;
        let mut before_ns = None;
        let mut ln = 0.0;
        for syn in &self.syns {
            let now_ns = syn.connection.sent_ns;
            let gap = now_ns.saturating_sub(before_ns.unwrap_or(now_ns));
            before_ns = Some(now_ns);
            level = (level + rate * seconds(gap)).min(burst);
            let is_open = (level - 1.0).abs() < LIMIT_EDGE;
            let passes = level >= 1.0;
            ln += match (is_open, passes != syn.dropped) {
                (true, _) => 0.5_f64.ln(),
                (false, true) => (1.0 - LIMIT_EXCEPTIONS).ln(),
                (false, false) => LIMIT_EXCEPTIONS.ln(),
            };
            // What was seen corrects what was foretold.
            if !syn.dropped {
                level = (level - 1.0).max(0.0);
            } else if is_open {
                level = level.min(1.0 - LIMIT_EDGE);
            }
        }
        ln
    }

    /// What was dropped is dropped again, and the other way about.
    pub(super) fn ln_overload(&self) -> f64 {
        let (mut after_drop, mut after_answer) = (Outcomes::default(), Outcomes::default());
        let mut before = false;
        for syn in &self.syns {
            let outcomes = if before {
                &mut after_drop
            } else {
                &mut after_answer
            };
            count(outcomes, syn.dropped);
            before = syn.dropped;
        }
        ln_series(OVERLOAD_GOES_ON, after_drop) + ln_series(OVERLOAD_BEGINS, after_answer)
    }

    /// What became of some of them.
    pub(super) fn outcomes(&self, chosen: impl Fn(&Syn) -> bool) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for syn in self.syns.iter().filter(|syn| chosen(syn)) {
            count(&mut outcomes, syn.dropped);
        }
        outcomes
    }
}

impl Syn<'_> {
    /// Whether a server with `tcp_tw_recycle` drops this SYN (`net/ipv4/tcp_metrics.c:tcp_peer_is_proven`, v4.9).
    fn is_recycled(&self, foreign_mark: Option<u32>, drops_without: bool) -> bool {
        let mark = match (self.own_mark, foreign_mark) {
            (Some(own), Some(foreign)) if TsVal(foreign).ahead_of(TsVal(own)) > 0 => Some(foreign),
            (Some(own), _) => Some(own),
            (None, foreign) => foreign,
        };
        match (mark, self.connection.tsval) {
            (Some(mark), Some(tsval)) => TsVal(mark).ahead_of(TsVal(tsval)) > PAWS_WINDOW,
            (Some(_), None) => drops_without,
            (None, _) => false,
        }
    }
}

/// Whether the server remembers a timestamp of then. It counts whole seconds, so the last one is left out.
fn is_fresh(written_ns: u64, now_ns: u64) -> bool {
    now_ns.saturating_sub(written_ns) < LIFETIME_NS - NS_PER_SEC
}

fn count(outcomes: &mut Outcomes, dropped: bool) {
    if dropped {
        outcomes.dropped += 1;
    } else {
        outcomes.answered += 1;
    }
}

fn seconds(ns: u64) -> f64 {
    std::time::Duration::from_nanos(ns).as_secs_f64()
}
