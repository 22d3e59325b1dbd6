use super::{order, *};
use crate::{
    analysis::{fates::Outcomes, mark::Prediction, verdict::syn::newest::Decided},
    event::Timestamp,
};

/// SYNs at these milliseconds; `true` was refused.
fn series(syns: impl IntoIterator<Item = (u64, bool)>) -> Vec<Decided> {
    let decided = |(millisecond, is_dropped)| Decided {
        sent: Timestamp(millisecond * 1_000_000),
        tsval: None,
        prediction: Prediction::Pass,
        repeated: false,
        open: 0,
        is_dropped,
        counts: true,
    };
    syns.into_iter().map(decided).collect()
}

/// The likeliest trouble, where so many RSTs came from another distance.
fn best(series: &[Decided], by_other: u64) -> (&'static str, f64) {
    let Outcomes { dropped, answered } = order::outcomes(series);
    let port = PortRefusals {
        port: 443,
        by_reset: dropped,
        by_other,
        by_error: 0,
    };
    let seen = Seen {
        syns: &SynSums::default(),
        port,
        taken: answered,
        series,
    };
    let (trouble, share) = contest(&seen).best().unwrap();
    (trouble.name, share)
}

#[test]
fn priors_add_up_to_one() {
    let sum: f64 = TROUBLES.iter().map(|trouble| trouble.prior).sum();
    assert!((sum - 1.0).abs() < 0.001, "{sum}");
}

#[test]
fn spell_of_refusals_between_two_of_none_is_a_restart() {
    let syns = series((0..50).map(|n| (n * 500, (20..30).contains(&n))));
    let (best, share) = best(&syns, 0);
    assert_eq!(best, RESTART.name);
    assert!(share > NAMED, "{share}");
}

#[test]
fn refusals_without_end_are_a_stopped_service() {
    let syns = series((0..40).map(|n| (n * 500, n >= 20)));
    let (best, share) = best(&syns, 0);
    assert_eq!(best, STOPPED.name);
    assert!(share > NAMED, "{share}");
}

#[test]
fn refusals_beyond_so_many_a_second_are_a_limit() {
    // Bursts of ten within 20 ms, once in four seconds: five pass.
    let bursts = (0..12).flat_map(|burst| (0..10).map(move |n| (burst * 4000 + n * 2, n >= 5)));
    let syns = series(bursts);
    let (best, share) = best(&syns, 0);
    assert_eq!(best, RATE_LIMIT.name);
    assert!(share > NAMED, "{share}");
}

#[test]
fn refusals_at_random_name_nothing() {
    // No rule is behind these places.
    let refused = [3, 4, 9, 15, 17, 18, 26, 31, 37];
    let syns = series((0..40).map(|n| (n * 500, refused.contains(&n))));
    let (best, _) = best(&syns, 0);
    assert_eq!(best, ONE_OF_SEVERAL.name);
}

#[test]
fn refusals_at_random_from_another_distance_are_injected() {
    let refused = [3, 4, 9, 15, 17, 18, 26, 31, 37];
    let syns = series((0..40).map(|n| (n * 500, refused.contains(&n))));
    let (best, share) = best(&syns, 9);
    assert_eq!(best, INJECTED.name);
    assert!(share > NAMED, "{share}");
}

#[test]
fn spells_are_counted_where_refusals_begin() {
    let refused = [3, 4, 9, 15, 17, 18];
    let syns = series((0..20).map(|n| (n * 500, refused.contains(&n))));
    assert_eq!(order::spells(&syns), 4);
    assert_eq!(order::spells(&series([(0, true), (1, true)])), 1);
    assert_eq!(order::spells(&series([(0, false)])), 0);
}
