//! Where reports go: readers that leave, full disks, no standard output at all, and terminals that are very narrow.
#![expect(clippy::unwrap_used, reason = "a test may fail by a panic")]

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use nix::pty::{OpenptyResult, Winsize, openpty};

/// Every command that reports, and the exit code with which it would end if its report were read.
const REPORTS: [(&str, i32); 10] = [
    ("replay CAPTURE", 1),
    ("replay CAPTURE --output markdown", 1),
    ("replay CAPTURE --output json", 1),
    ("check server --root PROC", 3),
    ("check server --root PROC --output json", 3),
    ("check nat --root PROC", 3),
    ("check nat --root PROC --output markdown", 3),
    ("completions bash", 0),
    ("man", 0),
    ("--help", 0),
];

#[test]
fn report_without_a_reader_ends_quietly_as_it_would_with_one() {
    for (arguments, code) in REPORTS {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let output = natdiag(arguments)
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(stderr, "", "{arguments}");
        assert_eq!(output.status.code(), Some(code), "{arguments}");
    }
}

#[test]
fn reader_of_the_first_line_only_gets_a_whole_one() {
    let capture = "replay CAPTURE --interval 1s --output jsonl";
    let mut child = natdiag(capture).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    drop(stdout);
    assert!(
        line.starts_with(r#"{"schema":"natdiag.report/1""#),
        "{line}"
    );
    assert!(line.ends_with("}\n"), "{line}");
    assert!(child.wait().unwrap().code().is_some());
}

#[test]
fn full_disk_is_an_error_that_is_told() {
    for (arguments, _) in REPORTS.into_iter().filter(|(words, _)| *words != "--help") {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = natdiag(arguments).stdout(full).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments}: {stderr}");
        assert!(stderr.contains("No space left"), "{arguments}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{arguments}: {stderr}");
    }
}

#[test]
fn closed_standard_output_changes_nothing_but_that_nobody_reads() {
    for (arguments, code) in REPORTS {
        let command = natdiag(arguments);
        let output = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" >&- 2>&- <&-"#])
            .arg(command.get_program())
            .args(command.get_args())
            .status()
            .unwrap();
        assert_eq!(output.code(), Some(code), "{arguments}");
    }
}

#[test]
fn report_on_a_terminal_of_twenty_columns_keeps_to_them() {
    let text = on_terminal(20, "replay CAPTURE");
    let plain = console::strip_ansi_codes(&text);
    assert!(plain.contains("tcp_tw_recycle is"), "{plain}");
    // A command is not broken, for who copies it wants it whole.
    for line in plain.lines().filter(|line| line.chars().count() > 20) {
        let words = line.trim_start_matches([' ', '-']);
        assert!(!words.contains(' ') || words.contains('`'), "{line}");
    }
    // A number that is cut off would be another number.
    assert!(!plain.contains('…'), "{plain}");
}

#[test]
fn report_in_a_file_has_no_colour_and_a_usual_width() {
    let output = natdiag("replay CAPTURE").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(text.lines().any(|line| line.chars().count() > 80), "{text}");
}

/// Everything that natdiag writes to a terminal of so many columns.
fn on_terminal(columns: u16, arguments: &str) -> String {
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let OpenptyResult { master, slave } = openpty(&size, None).unwrap();
    let mut child = natdiag(arguments)
        .env("TERM", "xterm")
        .stdout(slave)
        .spawn()
        .unwrap();
    let reader = thread::spawn(move || {
        let (mut master, mut text, mut octets) = (File::from(master), Vec::new(), [0; 4096]);
        // It ends with an error when nobody has the other end any more.
        while let Ok(number @ 1..) = master.read(&mut octets) {
            text.extend_from_slice(octets.get(..number).unwrap());
        }
        String::from_utf8_lossy(&text).replace('\r', "")
    });
    child.wait().unwrap();
    reader.join().unwrap()
}

fn natdiag(arguments: &str) -> Command {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/captures");
    let capture = captures.join("k3.10-A-recycle1-2cli-pub/in.pcap.gz");
    let mut command = Command::new(env!("CARGO_BIN_EXE_natdiag"));
    command.stdin(Stdio::null());
    for word in arguments.split_whitespace() {
        match word {
            "CAPTURE" => command.arg(&capture),
            "PROC" => command.arg(host_without_anything()),
            word => command.arg(word),
        };
    }
    command
}

/// A root folder that tells nothing about its host.
fn host_without_anything() -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("host-without-anything");
    fs::create_dir_all(root.join("proc")).unwrap();
    root
}
