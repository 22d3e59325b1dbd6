//! Hosts that have nothing in common fail in the same seconds: then what they share fails, the way out of here or the
//! NAT on it, and none of them is to be accused. Whether they do is weighed against each failing by itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::{
    case::{finding, insufficient},
    contest::NAMED,
    likelihood::{Rate, ln_series},
};
use crate::analysis::{
    diagnosis::{Alternative, Cause, Evidence, Finding, Severity},
    fates::{Outcomes, SynSums, spells::Spell},
    tracker::network,
};

/// Hosts from which on that is said.
const HOSTS: usize = 4;
/// Networks that they must be of: the hosts of one site share a way at its end as well.
const NETWORKS: usize = 3;
/// Of so many hosts one may be well all the same: it may be near, or reached by another way.
const ONE_WELL_OF: usize = 10;
/// Tenths of its drops that a host must have had in the seconds in which the others fail.
const TENTHS: u64 = 8;
/// Odds that must speak for one reason against reasons of their own.
const ODDS: f64 = 1000.0;
/// What fails as a whole drops nearly all for a while, and then nearly nothing.
const ALL_OR_NOTHING: Rate = Rate::new(0.2, 0.2);
/// What fails by itself does so at any rate.
const ANY: Rate = Rate::new(1.0, 1.0);

/// Hosts that fail together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Together {
    /// The hosts.
    failing: BTreeSet<IpAddr>,
    /// Hosts that SYNs went to in the seconds in which these fail.
    hosts: usize,
    /// What became of all SYNs in these seconds.
    outcomes: Outcomes,
}

impl Together {
    /// The hosts that fail together, if nearly all do.
    #[must_use]
    pub fn of<'a>(hosts: impl Iterator<Item = (IpAddr, &'a SynSums)> + Clone) -> Option<Self> {
        let dropping = hosts.clone().filter(|(_, syns)| syns.all().dropped > 0);
        if dropping.take(HOSTS).count() < HOSTS {
            return None;
        }
        let mut hosts: Vec<_> = hosts.collect();
        // Sums of logarithms depend on their order in the last digits.
        hosts.sort_unstable_by_key(|(address, _)| *address);
        let seconds = seconds(&hosts);
        let is_bad = |spell: &Spell| {
            let second = seconds.get(&spell.second);
            second.is_some_and(|second| second.hosts > 1 && second.outcomes.is_mostly_dropped())
        };
        let mut together = Self::default();
        for (address, syns) in &hosts {
            let met = sum(syns.spells.iter().filter(is_bad));
            if met.total() == 0 {
                continue;
            }
            together.hosts += 1;
            together.outcomes = together.outcomes.plus(met);
            if met.dropped > 0 && met.dropped * 10 >= syns.all().dropped * TENTHS {
                together.failing.insert(*address);
            }
        }
        let ln_odds = ln_together(&seconds) - ln_each_by_itself(&hosts);
        (together.are_nearly_all() && ln_odds > ODDS.ln()).then_some(together)
    }

    /// Whether SYNs to this host are dropped as those to all others are.
    #[must_use]
    pub fn includes(&self, address: IpAddr) -> bool {
        self.failing.contains(&address)
    }

    /// The hosts.
    pub fn failing(&self) -> impl Iterator<Item = IpAddr> {
        self.failing.iter().copied()
    }

    fn are_nearly_all(&self) -> bool {
        let networks: BTreeSet<_> = self.failing().map(network).collect();
        let well = self.hosts - self.failing.len();
        self.failing.len() >= HOSTS
            && networks.len() >= NETWORKS
            && well <= self.hosts.div_ceil(ONE_WELL_OF)
    }

    /// What is said of the source, once. `out_of_ports`: with how many of the hosts by itself it would be said that a NAT
    /// has no port left.
    #[must_use]
    pub fn finding(&self, out_of_ports: usize) -> Finding {
        let what = format!(
            "{} of {} hosts fail in the same seconds, {} of {} SYNs then",
            self.failing.len(),
            self.hosts,
            self.outcomes.dropped,
            self.outcomes.total()
        );
        let evidence = vec![
            (
                "hosts_failing_together",
                Evidence::Count(self.failing.len() as u64),
            ),
            ("hosts_tried_then", Evidence::Count(self.hosts as u64)),
            ("syn_dropped_then", Evidence::Count(self.outcomes.dropped)),
            ("syn_answered_then", Evidence::Count(self.outcomes.answered)),
        ];
        let remedy = vec![
            "look at what these connections share: this line (`mtr` to the first hop beyond it) and the limits of the NAT on it (ports for each client, open connections)".to_owned(),
        ];
        if out_of_ports * 2 > self.failing.len() {
            let summary = format!(
                "a NAT beyond this machine has no port left at times: {what}, when many connections were open or had closed shortly before"
            );
            return Finding {
                confidence: NAMED,
                ..finding(
                    Cause::NatPortExhaustion,
                    Severity::Critical,
                    summary,
                    evidence,
                    remedy,
                )
            };
        }
        let why = |why: &str| why.to_owned();
        Finding {
            not_excluded: vec![
                Alternative {
                    cause: Cause::NatPortExhaustion,
                    why: why("a NAT that has no port left drops SYNs to all hosts at once"),
                },
                Alternative {
                    cause: Cause::PacketLoss,
                    why: why("a line that is out, or full, does so too"),
                },
            ],
            ..insufficient(
                format!(
                    "{what}: what they share fails, this line or a NAT on it, and not the hosts"
                ),
                evidence,
                remedy,
            )
        }
    }
}

/// What became of all SYNs of one second, and to how many hosts they went.
#[derive(Clone, Copy, Debug, Default)]
struct Second {
    outcomes: Outcomes,
    hosts: usize,
}

fn seconds(hosts: &[(IpAddr, &SynSums)]) -> BTreeMap<u64, Second> {
    let mut seconds = BTreeMap::<u64, Second>::new();
    for spell in hosts.iter().flat_map(|(_, syns)| syns.spells.iter()) {
        let second = seconds.entry(spell.second).or_default();
        second.outcomes = second.outcomes.plus(spell.outcomes);
        second.hosts += 1;
    }
    seconds
}

/// How likely the fates are where each second has a rate of drops that is the same for all hosts.
fn ln_together(seconds: &BTreeMap<u64, Second>) -> f64 {
    let of_each = seconds
        .values()
        .map(|second| ln_series(ALL_OR_NOTHING, second.outcomes));
    of_each.sum()
}

/// How likely they are where each host has a rate of its own, or fails for seconds of its own, whichever is likelier.
fn ln_each_by_itself(hosts: &[(IpAddr, &SynSums)]) -> f64 {
    let of_each = hosts.iter().map(|(_, syns)| {
        let spells = syns.spells.iter();
        let in_spells: f64 = spells
            .map(|spell| ln_series(ALL_OR_NOTHING, spell.outcomes))
            .sum();
        in_spells.max(ln_series(ANY, sum(syns.spells.iter())))
    });
    of_each.sum()
}

fn sum(spells: impl Iterator<Item = Spell>) -> Outcomes {
    spells.fold(Outcomes::default(), |sum, spell| sum.plus(spell.outcomes))
}

impl Outcomes {
    const fn is_mostly_dropped(self) -> bool {
        self.dropped > self.answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        analysis::{
            fates::{Fate, SynClass},
            mark::Prediction,
        },
        event::Timestamp,
    };

    /// Hosts of one network each; `fates` says how many SYNs to a host are dropped and answered in each of 20 seconds.
    fn together(hosts: u8, fates: impl Fn(u8, u64) -> (u64, u64)) -> Option<Together> {
        together_at(hosts, |host| [198, 51, host, 7], fates)
    }

    fn together_at(
        hosts: u8,
        address: impl Fn(u8) -> [u8; 4],
        fates: impl Fn(u8, u64) -> (u64, u64),
    ) -> Option<Together> {
        let all: Vec<_> = (0..hosts)
            .map(|host| {
                let seconds = (0..20).map(|second| (second, fates(host, second)));
                (IpAddr::from(address(host)), evidence(seconds))
            })
            .collect();
        Together::of(all.iter().map(|(address, syns)| (*address, syns)))
    }

    fn evidence(seconds: impl Iterator<Item = (u64, (u64, u64))>) -> SynSums {
        let mut syns = SynSums::default();
        for (second, (dropped, answered)) in seconds {
            let class = SynClass {
                prediction: Prediction::Pass,
                reuses_time_wait: false,
                ambiguous: false,
                unseen_mark: false,
                unseen_use: false,
                repeated: false,
                first_contact: false,
                service: 0,
                second,
                open: 1,
                options: 0,
                is_odd: false,
            };
            let now = Timestamp(second * 1_000_000_000);
            for (fate, number) in [(Fate::Dropped, dropped), (Fate::Answered, answered)] {
                for _ in 0..number {
                    syns.settle(class, Fate::Pending, fate, now);
                }
            }
        }
        syns
    }

    const fn outage(second: u64) -> (u64, u64) {
        if second >= 8 && second < 13 {
            (2, 0)
        } else {
            (0, 2)
        }
    }

    #[test]
    fn hosts_that_fail_in_the_same_seconds_are_told_once() {
        let together = together(6, |_, second| outage(second)).unwrap();
        assert_eq!(together.failing().count(), 6);
        let finding = together.finding(0);
        assert_eq!(finding.cause, Cause::InsufficientEvidence);
        assert!(finding.summary.starts_with("6 of 6 hosts fail"));
        assert_eq!(together.finding(4).cause, Cause::NatPortExhaustion);
    }

    #[test]
    fn one_healthy_host_among_many_is_not_said_to_fail() {
        let one_well = |host, second| if host == 3 { (0, 2) } else { outage(second) };
        let together = together(9, one_well).unwrap();
        assert_eq!(together.failing().count(), 8);
        assert!(!together.includes(IpAddr::from([198, 51, 3, 7])));
    }

    #[test]
    fn hosts_that_may_fail_each_for_itself_are_judged_apart() {
        assert_eq!(together(2, |_, second| outage(second)), None, "two hosts");
        let in_turn = |host, second| {
            let begin = 3 * u64::from(host);
            if (begin..begin + 3).contains(&second) {
                (2, 0)
            } else {
                (0, 2)
            }
        };
        assert_eq!(together(6, in_turn), None, "each in seconds of its own");
        let at_random = |host, second| {
            let dropped = u64::from((7 * u64::from(host) + 3 * second) % 10 < 3);
            (dropped, 2 - dropped)
        };
        assert_eq!(together(6, at_random), None, "some at any time");
        let always = |_, _| (2, 0);
        assert_eq!(together(6, always), None, "none ever answers");
        let half = |host, second| {
            if host % 2 == 0 {
                (0, 2)
            } else {
                outage(second)
            }
        };
        assert_eq!(together(10, half), None, "half of them is well");
        let one_site = |host| [198, 51, 100, host];
        let of_one_site = together_at(6, one_site, |_, second| outage(second));
        assert_eq!(of_one_site, None, "hosts of one site");
    }

    #[test]
    fn host_that_fails_at_other_times_as_well_has_a_trouble_of_its_own() {
        let own = |host, second| if host == 3 { (2, 0) } else { outage(second) };
        let together = together(12, own).unwrap();
        assert!(!together.includes(IpAddr::from([198, 51, 3, 7])));
    }
}
