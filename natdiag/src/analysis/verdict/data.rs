//! Loss on data as a control: what loses SYNs at random loses data of established connections too, and a filter, a limit,
//! a queue or tcp_tw_recycle leaves that alone.

use natdiag_common::follow::{FollowCounter, FollowCounts};

use super::{
    Case, NAMED,
    base_rates::SynTrouble,
    finding,
    likelihood::{Rate, ln_mixture, ln_series, normalise},
};
use crate::analysis::{
    diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    evidence::{Outcomes, SynEvidence},
};

/// Share of segments that are sent again though nothing is lost: probes of the tail that come too early (RFC 8985,
/// section 7.2), acknowledgments that are late. As if one of 200 had been.
const STRAY: Rate = Rate::new(1.0, 199.0);
/// Loss is mostly small: as if 1 of 10 had been lost before.
const LOSS: Rate = Rate::new(1.0, 9.0);
/// Loss beside another trouble.
const BESIDE: Rate = Rate::new(1.0, 19.0);
/// A server whose accept queue is full drops the request behind the ACK that it did not take, and often.
const NOT_TAKEN: Rate = Rate::new(1.0, 2.0);
/// Lost segments from which on loss is named that no SYN has met.
const NOTICED: u64 = 5;
/// Share of segments lost from which on somebody notices.
const NOTICEABLE: f64 = 0.01;

/// What became of segments with data, each way: `dropped` were lost, or their acknowledgment was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Data {
    /// Towards the remote host.
    forth: Outcomes,
    /// From it.
    back: Outcomes,
}

impl Data {
    fn of(counts: &FollowCounts) -> Self {
        let value = |counter| counts.value(counter);
        // Where no large segment arrives they fall into a hole of their own, and tell nothing about chance.
        let large = if value(FollowCounter::SentLargeAcknowledged) > 0 {
            outcomes(
                value(FollowCounter::SentLargeRepeated),
                value(FollowCounter::SentLarge),
            )
        } else {
            Outcomes::default()
        };
        let small = outcomes(
            value(FollowCounter::SentSmallRepeated),
            value(FollowCounter::SentSmall),
        );
        let received = value(FollowCounter::ReceivedSmall) + value(FollowCounter::ReceivedLarge);
        Self {
            forth: small.plus(large),
            back: outcomes(value(FollowCounter::HoleFilled), received),
        }
    }
}

/// How likely a trouble makes what became of data.
pub(super) fn ln_likelihood(trouble: SynTrouble, case: &Case, syns: &SynEvidence) -> f64 {
    let Some(established) = case.established else {
        return 0.0;
    };
    let Data { forth, back } = Data::of(&established.counts());
    match trouble {
        // The share is that of the SYNs, or another one where only they compete for room; some devices lose SYNs alone. A way
        // that is full in one direction is mostly not in the other.
        SynTrouble::Loss => {
            let all = syns.all();
            let shared = ln_series(LOSS, all.plus(forth)) - ln_series(LOSS, all);
            ln_mixture(&[
                (0.35, shared),
                (0.3, ln_series(LOSS, forth)),
                (0.35, ln_series(STRAY, forth)),
            ]) + ln_mixture(&[
                (0.35, ln_series(LOSS, back)),
                (0.65, ln_series(STRAY, back)),
            ])
        }
        SynTrouble::ReturnLoss => {
            ln_other(forth)
                + ln_mixture(&[(0.7, ln_series(LOSS, back)), (0.3, ln_series(STRAY, back))])
        }
        // Whether anything is under way in those seconds is open.
        SynTrouble::Outage => [forth, back]
            .iter()
            .map(|way| ln_mixture(&[(0.5, ln_series(LOSS, *way)), (0.5, ln_series(STRAY, *way))]))
            .sum(),
        SynTrouble::Backlog => {
            ln_mixture(&[
                (0.5, ln_series(NOT_TAKEN, forth)),
                (0.5, ln_series(STRAY, forth)),
            ]) + ln_other(back)
        }
        SynTrouble::Filter
        | SynTrouble::FilterOfClients
        | SynTrouble::NewHosts
        | SynTrouble::RateLimit
        | SynTrouble::OneOfSeveral
        | SynTrouble::Authentication
        | SynTrouble::OptionDropped
        | SynTrouble::PortLimit
        | SynTrouble::PortRace
        | SynTrouble::Unknown
        | SynTrouble::PortReuse
        | SynTrouble::Recycle
        | SynTrouble::RecycleOfSome
        | SynTrouble::TimestampsFiltered
        | SynTrouble::TimestampsDemanded
        | SynTrouble::Unreachable => ln_other(forth) + ln_other(back),
    }
}

/// A rule about SYNs leaves data alone; there may be loss beside it.
fn ln_other(way: Outcomes) -> f64 {
    ln_mixture(&[
        (0.95, ln_series(STRAY, way)),
        (0.05, ln_series(BESIDE, way)),
    ])
}

/// Loss that data shows, whatever the SYNs do. `is_full`: whether a full queue is why they are dropped.
pub(super) fn findings(case: &Case, is_full: bool) -> Vec<Finding> {
    case.established
        .map(|established| Data::of(&established.counts()))
        .map(|data| {
            let is_not_taken = case.syns.is_some_and(|syns| syns.syn_acks_repeated > 0);
            Data {
                // What does not take our ACK does not take what follows it either; of a full queue that is known.
                forth: if is_full || is_not_taken {
                    Outcomes::default()
                } else {
                    data.forth
                },
                ..data
            }
        })
        .and_then(|data| lost(case, data))
        .into_iter()
        .collect()
}

fn lost(case: &Case, data: Data) -> Option<Finding> {
    let all = data.forth.plus(data.back);
    if all.dropped < NOTICED {
        return None;
    }
    let (forth, back) = (ln_series(STRAY, data.forth), ln_series(STRAY, data.back));
    let (forth_lost, back_lost) = (ln_series(LOSS, data.forth), ln_series(LOSS, data.back));
    let shares = normalise(&[
        0.7_f64.ln() + forth + back,
        0.1_f64.ln() + forth_lost + back,
        0.1_f64.ln() + forth + back_lost,
        0.1_f64.ln() + forth_lost + back_lost,
    ]);
    let confidence = 1.0 - shares.first().copied().unwrap_or(1.0);
    if confidence < NAMED {
        return None;
    }
    let share = share(all);
    let summary = format!(
        "packets are lost on the way: of established connections {} of {} segments with data had to be sent again ({:.1} %)",
        all.dropped,
        all.total(),
        share * 100.0
    );
    let remedy = vec![
        "look for loss hop by hop, in both directions: `mtr --tcp --port PORT HOST`".to_owned(),
    ];
    let excluded = [Cause::Filtered, Cause::RateLimit].map(|cause| Alternative {
        cause,
        why: "established connections are hit as well, whose segments it lets pass".to_owned(),
    });
    Some(Finding {
        confidence,
        excluded: excluded.into(),
        ..finding(
            Cause::PacketLoss,
            if share >= NOTICEABLE {
                Severity::Warning
            } else {
                Severity::Info
            },
            summary,
            evidence(case),
            remedy,
        )
    })
}

/// What is known about data, and since when.
pub(super) fn evidence(case: &Case) -> Vec<(&'static str, Evidence)> {
    let Some(established) = case
        .established
        .filter(|established| established.segments() > 0)
    else {
        return Vec::new();
    };
    let data = Data::of(&established.counts());
    let mut evidence = vec![
        ("data_sent", Evidence::Count(data.forth.total())),
        ("data_sent_again", Evidence::Count(data.forth.dropped)),
        ("data_received", Evidence::Count(data.back.total())),
        (
            "data_received_after_a_gap",
            Evidence::Count(data.back.dropped),
        ),
    ];
    evidence.extend(known_since(case));
    evidence
}

/// For how long established connections have been looked at: what was before is not known.
pub(super) fn known_since(case: &Case) -> Option<(&'static str, Evidence)> {
    let since = case.established?.since()?;
    let seconds = case.now.since(since) / 1_000_000_000;
    let text = format!(
        "established connections, since the first symptom {seconds} s ago; what they did before is not known"
    );
    Some(("looked_at", Evidence::Text(text)))
}

/// Gives findings about silent SYNs what data has shown beside them.
pub(super) fn add_evidence(findings: &mut [Finding], case: &Case) {
    let evidence = evidence(case);
    for finding in findings {
        finding.evidence.extend(evidence.iter().cloned());
    }
}

fn outcomes(dropped: u64, total: u64) -> Outcomes {
    let dropped = dropped.min(total);
    Outcomes {
        dropped,
        answered: total - dropped,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of counts")]
fn share(outcomes: Outcomes) -> f64 {
    outcomes.dropped as f64 / outcomes.total().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        analysis::{
            established::Established, fragments::Datagrams, table::Counts, verdict::Neighbours,
        },
        event::Timestamp,
    };

    fn counted(counters: &[(FollowCounter, u64)]) -> FollowCounts {
        let mut counts = FollowCounts::ZERO;
        for (counter, value) in counters {
            counts.counters[*counter as usize] = *value;
        }
        counts
    }

    fn with_case<T>(counts: &FollowCounts, look: impl FnOnce(&Case) -> T) -> T {
        let established = Established::new(Timestamp(0), *counts);
        let counts = Counts::ZERO;
        look(&Case {
            counts: &counts,
            syns: None,
            established: Some(&established),
            datagrams: Datagrams::default(),
            is_ipv6: false,
            neighbours: Neighbours::default(),
            missed_share: 0.0,
            now: Timestamp(9_000_000_000),
        })
    }

    /// Logarithm of the odds that data gives loss against another trouble.
    fn ln_odds(counts: &FollowCounts, against: SynTrouble) -> f64 {
        let syns = SynEvidence {
            predicted_pass: Outcomes {
                dropped: 10,
                answered: 90,
            },
            ..SynEvidence::default()
        };
        with_case(counts, |case| {
            ln_likelihood(SynTrouble::Loss, case, &syns) - ln_likelihood(against, case, &syns)
        })
    }

    const RULES: [SynTrouble; 4] = [
        SynTrouble::Filter,
        SynTrouble::RateLimit,
        SynTrouble::Recycle,
        SynTrouble::NewHosts,
    ];

    #[test]
    fn data_sent_again_as_often_as_syns_are_dropped_speaks_for_loss() {
        let lost = counted(&[
            (FollowCounter::SentSmall, 100),
            (FollowCounter::SentSmallRepeated, 11),
        ]);
        for rule in RULES {
            let odds = ln_odds(&lost, rule);
            assert!(odds > 10_f64.ln(), "{rule:?}: {odds}");
        }
    }

    #[test]
    fn data_that_is_left_alone_speaks_against_loss_but_does_not_rule_it_out() {
        let unharmed = counted(&[
            (FollowCounter::SentSmall, 300),
            (FollowCounter::ReceivedSmall, 300),
        ]);
        for rule in RULES {
            let odds = ln_odds(&unharmed, rule);
            assert!((-3.0..-1.0).contains(&odds), "{rule:?}: {odds}");
        }
    }

    #[test]
    fn requests_that_a_full_queue_does_not_take_do_not_tell_it_from_loss() {
        let not_taken = counted(&[
            (FollowCounter::SentSmall, 100),
            (FollowCounter::SentSmallRepeated, 40),
        ]);
        assert!(ln_odds(&not_taken, SynTrouble::Backlog) < 0.0);
    }

    #[test]
    fn large_segments_in_a_hole_are_no_loss() {
        let hole = counted(&[
            (FollowCounter::SentLarge, 20),
            (FollowCounter::SentLargeRepeated, 18),
        ]);
        assert_eq!(Data::of(&hole), Data::default());
        let loss = counted(&[
            (FollowCounter::SentLarge, 200),
            (FollowCounter::SentLargeRepeated, 18),
            (FollowCounter::SentLargeAcknowledged, 90),
        ]);
        assert_eq!(Data::of(&loss).forth, outcomes(18, 200));
    }

    #[test]
    fn loss_of_data_alone_is_named_when_it_is_more_than_stray() {
        for (name, repeated, sent, is_named) in [
            ("stray", 6, 2000, false),
            ("few", 4, 60, false),
            ("loss", 12, 200, true),
        ] {
            let counts = counted(&[
                (FollowCounter::SentSmall, sent),
                (FollowCounter::SentSmallRepeated, repeated),
            ]);
            let named = with_case(&counts, |case| !findings(case, false).is_empty());
            assert_eq!(named, is_named, "{name}");
        }
    }

    #[test]
    fn beside_a_full_queue_only_data_that_comes_back_shows_loss() {
        for (counter, total, is_named) in [
            (
                FollowCounter::SentSmallRepeated,
                FollowCounter::SentSmall,
                false,
            ),
            (
                FollowCounter::HoleFilled,
                FollowCounter::ReceivedSmall,
                true,
            ),
        ] {
            let counts = counted(&[(counter, 12), (total, 120)]);
            let named = with_case(&counts, |case| !findings(case, true).is_empty());
            assert_eq!(named, is_named, "{total:?}");
        }
    }
}
