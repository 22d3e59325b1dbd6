use std::fmt::Write as _;

use super::{silence::ln_any_time, *};
use crate::analysis::fates::resets::signal;

/// Resets and answers by class of silence.
fn counts(classes: &[(usize, u64, u64)]) -> FollowCounts {
    let mut counts = FollowCounts::ZERO;
    for (class, reset, answered) in classes {
        counts.reset_after[*class] = *reset;
        counts.answered_after[*class] = *answered;
    }
    counts
}

/// What a trouble makes of the silences before RSTs.
fn ln_silences(trouble: &Trouble, followed: &FollowCounts) -> f64 {
    trouble.ln_silences(&Seen {
        syns: &SynSums::default(),
        resets: &ResetSums::default(),
        followed,
    })
}

fn best_by_silence(followed: &FollowCounts) -> &'static str {
    TROUBLES
        .iter()
        .max_by(|a, b| ln_silences(a, followed).total_cmp(&ln_silences(b, followed)))
        .unwrap()
        .name
}

#[test]
fn priors_add_up_to_one() {
    let sum: f64 = TROUBLES.iter().map(|trouble| trouble.prior).sum();
    assert!((sum - 1.0).abs() < 0.001, "{sum}");
}

#[test]
fn resets_beyond_one_silence_and_none_before_are_a_timeout() {
    let timeout = counts(&[(0, 0, 400), (3, 0, 20), (6, 0, 6), (9, 5, 0)]);
    assert_eq!(best_by_silence(&timeout), IDLE.name);
    for rival in [APPLICATION, RESTART] {
        let odds = ln_silences(&IDLE, &timeout) - ln_silences(&rival, &timeout);
        assert!(odds > 50_f64.ln(), "{}: {odds}", rival.name);
    }
}

#[test]
fn resets_whatever_the_silence_are_none() {
    let any_time = counts(&[(0, 20, 100), (3, 2, 10), (9, 0, 4)]);
    assert_ne!(best_by_silence(&any_time), IDLE.name);
    let restart = counts(&[(0, 0, 100), (2, 3, 5), (5, 2, 3), (9, 1, 4)]);
    assert_ne!(best_by_silence(&restart), IDLE.name);
}

#[test]
fn without_a_reset_silence_says_nothing() {
    let quiet = counts(&[(0, 0, 400), (9, 0, 4)]);
    for trouble in [IDLE, APPLICATION] {
        assert!(ln_silences(&trouble, &quiet).abs() < 1e-9);
    }
}

#[test]
fn bounds_are_where_the_classes_begin() {
    let timeout = counts(&[(0, 0, 400), (6, 0, 6), (9, 5, 0)]);
    let (reset, answered) = silence::bounds(&timeout).unwrap();
    assert_eq!(reset.to_string(), "of 256 to 512 s");
    assert_eq!(answered.to_string(), "of 32 to 64 s");
    assert_eq!(silence::after_silence(&timeout).dropped, 5);
    assert_eq!(silence::bounds(&counts(&[(0, 0, 3)])), None);
}

/// What each trouble makes of each channel, so that one channel can be read across: logarithms of likelihoods.
#[test]
fn every_trouble_is_weighed_in_every_channel() {
    let resets_of = |signals, number| {
        let mut resets = ResetSums::default();
        for _ in 0..number {
            resets.settle(None, signals);
        }
        resets
    };
    let syns = SynSums {
        orderly: 20,
        oldest_orderly_ns: 30_000_000_000,
        ..SynSums::default()
    };
    let mut table = String::new();
    for (name, resets, after, followed) in [
        (
            "RST and ACK, soon",
            resets_of(0, 5),
            2_000_000_000,
            counts(&[(0, 5, 60)]),
        ),
        (
            "bare, after long silences",
            resets_of(signal::BARE | signal::OLD, 5),
            400_000_000_000,
            counts(&[(0, 0, 60), (4, 0, 8), (9, 5, 0)]),
        ),
        (
            "bare, after any silence",
            resets_of(signal::BARE, 5),
            2_000_000_000,
            counts(&[(0, 0, 60), (4, 2, 8), (9, 3, 4)]),
        ),
        (
            "from elsewhere, and the host went on",
            resets_of(signal::OTHER_TTL | signal::WENT_ON, 5),
            2_000_000_000,
            counts(&[(0, 5, 60)]),
        ),
    ] {
        let mut resets = resets;
        resets.youngest_reset_ns = Some(after);
        let seen = Seen {
            syns: &syns,
            resets: &resets,
            followed: &followed,
        };
        writeln!(table, "{name}").unwrap();
        writeln!(
            table,
            "  {:<12}  prior  signals      age  silence    story    share",
            ""
        )
        .unwrap();
        for (trouble, share) in contest(&seen).shares() {
            writeln!(
                table,
                "  {:<12} {:>6.2} {:>8.2} {:>8.2} {:>8.2} {:>8.3} {:>8.4}",
                trouble.name,
                trouble.prior.ln(),
                trouble.ln_signals(&seen),
                trouble.ln_age(&seen),
                trouble.ln_silences(&seen),
                trouble.ln_story(&seen),
                share
            )
            .unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn what_goes_by_no_silence_counts_only_resets_and_answers() {
    let counted = |classes| silence::classes(&counts(classes));
    let at_once = ln_any_time(&counted(&[(0, 3, 9)]));
    let spread = ln_any_time(&counted(&[(0, 1, 4), (5, 2, 5)]));
    assert!((at_once - spread).abs() < 1e-9);
}
