//! Connections open, and then data does not get through: what keeps it, as competing hypotheses. A hole at full-size
//! segments without fragments is a path MTU black hole (RFC 2923, section 2.1); timestamps that go back are dropped by
//! the receiver's PAWS (RFC 7323, section 5).

use natdiag_common::follow::{FollowCounter, FollowCounts};

use super::{
    Case,
    base_rates::{STALL_TROUBLES, StallTrouble},
    likelihood::{Rate, ln_known, ln_mixture, ln_series, normalise},
};
use crate::analysis::{
    diagnosis::Cause,
    established::Established,
    fates::{Outcomes, SynEvidence},
};

/// Large segments fall into a hole, but for those between [`SMALL_PACKET_OCTETS`] and its MTU: how many there are of them
/// depends on the sizes of the responses.
///
/// [`SMALL_PACKET_OCTETS`]: natdiag_common::follow::SMALL_PACKET_OCTETS
const FALLS: Rate = Rate::new(5.0, 0.2);
/// Share of the holes beside it that are smaller than a large segment.
const SMALL: f64 = 0.02;
/// Share of connections given up with something missing where nothing keeps it: a response that was not awaited.
const STRAY: f64 = 0.005;
/// Share of connections that loss keeps from going on so long that they are given up: what is lost is sent again.
const LEFT_BY_LOSS: Rate = Rate::new(0.1, 9.9);
/// What a filter of contents keeps: any share.
const OPEN: Rate = Rate::new(1.0, 1.0);
/// Share of the holes of other troubles that are as large as a large segment: any size has them.
const LARGE: f64 = 0.5;
/// Connections that something on the path keeps from going on end with a hole, but for those that wait for the
/// application; an application leaves none.
const WITH_A_HOLE: Rate = Rate::new(3.0, 1.0);
/// Of stalled connections that PAWS holds up, those on which an older timestamp was seen.
const SEEN_OLDER: Rate = Rate::new(9.0, 1.0);
/// Share of connections with an older timestamp elsewhere: segments that overtake others over several paths.
const STRAY_OLDER: f64 = 0.01;
/// Directions that a hole hits: of responses alone, of what we send alone, of both.
const DIRECTIONS: [f64; 3] = [0.6, 0.25, 0.15];

/// What was seen of stalled connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stalls {
    /// Connections that were given up with as much missing as a large segment holds.
    pub(super) large_holes: u64,
    /// Connections that were given up with less missing.
    pub(super) small_holes: u64,
    /// Large segments received.
    pub(super) large_received: u64,
    /// Large segments that we have sent again and again in vain.
    pub(super) large_stuck: u64,
    /// Large segments that we have sent and that were acknowledged.
    pub(super) large_acknowledged: u64,
    /// Connections, or segments with new data, whose timestamps go back.
    pub(super) older: u64,
    /// Connections that were given up before a response had come, of those that were looked at.
    pub(super) given_up: u64,
    /// Requests that got no response.
    pub(super) unanswered: u64,
}

impl Stalls {
    pub(super) fn of(case: &Case, syns: &SynEvidence) -> Self {
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
        Self {
            // One connection may show its hole both ways.
            large_holes: by_fin.max(value(FollowCounter::HoleLeftLarge)),
            small_holes: value(FollowCounter::HoleLeftSmall),
            large_received: value(FollowCounter::ReceivedLarge),
            large_stuck: value(FollowCounter::SentLargeStuck),
            large_acknowledged: value(FollowCounter::SentLargeAcknowledged),
            older: older.max(syns.older_timestamps),
            given_up: value(FollowCounter::GivenUp),
            unanswered: syns.unanswered_requests,
        }
    }

    /// Responses that did not come in full, against large segments that came.
    fn down(&self) -> Outcomes {
        Outcomes {
            dropped: self.large_holes,
            answered: self.large_received,
        }
    }

    /// The same of what we have sent.
    fn up(&self) -> Outcomes {
        Outcomes {
            dropped: self.large_stuck,
            answered: self.large_acknowledged,
        }
    }

    /// The sizes of the holes in responses.
    fn sizes(&self) -> Outcomes {
        Outcomes {
            dropped: self.large_holes,
            answered: self.small_holes,
        }
    }

    /// Large segments that found no way, in either direction.
    pub(super) fn black(&self) -> u64 {
        self.large_holes + self.large_stuck
    }
}

/// Probability of each trouble, given what was seen.
pub(super) fn posterior(stalls: &Stalls) -> Vec<(StallTrouble, f64)> {
    let lns: Vec<f64> = STALL_TROUBLES
        .iter()
        .map(|(trouble, prior)| prior.ln() + ln_likelihood(*trouble, stalls))
        .collect();
    STALL_TROUBLES
        .iter()
        .map(|(trouble, _)| *trouble)
        .zip(normalise(&lns))
        .collect()
}

fn ln_likelihood(trouble: StallTrouble, stalls: &Stalls) -> f64 {
    ln_holes(trouble, stalls) + ln_given_up(trouble, stalls) + ln_older(trouble, stalls)
}

/// Connections that were given up with nothing missing: who has sent nothing is slow.
fn ln_given_up(trouble: StallTrouble, stalls: &Stalls) -> f64 {
    let whole = stalls
        .given_up
        .saturating_sub(stalls.black() + stalls.small_holes);
    let rate = match trouble {
        StallTrouble::BlackHole | StallTrouble::Contents | StallTrouble::Loss => WITH_A_HOLE,
        StallTrouble::Application | StallTrouble::Paws => return 0.0,
    };
    ln_series(
        rate,
        Outcomes {
            dropped: 0,
            answered: whole,
        },
    )
}

/// Large segments that found no way, against those that did; and how large the holes are.
fn ln_holes(trouble: StallTrouble, stalls: &Stalls) -> f64 {
    let (down, up) = (stalls.down(), stalls.up());
    let stray = |way| ln_known(STRAY, way);
    let sizes = ln_known(LARGE, stalls.sizes());
    match trouble {
        StallTrouble::BlackHole => {
            // A hole that nothing fell into explains nothing.
            let hole = |way: Outcomes| {
                if way.dropped > 0 {
                    ln_series(FALLS, way)
                } else {
                    f64::NEG_INFINITY
                }
            };
            let by_size = ln_known(1.0 - SMALL, stalls.sizes());
            let [downwards, upwards, both] = DIRECTIONS;
            ln_mixture(&[
                (downwards, hole(down) + by_size + stray(up)),
                (upwards, stray(down) + sizes + hole(up)),
                (both, hole(down) + by_size + hole(up)),
            ])
        }
        StallTrouble::Loss => ln_series(LEFT_BY_LOSS, down) + sizes + ln_series(LEFT_BY_LOSS, up),
        StallTrouble::Contents => ln_series(OPEN, down) + sizes + ln_series(OPEN, up),
        // What an application has not sent cannot be missing, and PAWS drops what came by here.
        StallTrouble::Application | StallTrouble::Paws => stray(down) + sizes + stray(up),
    }
}

/// Timestamps that go back, of the connections that something is wrong with. Where data is not looked at, only those that
/// end by a FIN with an older timestamp are known.
fn ln_older(trouble: StallTrouble, stalls: &Stalls) -> f64 {
    let older = Outcomes {
        dropped: stalls.older,
        answered: stalls.given_up.saturating_sub(stalls.older),
    };
    if trouble == StallTrouble::Paws {
        ln_series(SEEN_OLDER, older)
    } else {
        ln_known(STRAY_OLDER, older)
    }
}

/// The cause that a trouble goes by, if any.
pub(super) const fn cause(trouble: StallTrouble) -> Option<Cause> {
    match trouble {
        StallTrouble::BlackHole => Some(Cause::PmtuBlackHole),
        StallTrouble::Loss => Some(Cause::PacketLoss),
        StallTrouble::Contents => Some(Cause::Filtered),
        StallTrouble::Paws => Some(Cause::PawsEstablished),
        StallTrouble::Application => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(stalls: Stalls, wanted: StallTrouble) -> f64 {
        posterior(&stalls)
            .iter()
            .find(|(trouble, _)| *trouble == wanted)
            .unwrap()
            .1
    }

    #[test]
    fn holes_where_no_large_segment_ever_came_are_a_black_hole() {
        let holes = |large_holes, large_received| Stalls {
            large_holes,
            large_received,
            unanswered: 4,
            ..Stalls::default()
        };
        for (name, stalls, least, most) in [
            ("one may be anything", holes(1, 0), 0.3, 0.9),
            ("two", holes(2, 0), 0.9, 0.98),
            ("four", holes(4, 0), 0.98, 1.0),
            ("large ones came", holes(2, 20), 0.0, 0.001),
            ("many large ones came", holes(4, 500), 0.0, 0.001),
        ] {
            let share = share(stalls, StallTrouble::BlackHole);
            assert!((least..=most).contains(&share), "{name}: {share}");
        }
    }

    #[test]
    fn what_we_send_falls_into_a_hole_of_its_own() {
        let stalls = Stalls {
            large_stuck: 3,
            large_received: 400,
            ..Stalls::default()
        };
        assert!(share(stalls, StallTrouble::BlackHole) > 0.9);
        let passes = Stalls {
            large_acknowledged: 60,
            ..stalls
        };
        assert!(share(passes, StallTrouble::BlackHole) < 0.001);
    }

    #[test]
    fn holes_of_any_size_are_not_the_mtu() {
        let stalls = Stalls {
            large_holes: 2,
            small_holes: 3,
            ..Stalls::default()
        };
        assert!(share(stalls, StallTrouble::BlackHole) < 0.1);
    }

    #[test]
    fn requests_that_nothing_answers_accuse_nobody() {
        let stalls = Stalls {
            unanswered: 20,
            given_up: 10,
            ..Stalls::default()
        };
        for trouble in [StallTrouble::BlackHole, StallTrouble::Paws] {
            assert!(share(stalls, trouble) < 0.9, "{trouble:?}");
        }
    }

    #[test]
    fn timestamps_that_go_back_on_what_stalls_are_paws() {
        let older = |older, given_up| Stalls {
            older,
            given_up,
            ..Stalls::default()
        };
        assert!(share(older(2, 2), StallTrouble::Paws) > 0.9);
        assert!(share(older(4, 5), StallTrouble::Paws) > 0.98);
        assert!(share(older(1, 12), StallTrouble::Paws) < 0.5);
    }
}
