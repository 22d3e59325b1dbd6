//! `natdiag watch` on a terminal, ended by a signal: the terminal is as it was, with the report on it, and nothing stays
//! attached.

use std::{
    fs::File,
    io::Read as _,
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    pty::{OpenptyResult, Winsize, openpty},
    sys::{
        signal::{Signal, kill},
        termios::tcgetattr,
    },
    unistd::Pid,
};

use crate::{
    hooks::tcx_programs,
    network::{WATCHED, in_namespace, wait_until},
};

const ENTER: &str = "\u{1b}[?1049h";
const LEAVE: &str = "\u{1b}[?1049l";

#[test]
fn a_signal_gives_the_terminal_back_with_the_report_on_it() {
    in_namespace(
        "a_signal_gives_the_terminal_back_with_the_report_on_it",
        || {
            for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
                let text = watched_until(signal);
                let (_, screen) = text.split_once(ENTER).unwrap_or_else(|| panic!("{text:?}"));
                let (_, after) = screen
                    .split_once(LEAVE)
                    .unwrap_or_else(|| panic!("{signal}: {text:?}"));
                assert!(after.contains("natdiag watched v0"), "{signal}: {after:?}");
                assert_eq!(tcx_programs(WATCHED), 0, "{signal}");
            }
        },
    );
}

/// Everything that natdiag writes to a terminal, on which it gets a signal when the screen is up.
fn watched_until(signal: Signal) -> String {
    let size = Winsize {
        ws_row: 24,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let OpenptyResult { master, slave } = openpty(&size, None).unwrap();
    // Else natdiag has our end too, and never sees it close.
    for end in [&master, &slave] {
        fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
    }
    let before = tcgetattr(&slave).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_natdiag"))
        .args(["watch", "-i", WATCHED])
        .env("TERM", "xterm")
        .stdin(slave.try_clone().unwrap())
        .stdout(slave.try_clone().unwrap())
        .stderr(slave.try_clone().unwrap())
        .spawn()
        .unwrap();
    let text = Arc::new(Mutex::new(Vec::new()));
    let reader = thread::spawn({
        let (text, mut master) = (Arc::clone(&text), File::from(master));
        move || {
            let mut octets = [0; 4096];
            // It ends with an error when nobody has the other end any more.
            while let Ok(number) = master.read(&mut octets) {
                text.lock().unwrap().extend_from_slice(&octets[..number]);
            }
        }
    });
    let written = || String::from_utf8_lossy(&text.lock().unwrap()).into_owned();
    wait_until("the screen to be up", || written().contains("quit"));
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
    let status = child.wait().unwrap();
    assert!(status.code().is_some(), "{signal}: {status}");
    assert_eq!(tcgetattr(&slave).unwrap(), before, "{signal}");
    drop(slave);
    reader.join().unwrap();
    written()
}
