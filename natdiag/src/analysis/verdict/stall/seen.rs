//! What was seen of connections that opened, and whose data did not get through.

use natdiag_common::{
    counter::{FragmentPosition, RemoteCounter},
    follow::{FollowCounter, FollowCounts},
};

use crate::analysis::{
    diagnosis::Evidence,
    established::Established,
    fates::{Outcomes, SynSums},
    verdict::{Case, data::known_since},
};

/// Connections of one kind from which on that is no accident at the end of one.
pub(crate) const SEVERAL: u64 = 2;

/// What was seen of a host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) case: &'a Case<'a>,
    pub(crate) syns: &'a SynSums,
    pub(crate) stalls: Stalls,
}

impl<'a> Seen<'a> {
    pub(crate) fn of(case: &'a Case<'a>, syns: &'a SynSums) -> Self {
        Self {
            case,
            syns,
            stalls: Stalls::of(case, syns),
        }
    }

    /// What a finding about holes rests on, or about requests that nothing answers.
    pub(crate) fn evidence(&self) -> Vec<(&'static str, Evidence)> {
        let Self { case, syns, stalls } = *self;
        let fragments = case.counts.fragments_at(FragmentPosition::First);
        let mut evidence = vec![
            ("requests_unanswered", Evidence::Count(stalls.unanswered)),
            ("requests_answered", Evidence::Count(syns.answered_requests)),
            ("responses_cut_short", Evidence::Count(stalls.large_holes)),
            ("fragments_seen", Evidence::Count(fragments)),
            (
                "packet_too_big_received",
                Evidence::Count(case.counts.value(RemoteCounter::PacketTooBig)),
            ),
        ];
        if let Some(looked_at) = known_since(case) {
            evidence.extend([
                ("cut_short_by_less", Evidence::Count(stalls.small_holes)),
                (
                    "large_segments_received",
                    Evidence::Count(stalls.large_received),
                ),
                (
                    "large_segments_sent_in_vain",
                    Evidence::Count(stalls.large_stuck),
                ),
                (
                    "large_segments_acknowledged",
                    Evidence::Count(stalls.large_acknowledged),
                ),
                looked_at,
            ]);
        }
        evidence
    }
}

/// What was seen of stalled connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stalls {
    /// Connections that were given up with as much missing as a large segment holds.
    pub(crate) large_holes: u64,
    /// Connections that were given up with less missing.
    pub(super) small_holes: u64,
    /// Large segments received.
    pub(super) large_received: u64,
    /// Large segments that we have sent again and again in vain.
    pub(crate) large_stuck: u64,
    /// Large segments that we have sent and that were acknowledged.
    pub(super) large_acknowledged: u64,
    /// Connections, or segments with new data, whose timestamps go back.
    pub(crate) older: u64,
    /// Connections that were given up before a response had come, of those that were looked at.
    pub(super) given_up: u64,
    /// Requests that got no response.
    pub(crate) unanswered: u64,
}

impl Stalls {
    pub(crate) fn of(case: &Case, syns: &SynSums) -> Self {
        let counts = case
            .established
            .map_or(FollowCounts::ZERO, Established::counts);
        let value = |counter| counts.value(counter);
        // Where fragments come, somebody behind us drops those.
        let by_fin: u64 = syns
            .holes
            .iter()
            .filter(|(port, _)| !case.datagrams.ports.contains(port))
            .map(|(_, holes)| holes)
            .sum();
        let older =
            value(FollowCounter::SentOlderTimestamp) + value(FollowCounter::ReceivedOlderTimestamp);
        // Where connections are looked at from their beginning, these tell more of what we send: `verdict::flight`.
        let of_sent = |counter| {
            if case.conversations.is_some() {
                0
            } else {
                value(counter)
            }
        };
        Self {
            // One connection may show its hole both ways.
            large_holes: by_fin.max(value(FollowCounter::HoleLeftLarge)),
            small_holes: value(FollowCounter::HoleLeftSmall),
            large_received: value(FollowCounter::ReceivedLarge),
            large_stuck: of_sent(FollowCounter::SentLargeStuck),
            large_acknowledged: of_sent(FollowCounter::SentLargeAcknowledged),
            older: older.max(syns.older_timestamps),
            given_up: value(FollowCounter::GivenUp),
            unanswered: syns.unanswered_requests,
        }
    }

    /// Responses that did not come in full, against large segments that came.
    pub(super) fn down(&self) -> Outcomes {
        Outcomes {
            dropped: self.large_holes,
            answered: self.large_received,
        }
    }

    /// Segments that we have sent in vain, against those that were acknowledged.
    pub(super) fn up(&self) -> Outcomes {
        Outcomes {
            dropped: self.large_stuck,
            answered: self.large_acknowledged,
        }
    }

    /// The sizes of the holes in responses.
    pub(super) fn sizes(&self) -> Outcomes {
        Outcomes {
            dropped: self.large_holes,
            answered: self.small_holes,
        }
    }

    /// Large segments that found no way, in either direction.
    pub(crate) fn black(&self) -> u64 {
        self.large_holes + self.large_stuck
    }

    /// Connections with an older timestamp, of those that something is wrong with.
    pub(super) fn older(&self) -> Outcomes {
        Outcomes {
            dropped: self.older,
            answered: self.given_up.saturating_sub(self.older),
        }
    }
}
