use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
    style::Color,
};

use super::{
    app::{App, Pane},
    keymap::LOOKING,
    view::theme::Theme,
    *,
};
use crate::{
    analysis::diagnosis::{RemoteCounters, RemoteDiagnosis},
    report::fixture,
    survey::SourceSurvey,
};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

#[test]
fn screens_fit_small_and_large_terminals() {
    for (pane, keys) in [
        ("list", ""),
        ("recycling", "\r"),
        ("fragmenting", "jj\r"),
        ("healthy", "jjj\r"),
        ("causes", "cj"),
        ("help", "?"),
        ("filter", "/recy"),
        ("sorted", "ssr"),
        ("established", "v"),
    ] {
        for (width, height) in SIZES {
            let mut app = watched();
            type_in(&mut app, keys);
            let name = format!("{pane}_{width}x{height}");
            insta::assert_snapshot!(name, screen(&mut app, width, height).backend());
        }
    }
}

#[test]
fn screen_says_what_it_waits_for() {
    let mut app = App::default();
    app.show(fixture::idle(), false);
    insta::assert_snapshot!(screen(&mut app, 80, 24).backend());
}

#[test]
fn two_interfaces_stand_in_one_list() {
    let mut app = App::default();
    app.show(fixture::two_interfaces(), false);
    insta::assert_snapshot!(screen(&mut app, 100, 24).backend());
}

#[test]
fn no_terminal_is_too_small() {
    for (width, height) in [(20, 6), (10, 3), (1, 1), (3, 40), (500, 2)] {
        for keys in ["", "\r", "c", "?", "/x", "jjj\rn"] {
            let mut app = watched();
            type_in(&mut app, keys);
            screen(&mut app, width, height);
        }
    }
    let mut app = watched();
    insta::assert_snapshot!(screen(&mut app, 20, 12).backend());
}

#[test]
fn without_colour_marks_and_words_are_left() {
    let mut app = watched();
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let theme = Theme::new(false);
    terminal
        .draw(|frame| view::draw(frame, &mut app, theme))
        .unwrap();
    let cells = terminal.backend().buffer().content();
    assert!(cells.iter().any(|cell| cell.symbol() == "●"));
    for cell in cells {
        let colours = (cell.fg, cell.bg);
        let reset = Color::Reset;
        assert_eq!(colours, (reset, reset), "{cell:?}");
    }
}

#[test]
fn colours_are_of_the_eight_that_every_terminal_has_and_on_its_own_background() {
    for keys in ["", "\r", "c", "?", "/x"] {
        let mut app = watched();
        type_in(&mut app, keys);
        let terminal = screen(&mut app, 120, 40);
        for cell in terminal.backend().buffer().content() {
            let is_known = matches!(cell.fg, Color::Reset | Color::Red | Color::Yellow);
            assert!(is_known && cell.bg == Color::Reset, "{keys:?}: {cell:?}");
        }
    }
}

#[test]
fn cursor_stays_on_its_host_when_the_order_changes() {
    let mut app = watched();
    type_in(&mut app, "jjjj");
    let before = chosen(&app);
    type_in(&mut app, "sssss");
    assert_eq!(chosen(&app), before);
    let mut survey = fixture::busy();
    survey.sources[0].diagnosis.remotes[60].counters.syn_sent += 1_000_000;
    app.show(survey, true);
    assert_eq!(chosen(&app), before);
}

#[test]
fn cursor_at_the_top_stays_with_the_worst() {
    let mut app = watched();
    type_in(&mut app, "ss");
    assert_eq!(app.list.line, 0);
    type_in(&mut app, "G");
    assert_eq!(app.list.line, app.order().entries().len() - 1);
    type_in(&mut app, "g");
    assert_eq!(app.list.line, 0);
}

#[test]
fn held_screen_stands_still_and_counting_goes_on() {
    let mut app = watched();
    type_in(&mut app, "p");
    let mut later = fixture::busy();
    later.end = later.end.plus(5_000_000_000);
    later.sources[0].diagnosis.remotes[0].counters.syn_sent = 99_999;
    app.show(later, true);
    let held = screen(&mut app, 120, 40).backend().to_string();
    assert!(
        held.contains("12481") && held.contains("paused, 0:05 behind"),
        "{held}"
    );
    type_in(&mut app, "p");
    let on = screen(&mut app, 120, 40).backend().to_string();
    assert!(on.contains("99999") && !on.contains("paused"), "{on}");
}

#[test]
fn filter_is_typed_kept_and_dropped() {
    let mut app = watched();
    let all = app.order().entries().len();
    type_in(&mut app, "/loss");
    assert_eq!(app.order().entries().len(), 1);
    type_in(&mut app, "\r");
    assert_eq!(app.order().entries().len(), 1);
    type_in(&mut app, "/zzz");
    assert_eq!(app.order().entries().len(), 0);
    press(&mut app, KeyCode::Esc);
    assert_eq!(app.filter().text(), "loss", "the filter before");
    press(&mut app, KeyCode::Esc);
    assert_eq!(app.order().entries().len(), all);
}

#[test]
fn hosts_are_shown_and_found_by_name() {
    let mut app = App::default();
    let mut survey = fixture::busy();
    survey.names = fixture::names();
    app.show(survey, true);
    let list = screen(&mut app, 120, 40).backend().to_string();
    assert!(list.contains("198.51.100.80 www.server.example"), "{list}");
    type_in(&mut app, "/www.server\r");
    assert_eq!(app.order().entries().len(), 1);
    type_in(&mut app, "\r");
    let detail = screen(&mut app, 120, 40).backend().to_string();
    let heading = "198.51.100.80 (www.server.example): tcp_tw_recycle is on";
    assert!(detail.contains(heading), "{detail}");
}

#[test]
fn cause_leads_to_its_hosts() {
    let mut app = watched();
    type_in(&mut app, "cj\r");
    assert_eq!(app.pane(), Pane::List);
    assert_eq!(app.order().entries().len(), 1);
}

#[test]
fn detail_goes_from_host_to_host_and_back() {
    let mut app = watched();
    type_in(&mut app, "\rnn");
    assert_eq!((app.pane(), app.list.line), (Pane::Detail, 2));
    type_in(&mut app, "N?");
    assert_eq!((app.pane(), app.list.line), (Pane::Help, 1));
    type_in(&mut app, "q");
    assert_eq!(
        app.pane(),
        Pane::Detail,
        "help goes back to where it was opened"
    );
    type_in(&mut app, "q");
    assert_eq!(app.pane(), Pane::List);
}

#[test]
fn every_key_of_the_help_is_accepted_in_every_pane() {
    for opening in ["", "\r", "c", "?"] {
        for binding in LOOKING {
            let mut app = watched();
            type_in(&mut app, opening);
            app.update(binding.action());
            screen(&mut app, 80, 24);
        }
    }
}

#[test]
fn exported_report_is_markdown_in_a_new_file() {
    let directory = tempfile::tempdir().unwrap();
    let survey = fixture::busy();
    let names = [1, 2].map(|_| {
        let file = export(&survey, None, directory.path()).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("## natdiag: 3 findings need attention."));
        file.file_name().unwrap().to_str().unwrap().to_owned()
    });
    assert_eq!(
        names,
        [
            "natdiag-20260101T001422Z.md",
            "natdiag-20260101T001422Z-2.md"
        ]
    );
    assert!(export(&survey, None, &directory.path().join("nowhere")).is_err());
}

#[test]
fn only_what_is_in_sight_is_put_into_words() {
    let mut app = App::default();
    app.show(crowd(100_000), true);
    type_in(&mut app, "G");
    let terminal = screen(&mut app, 200, 60);
    let text = terminal.backend().to_string();
    assert!(text.contains("10.1.134.159"), "{text}");
}

/// An app that has watched for a while.
fn watched() -> App {
    let mut app = App::default();
    let last = fixture::busy();
    for second in (0..20).rev() {
        let mut survey = last.clone();
        survey.end = Timestamp(last.end.0 - second * 1_000_000_000);
        for (counter, each) in [(0, 412_000), (1, 398_000)] {
            survey.sources[0].diagnosis.totals.counters[counter] -= second * each;
        }
        if let Some(octets) = &mut survey.sources[0].octets {
            octets.received -= second * 298_000_000;
            octets.sent -= second * 27_400_000;
        }
        survey.own_cpu_ns = Some(1_000_000_000 - second * 4_000_000);
        for (place, remote) in survey.sources[0].diagnosis.remotes.iter_mut().enumerate() {
            let past = second * (place as u64 % 4 + 1) * (3 + (second * 7 + place as u64) % 5);
            remote.counters.syn_sent = remote.counters.syn_sent.saturating_sub(past);
        }
        app.show(survey, true);
    }
    app
}

/// So many remote hosts without findings.
fn crowd(hosts: u32) -> Survey {
    let remotes = (0..hosts).map(|host| RemoteDiagnosis {
        address: std::net::Ipv4Addr::from(0x0a00_0000 + host).into(),
        counters: RemoteCounters {
            syn_sent: 3,
            ..RemoteCounters::default()
        },
        established: None,
        findings: Vec::new(),
        hit_by: Vec::new(),
        close_up: None,
    });
    let source: SourceSurvey = fixture::live("ens5", fixture::diagnosis(remotes.collect()));
    fixture::survey(vec![source])
}

fn screen(app: &mut App, width: u16, height: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let theme = Theme::new(true);
    terminal
        .draw(|frame| view::draw(frame, app, theme))
        .unwrap();
    terminal
}

fn type_in(app: &mut App, keys: &str) {
    for key in keys.chars() {
        press(
            app,
            match key {
                '\r' => KeyCode::Enter,
                letter => KeyCode::Char(letter),
            },
        );
        // Where lines go is known from the last frame.
        screen(app, 120, 40);
    }
}

fn press(app: &mut App, code: KeyCode) {
    let key = KeyEvent::new(code, KeyModifiers::NONE);
    let action = keymap::lookup(key, app.mode()).unwrap();
    app.update(action);
}

fn chosen(app: &App) -> std::net::IpAddr {
    app.remote(app.chosen().unwrap()).unwrap().address
}
