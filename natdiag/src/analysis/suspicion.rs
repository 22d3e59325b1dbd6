//! Decides whose established connections are followed, packet by packet: remote hosts with symptoms, few at once and
//! not for long, because each packet of the interface pays for it.

use std::collections::BTreeMap;

use natdiag_common::{Address, follow};
use serde::{Deserialize, Serialize};

use crate::event::Timestamp;

/// How often it is decided whose connections are followed, in nanoseconds.
pub const SUSPICION_PERIOD_NS: u64 = 2_000_000_000;

/// Longest suspicion, in nanoseconds: long enough for two of the usual idle timeouts of NAT gateways (350 s at most
/// between two packets), short enough that nobody pays for ever.
pub const LONGEST_NS: u64 = 600_000_000_000;
/// For how long a host is then left alone.
const REST_NS: u64 = 3_600_000_000_000;

/// Remote hosts under suspicion.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Suspicion {
    since: BTreeMap<Address, Timestamp>,
    ended: BTreeMap<Address, Timestamp>,
}

impl Suspicion {
    /// Says who is under suspicion at `now`, of those with symptoms, worst first.
    pub fn update(&mut self, symptomatic: &[Address], now: Timestamp) -> Vec<Address> {
        let ended = &mut self.ended;
        self.since.retain(|remote, since| {
            let goes_on = now.since(*since) < LONGEST_NS;
            if !goes_on {
                ended.insert(*remote, now);
            }
            goes_on
        });
        ended.retain(|_, at| now.since(*at) < REST_NS);
        for remote in symptomatic {
            if self.since.len() >= follow::SUSPECTS {
                break;
            }
            if !self.ended.contains_key(remote) {
                self.since.entry(*remote).or_insert(now);
            }
        }
        self.since.keys().copied().collect()
    }

    /// Since when a remote host is under suspicion, if it is.
    #[must_use]
    pub fn since(&self, remote: Address) -> Option<Timestamp> {
        self.since.get(&remote).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn host(number: u8) -> Address {
        Address::from_octets([number; 16])
    }

    #[test]
    fn a_host_with_symptoms_is_followed_for_ten_minutes_and_then_left_alone_for_an_hour() {
        let mut suspicion = Suspicion::default();
        let at = |seconds: u64| Timestamp(seconds * SECOND);
        for (seconds, followed) in [
            (0, true),
            (599, true),
            (600, false),
            (4199, false),
            (4200, true),
        ] {
            let suspects = suspicion.update(&[host(1)], at(seconds));
            assert_eq!(suspects == [host(1)], followed, "{seconds}");
        }
    }

    #[test]
    fn no_more_than_sixteen_are_followed_and_the_worst_come_first() {
        let mut suspicion = Suspicion::default();
        let many: Vec<_> = (1..=20).rev().map(host).collect();
        let suspects = suspicion.update(&many, Timestamp(0));
        assert_eq!(suspects, (5..=20).map(host).collect::<Vec<_>>());
        assert_eq!(suspicion.since(host(4)), None);
        assert_eq!(suspicion.since(host(5)), Some(Timestamp(0)));
    }

    #[test]
    fn who_comes_later_gets_the_place_of_who_has_ended() {
        let mut suspicion = Suspicion::default();
        let first: Vec<_> = (1..=16).map(host).collect();
        suspicion.update(&first, Timestamp(0));
        assert!(
            !suspicion
                .update(&[host(17)], Timestamp(SECOND))
                .contains(&host(17))
        );
        assert_eq!(
            suspicion.update(&[host(1), host(17)], Timestamp(LONGEST_NS)),
            [host(17)]
        );
    }
}
