use super::*;
use crate::{
    analysis::diagnosis::{Cause, RemoteCounters, Severity},
    report::fixture,
};

const WIDE: Option<Size> = Some(Size {
    columns: 120,
    rows: 40,
});
const NARROW: Option<Size> = Some(Size {
    columns: 60,
    rows: 12,
});

#[test]
fn table_shows_each_remote_with_its_verdict() {
    for (name, survey) in fixture::all() {
        let mut out = Vec::new();
        TextView::screen(&mut out, false, || WIDE)
            .interim(&survey)
            .unwrap();
        insta::assert_snapshot!(format!("screen_{name}"), visible(&out));
    }
}

#[test]
fn table_refreshes_in_place_and_leaves_the_report() {
    let mut out = Vec::new();
    let mut view = TextView::screen(&mut out, true, || WIDE);
    let survey = fixture::tw_recycle();
    view.interim(&survey).unwrap();
    view.interim(&survey).unwrap();
    view.finish(&survey).unwrap();
    insta::assert_snapshot!(visible(&out));
}

#[test]
fn table_keeps_to_the_terminal() {
    let remotes = (0..1000).map(|host| {
        let finding = fixture::finding(Cause::PacketLoss, Severity::Warning);
        fixture::remote(
            &format!("2001:db8::{host:x}"),
            RemoteCounters::default(),
            vec![finding],
        )
    });
    let survey = fixture::survey(vec![fixture::live(
        "ens5",
        fixture::diagnosis(remotes.collect()),
    )]);
    let mut out = Vec::new();
    TextView::screen(&mut out, false, || NARROW)
        .interim(&survey)
        .unwrap();
    let text = visible(&out);
    assert!(text.lines().count() <= 12, "{text}");
    for line in text.lines() {
        let line = line.replace("\\e[K", "").replace("\\e[J", "");
        assert!(line.chars().count() < 60, "{line}");
    }
    assert!(
        text.contains("996 more remotes with findings do not fit the screen"),
        "{text}"
    );
}

#[test]
fn lines_tell_what_changed_and_how_it_goes() {
    let mut out = Vec::new();
    let mut view = TextView::lines(&mut out, || None);
    let mut later = fixture::two_interfaces();
    view.interim(&fixture::healthy()).unwrap();
    for _ in 0..2 {
        later.end = later.end.plus(1_000_000_000);
        view.interim(&later).unwrap();
    }
    let mut healed = fixture::healthy();
    healed.end = later.end.plus(1_000_000_000);
    view.interim(&healed).unwrap();
    insta::assert_snapshot!(visible(&out));
}

/// The output with escapes that can be read.
fn visible(out: &[u8]) -> String {
    String::from_utf8(out.to_vec())
        .unwrap()
        .replace('\u{1b}', "\\e")
}
