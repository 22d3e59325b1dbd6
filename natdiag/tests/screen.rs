//! The screen on a real terminal: it gives the terminal back as it was, however it ends.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by a panic"
)]

use std::{
    env,
    fs::{self, File},
    io::{self, Read, Write},
    os::fd::OwnedFd,
    path::Path,
    process::{Child, Command},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use natdiag::{
    analysis::diagnosis::{Cause, Diagnosis, Finding, RemoteCounters, RemoteDiagnosis, Severity},
    report::view::{View, Wish},
    survey::{SourceKind, SourceSurvey, Survey},
    tui::Tui,
};
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    pty::{OpenptyResult, Winsize, openpty},
    sys::termios::{Termios, tcgetattr},
};

/// Tells the program that it is the one on the terminal, and what it is to do there.
const PART: &str = "NATDIAG_TEST_PART";
/// Where it writes how that went.
const RESULT: &str = "NATDIAG_TEST_RESULT";

/// How long a program may take to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A program that starts while a terminal is being opened would inherit it.
static STARTING: Mutex<()> = Mutex::new(());

const ENTER: &str = "\u{1b}[?1049h";
/// What is drawn last.
const LAST_WORD: &str = "quit";
const LEAVE: &str = "\u{1b}[?1049l";

/// What the program on the terminal does; as a test of its own it has nothing to do.
#[test]
fn part() {
    let Ok(part) = env::var(PART) else { return };
    let mut screen = Tui::new(Box::new(Report), None);
    let begun = screen.begin(match part.as_str() {
        "copy" => with_a_finding(),
        _ => Survey::default(),
    });
    let result = match part.as_str() {
        _ if begun.is_err() => begun.map(|()| Wish::GoOn),
        "finish" => screen.finish(&Survey::default()).map(|()| Wish::End),
        "panic" => panic!("forced"),
        "drop" => Ok(Wish::End),
        _ => until_it_ends(&mut screen),
    };
    drop(screen);
    let result = result.map_err(|error| error.kind());
    fs::write(env::var(RESULT).unwrap(), format!("{result:?}")).unwrap();
}

#[test]
fn terminal_is_as_it_was_after_the_end() {
    let (result, text) = play("finish", b"");
    assert_eq!(result, "Ok(End)");
    assert_in_order(&text, &[ENTER, LEAVE, "the report"]);
}

#[test]
fn terminal_is_as_it_was_after_a_panic() {
    let (_, text) = play("panic", b"");
    assert_in_order(&text, &[ENTER, LEAVE, "forced"]);
}

#[test]
fn terminal_is_as_it_was_when_the_run_fails() {
    let (_, text) = play("drop", b"");
    assert_in_order(&text, &[ENTER, LEAVE]);
}

#[test]
fn ctrl_c_is_a_key_that_ends_the_run() {
    let (result, text) = play("attend", b"\x03");
    assert_eq!(result, "Ok(End)");
    assert_in_order(&text, &[ENTER, LEAVE]);
}

#[test]
fn help_is_drawn_and_q_closes_it_before_it_ends_the_run() {
    let (result, text) = play("attend", b"?qq");
    assert_eq!(result, "Ok(End)");
    assert_in_order(&text, &[ENTER, LEAVE]);
}

#[test]
fn note_about_a_host_goes_to_the_clipboard_of_the_terminal() {
    let (result, text) = play("copy", b"yq");
    assert_eq!(result, "Ok(End)");
    // "### 198.51.100.80" in Base64.
    assert_in_order(
        &text,
        &[ENTER, "\u{1b}]52;c;IyMjIDE5OC41MS4xMDAuODA", LEAVE],
    );
}

#[test]
fn terminal_that_is_gone_ends_the_run() {
    let terminal = Terminal::open();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("result");
    let mut child = terminal.start("attend", &file);
    let OpenptyResult { master, slave } = terminal.0;
    drop(slave);
    let mut master = File::from(master);
    read_until_it_is_up(&mut master);
    drop(master);
    child.wait().unwrap();
    assert_eq!(fs::read_to_string(file).unwrap(), "Err(BrokenPipe)");
}

fn with_a_finding() -> Survey {
    let finding = Finding {
        cause: Cause::PacketLoss,
        confidence: 0.97,
        severity: Severity::Warning,
        summary: "packets are lost on the way".to_owned(),
        evidence: Vec::new(),
        excluded: Vec::new(),
        not_excluded: Vec::new(),
        remedy: vec!["look for it".to_owned()],
    };
    let remote = RemoteDiagnosis {
        address: "198.51.100.80".parse().unwrap(),
        counters: RemoteCounters::default(),
        established: None,
        findings: vec![finding],
        hit_by: Vec::new(),
        close_up: None,
    };
    let source = SourceSurvey {
        kind: SourceKind::Interface,
        name: "eth0".to_owned(),
        hooks: Vec::new(),
        notes: Vec::new(),
        octets: None,
        looked_at: None,
        diagnosis: Diagnosis {
            remotes_known: 1,
            remotes: vec![remote],
            ..Diagnosis::default()
        },
    };
    Survey {
        sources: vec![source],
        ..Survey::default()
    }
}

#[expect(clippy::disallowed_methods, reason = "a terminal takes its time")]
fn until_it_ends(screen: &mut Tui) -> io::Result<Wish> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if screen.attend()? == Wish::End {
            return Ok(Wish::End);
        }
        thread::yield_now();
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// Reads what the program writes until it has drawn the screen: what is typed before is no key yet.
fn read_until_it_is_up(master: &mut File) -> Vec<u8> {
    let mut text = Vec::new();
    let mut octets = [0; 1024];
    while !String::from_utf8_lossy(&text).contains(LAST_WORD) {
        let number = master.read(&mut octets).unwrap();
        text.extend_from_slice(&octets[..number]);
    }
    text
}

/// Lets the program play its part on a terminal of its own, types `keys`, and returns how it went and what it wrote.
fn play(part: &str, keys: &[u8]) -> (String, String) {
    let terminal = Terminal::open();
    let before = terminal.settings();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("result");
    let mut child = terminal.start(part, &file);
    let mut master = File::from(terminal.0.master.try_clone().unwrap());
    let mut typing = master.try_clone().unwrap();
    let mut text = read_until_it_is_up(&mut master);
    let reader = thread::spawn(move || {
        let mut octets = [0; 1024];
        // It ends with an error when nobody has the other end any more.
        while let Ok(number) = master.read(&mut octets) {
            text.extend_from_slice(&octets[..number]);
        }
        String::from_utf8_lossy(&text).into_owned()
    });
    typing.write_all(keys).unwrap();
    child.wait().unwrap();
    assert_eq!(terminal.settings(), before, "after {part}");
    drop(terminal);
    let text = reader.join().unwrap();
    (fs::read_to_string(file).unwrap_or_default(), text)
}

struct Terminal(OpenptyResult);

impl Terminal {
    fn open() -> Self {
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let _nobody_starts = STARTING.lock();
        let terminal = openpty(&size, None).unwrap();
        // Else the program has our end too, and never sees it close.
        for end in [&terminal.master, &terminal.slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        }
        Self(terminal)
    }

    fn settings(&self) -> Termios {
        tcgetattr(&self.0.slave).unwrap()
    }

    fn start(&self, part: &str, result: &Path) -> Child {
        let slave = || OwnedFd::try_clone(&self.0.slave).unwrap();
        let _nobody_opens = STARTING.lock();
        Command::new(env::current_exe().unwrap())
            .args(["--exact", "part", "--nocapture"])
            .env(PART, part)
            .env(RESULT, result)
            .env("TERM", "xterm")
            .stdin(slave())
            .stdout(slave())
            .stderr(slave())
            .spawn()
            .unwrap()
    }
}

/// The report after the screen.
struct Report;

impl View for Report {
    fn interim(&mut self, _survey: Survey) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _survey: &Survey) -> io::Result<()> {
        writeln!(io::stdout(), "the report")
    }
}

fn assert_in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            panic!("`{}` is missing in {text:?}", part.escape_debug());
        };
        rest = after;
    }
}
