//! Loss on data as a control: what loses SYNs at random loses data of established connections too, and a filter, a
//! limit, a queue or tcp_tw_recycle leaves that alone.

use natdiag_common::follow::{FollowCounter, FollowCounts};

use super::{
    case::{Case, finding},
    contest::{Contest, NAMED},
    likelihood::{LOSS, Rate, ln_series},
};
use crate::analysis::{
    conversation::Data as Sent,
    diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    fates::Outcomes,
};

/// Share of segments that are sent again though nothing is lost: probes of the tail that come too early (RFC 8985,
/// section 7.2), acknowledgments that are late. As if one of 200 had been.
pub(super) const STRAY: Rate = Rate::new(1.0, 199.0);
/// Lost segments from which on loss is named that no SYN has met.
const NOTICED: u64 = 5;
/// Share of segments lost from which on somebody notices.
const NOTICEABLE: f64 = 0.01;

/// What became of segments with data, each way: `dropped` were lost, or their acknowledgment was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Data {
    /// Towards the remote host.
    pub(super) forth: Outcomes,
    /// From it.
    pub(super) back: Outcomes,
}

impl Data {
    /// What the established connections with a remote host have shown, where they were looked at.
    pub(super) fn of_case(case: &Case) -> Option<Self> {
        case.established
            .map(|established| Self::of(&established.counts()))
    }

    /// Loss of data by chance: without flights that are never taken. The sums do not tell these apart; connections that
    /// are looked at one by one do. What the host answers with a RST at last was in vain as well.
    fn by_chance(case: &Case) -> Option<Self> {
        let counted = Self::of_case(case)?;
        let is_reset = case.syns.is_some_and(|syns| syns.resets.is_some());
        let one_by_one = case
            .conversations
            .filter(|evidence| evidence.stuck() > 0 || is_reset);
        let forth = one_by_one.map(|evidence| {
            let Sent {
                sent, sent_again, ..
            } = evidence.data;
            outcomes(sent_again, sent + sent_again)
        });
        Some(Self {
            forth: forth.unwrap_or(counted.forth),
            ..counted
        })
    }

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

/// Loss that data shows, whatever the SYNs do. `is_full`: whether a full queue is why they are dropped.
pub(super) fn findings(case: &Case, is_full: bool) -> Vec<Finding> {
    Data::by_chance(case)
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

/// Whether data is lost towards the remote host, and from it; each with its share among remote hosts whose data was
/// looked at. Mostly nothing is lost.
const LOSSY_WAYS: [([bool; 2], f64); 4] = [
    ([false, false], 0.7),
    ([true, false], 0.1),
    ([false, true], 0.1),
    ([true, true], 0.1),
];

fn contest(data: Data) -> Contest<[bool; 2]> {
    let ln = |is_lossy, way| ln_series(if is_lossy { LOSS } else { STRAY }, way);
    Contest::of(LOSSY_WAYS.map(|(lossy, prior)| {
        let [forth, back] = lossy;
        (lossy, prior, ln(forth, data.forth) + ln(back, data.back))
    }))
}

fn lost(case: &Case, data: Data) -> Option<Finding> {
    let all = data.forth.plus(data.back);
    if all.dropped < NOTICED {
        return None;
    }
    let confidence = 1.0 - contest(data).share_of(|lossy| lossy == [false, false]);
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
    let has_data = case
        .established
        .is_some_and(|established| established.segments() > 0);
    let Some(data) = Data::of_case(case).filter(|_| has_data) else {
        return Vec::new();
    };
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
            established::Established, fates::neighbours::Neighbours, fragments::Datagrams,
            table::Counts,
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
            conversations: None,
            datagrams: Datagrams::default(),
            is_ipv6: false,
            neighbours: Neighbours::default(),
            missed_share: 0.0,
            now: Timestamp(9_000_000_000),
        })
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
