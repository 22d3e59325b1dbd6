//! `natdiag watch` on a terminal, ended by a signal: the terminal is as it was, with the report on it, and nothing
//! stays attached.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::{AsRawFd as _, OwnedFd},
    process::{Child, Command},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    pty::{OpenptyResult, Winsize, openpty},
    sys::{
        signal::{Signal, kill},
        termios::{Termios, tcgetattr},
    },
    unistd::Pid,
};

use crate::{
    hooks::wait_for_tcx_programs,
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
                wait_for_tcx_programs(WATCHED, 0);
            }
        },
    );
}

#[test]
fn terminal_of_any_size_has_a_screen_and_q_ends_it() {
    in_namespace("terminal_of_any_size_has_a_screen_and_q_ends_it", || {
        let mut watch = Watch::on_terminal(20, 6);
        wait_until("the narrow screen", || watch.written().contains("quit"));
        for (columns, rows) in [(200, 60), (8, 3), (1, 1), (80, 24)] {
            watch.resize(columns, rows);
        }
        watch.keys.write_all(b"q").unwrap();
        let text = watch.end();
        let (_, after) = text.rsplit_once(LEAVE).unwrap();
        assert!(after.contains("natdiag watched v0"), "{after:?}");
    });
}

/// Everything that natdiag writes to a terminal, on which it gets a signal when the screen is up.
fn watched_until(signal: Signal) -> String {
    let watch = Watch::on_terminal(80, 24);
    wait_until("the screen to be up", || watch.written().contains("quit"));
    watch.signal(signal);
    watch.end()
}

/// A natdiag that watches, on a terminal of its own.
struct Watch {
    child: Child,
    keys: File,
    terminal: OwnedFd,
    before: Termios,
    text: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Watch {
    fn on_terminal(columns: u16, rows: u16) -> Self {
        let OpenptyResult { master, slave } = openpty(&size(columns, rows), None).unwrap();
        // Else natdiag has our end too, and never sees it close.
        for end in [&master, &slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        }
        let before = tcgetattr(&slave).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_natdiag"))
            .args(["watch", "-i", WATCHED])
            .env("TERM", "xterm")
            .stdin(slave.try_clone().unwrap())
            .stdout(slave.try_clone().unwrap())
            .stderr(slave.try_clone().unwrap())
            .spawn()
            .unwrap();
        let text = Arc::new(Mutex::new(Vec::new()));
        let keys = File::from(master);
        let reader = thread::spawn({
            let (text, mut master) = (Arc::clone(&text), keys.try_clone().unwrap());
            move || {
                let mut octets = [0; 4096];
                // It ends with an error when nobody has the other end any more.
                while let Ok(number) = master.read(&mut octets) {
                    text.lock().unwrap().extend_from_slice(&octets[..number]);
                }
            }
        });
        Self {
            child,
            keys,
            terminal: slave,
            before,
            text,
            reader,
        }
    }

    /// Everything written so far.
    fn written(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Gives the terminal another size, and waits until natdiag has drawn that.
    fn resize(&self, columns: u16, rows: u16) {
        let drawn = self.text.lock().unwrap().len();
        let size = size(columns, rows);
        // SAFETY: the terminal is open, and the kernel only reads the size, which lives during the call.
        let set = unsafe { libc::ioctl(self.keys.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
        assert_eq!(set, 0);
        // The kernel tells only the session that the terminal is the controlling one of.
        self.signal(Signal::SIGWINCH);
        wait_until("the screen of another size", || {
            self.text.lock().unwrap().len() > drawn
        });
    }

    /// Waits for the end, after which the terminal must be as it was. Returns everything written.
    fn end(mut self) -> String {
        let status = self.child.wait().unwrap();
        assert!(status.code().is_some(), "{status}");
        assert_eq!(tcgetattr(&self.terminal).unwrap(), self.before);
        drop(self.terminal);
        drop(self.keys);
        self.reader.join().unwrap();
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}
