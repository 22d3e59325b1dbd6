use super::*;
use crate::report::fixture;

#[test]
fn lines_tell_what_changed_and_how_it_goes() {
    insta::assert_snapshot!(lines(|| None));
}

#[test]
fn lines_on_a_terminal_keep_to_its_width() {
    let text = lines(|| Some(Paper::plain(80)));
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    insta::assert_snapshot!(text);
}

#[test]
fn nothing_seen_yet_is_said_plainly_and_is_no_verdict() {
    let mut out = Vec::new();
    let mut view = TextView::with(&mut out, None, || None);
    view.interim(fixture::idle()).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(
        text.contains("no connection and no fragment seen yet"),
        "{text}"
    );
    assert!(!text.contains("insufficient-evidence"), "{text}");
}

fn lines(terminal: fn() -> Option<Paper>) -> String {
    let mut out = Vec::new();
    let mut view = TextView::with(&mut out, None, terminal);
    let mut later = fixture::two_interfaces();
    view.interim(fixture::healthy()).unwrap();
    for _ in 0..2 {
        later.end = later.end.plus(1_000_000_000);
        view.interim(later.clone()).unwrap();
    }
    let mut healed = fixture::healthy();
    healed.end = later.end.plus(1_000_000_000);
    view.interim(healed).unwrap();
    String::from_utf8(out).unwrap()
}
