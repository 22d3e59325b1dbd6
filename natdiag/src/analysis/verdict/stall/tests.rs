use std::fmt::Write as _;

use super::*;

fn share(stalls: Stalls, wanted: &Trouble) -> f64 {
    contest(&stalls).share_of(|trouble| trouble.name == wanted.name)
}

#[test]
fn priors_add_up_to_one() {
    let sum: f64 = TROUBLES.iter().map(|trouble| trouble.prior).sum();
    assert!((sum - 1.0).abs() < 0.001, "{sum}");
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
        let share = share(stalls, &BLACK_HOLE);
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
    assert!(share(stalls, &BLACK_HOLE) > 0.9);
    let passes = Stalls {
        large_acknowledged: 60,
        ..stalls
    };
    assert!(share(passes, &BLACK_HOLE) < 0.001);
}

#[test]
fn holes_of_any_size_are_not_the_mtu() {
    let stalls = Stalls {
        large_holes: 2,
        small_holes: 3,
        ..Stalls::default()
    };
    assert!(share(stalls, &BLACK_HOLE) < 0.1);
}

#[test]
fn requests_that_nothing_answers_accuse_nobody() {
    let stalls = Stalls {
        unanswered: 20,
        given_up: 10,
        ..Stalls::default()
    };
    for trouble in [&BLACK_HOLE, &PAWS] {
        assert!(share(stalls, trouble) < 0.9, "{}", trouble.name);
    }
}

#[test]
fn timestamps_that_go_back_on_what_stalls_are_paws() {
    let older = |older, given_up| Stalls {
        older,
        given_up,
        ..Stalls::default()
    };
    assert!(share(older(2, 2), &PAWS) > 0.9);
    assert!(share(older(4, 5), &PAWS) > 0.98);
    assert!(share(older(1, 12), &PAWS) < 0.5);
}

/// To hundredths, without a sign of zero.
fn rounded(ln: f64) -> f64 {
    (ln * 100.0).round() / 100.0 + 0.0
}

/// What each trouble makes of each channel, so that one channel can be read across: logarithms of likelihoods.
#[test]
fn every_trouble_is_weighed_in_every_channel() {
    let mut table = String::new();
    for (name, stalls) in [
        (
            "nothing comes",
            Stalls {
                given_up: 6,
                unanswered: 6,
                ..Stalls::default()
            },
        ),
        (
            "large holes, and no large segment ever came",
            Stalls {
                large_holes: 4,
                given_up: 4,
                ..Stalls::default()
            },
        ),
        (
            "what is sent is stuck",
            Stalls {
                large_stuck: 3,
                large_received: 400,
                given_up: 3,
                ..Stalls::default()
            },
        ),
        (
            "holes of any size",
            Stalls {
                large_holes: 2,
                small_holes: 3,
                large_received: 40,
                given_up: 6,
                ..Stalls::default()
            },
        ),
        (
            "timestamps go back",
            Stalls {
                older: 4,
                given_up: 5,
                ..Stalls::default()
            },
        ),
    ] {
        writeln!(table, "{name}").unwrap();
        writeln!(
            table,
            "  {:<12}  prior    holes given up    older    share",
            ""
        )
        .unwrap();
        for (trouble, share) in contest(&stalls).shares() {
            writeln!(
                table,
                "  {:<12} {:>6.2} {:>8.2} {:>8.2} {:>8.2} {:>8.4}",
                trouble.name,
                trouble.prior.ln(),
                rounded((trouble.ln_holes)(&stalls)),
                rounded((trouble.ln_given_up)(&stalls)),
                rounded((trouble.ln_older)(&stalls)),
                share
            )
            .unwrap();
        }
    }
    insta::assert_snapshot!(table);
}
