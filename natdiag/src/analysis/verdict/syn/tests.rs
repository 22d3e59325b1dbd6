use std::fmt::Write;

use natdiag_common::follow::{FollowCounter, FollowCounts};

use super::*;
use crate::{
    analysis::{
        established::Established,
        fates::{Connections, Outcomes, Service},
        fragments::Datagrams,
        table::Counts,
        verdict::Neighbours,
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

fn with_seen<T>(data: &FollowCounts, syns: &SynSums, look: impl FnOnce(&Seen) -> T) -> T {
    let established = Established::new(Timestamp(0), *data);
    let counts = Counts::ZERO;
    let case = Case {
        counts: &counts,
        syns: Some(syns),
        established: Some(&established),
        conversations: None,
        datagrams: Datagrams::default(),
        is_ipv6: false,
        neighbours: Neighbours {
            silent: 1,
            answering: 2,
            fail_together: false,
        },
        missed_share: 0.0,
        now: Timestamp(9_000_000_000),
    };
    look(&Seen::new(&case, syns))
}

const fn outcomes(dropped: u64, answered: u64) -> Outcomes {
    Outcomes { dropped, answered }
}

fn trouble(wanted: SynTrouble) -> &'static Trouble {
    TROUBLES
        .iter()
        .find(|(trouble, _)| *trouble == wanted)
        .map(|(_, trouble)| trouble)
        .unwrap()
}

#[test]
fn priors_are_shares_but_for_what_new_troubles_add() {
    let whole: f64 = TROUBLES.iter().map(|(_, trouble)| trouble.prior).sum();
    assert!((whole - 1.0).abs() < 0.05, "{whole}");
    let shares: f64 = SynTrouble::shares().map(|(_, share)| share).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{shares}");
}

#[test]
fn each_trouble_is_listed_once() {
    for (name, _) in &TROUBLES {
        let listed = TROUBLES.iter().filter(|(it, _)| it == name).count();
        assert_eq!(listed, 1, "{name:?}");
    }
}

/// SYNs of which a rule of timestamps would drop some, with a little of everything beside them.
fn a_little_of_everything() -> SynSums {
    let service = |local: &str, port, outcomes| Service {
        local: local.parse().unwrap(),
        port,
        outcomes,
    };
    SynSums {
        predicted_drop: outcomes(6, 1),
        predicted_pass: outcomes(3, 40),
        without_timestamps: outcomes(1, 8),
        first_contact: outcomes(2, 3),
        reused: outcomes(1, 2),
        services: vec![
            service("192.0.2.1", 443, outcomes(7, 20)),
            service("192.0.2.2", 80, outcomes(3, 29)),
        ],
        connections: Connections {
            failed: 2,
            late: 3,
            clean: 44,
        },
        handshakes: 49,
        handshakes_with_echo: 40,
        syn_acks_lost: 2,
        syn_acks_repeated: 1,
        served: outcomes(4, 20),
        ..SynSums::default()
    }
}

/// No SYN was answered, so that neighbours tell something.
fn silence() -> SynSums {
    SynSums {
        predicted_pass: outcomes(9, 0),
        connections: Connections {
            failed: 3,
            ..Connections::default()
        },
        ..SynSums::default()
    }
}

/// How likely each trouble makes what was seen, channel by channel. A column shows what one channel tells.
fn table(data: &FollowCounts, syns: &SynSums) -> String {
    with_seen(data, syns, |seen| {
        let mut table = format!("{:<20}", "");
        for (channel, _) in TROUBLES[0].1.channels() {
            write!(table, "{channel:>13}").unwrap();
        }
        for (name, trouble) in &TROUBLES {
            write!(table, "\n{:<20}", format!("{name:?}")).unwrap();
            for (_, ln) in trouble.channels() {
                write!(table, "{:>13.3}", ln(seen)).unwrap();
            }
        }
        table
    })
}

#[test]
fn troubles_by_channel() {
    let data = counted(&[
        (FollowCounter::SentSmall, 100),
        (FollowCounter::SentSmallRepeated, 4),
        (FollowCounter::ReceivedSmall, 90),
        (FollowCounter::HoleFilled, 1),
    ]);
    insta::assert_snapshot!(
        "a_little_of_everything",
        table(&data, &a_little_of_everything())
    );
    insta::assert_snapshot!("silence", table(&FollowCounts::ZERO, &silence()));
}

/// Logarithm of the odds that data gives loss against another trouble.
fn ln_odds(data: &FollowCounts, against: SynTrouble) -> f64 {
    let syns = SynSums {
        predicted_pass: outcomes(10, 90),
        ..SynSums::default()
    };
    with_seen(data, &syns, |seen| {
        (trouble(SynTrouble::Loss).ln_data)(seen) - (trouble(against).ln_data)(seen)
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
