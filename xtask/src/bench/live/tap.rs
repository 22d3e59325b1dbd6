//! tcpdump, with the filter that one would give it for what natdiag looks at.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::wire::FAR;

/// Fragments of both families, SYNs and RSTs.
const FILTER: &str =
    "ip[6:2] & 0x3fff != 0 or ip6[6] == 44 or tcp[tcpflags] & (tcp-syn | tcp-rst) != 0";

/// A running tcpdump; it ends when this is dropped.
pub(super) struct Tap(Child);

impl Tap {
    /// Starts it; this thread is at the far end. Returns once it captures.
    pub(super) fn start() -> Result<Self> {
        let mut child = Command::new("tcpdump")
            // Otherwise it would give /dev/null to its own user.
            .args(["-Z", "root", "-i", FAR, "-w", "/dev/null", FILTER])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start tcpdump")?;
        let stderr = child.stderr.take().context("tcpdump has no stderr")?;
        let tap = Self(child);
        let mut lines = BufReader::new(stderr);
        let mut said = String::new();
        while !said.contains("listening on") {
            ensure!(lines.read_line(&mut said)? > 0, "tcpdump: {}", said.trim());
        }
        // What it says in the end must find a reader.
        std::thread::spawn(move || lines.read_to_string(&mut said));
        Ok(tap)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        if let Ok(id) = i32::try_from(self.0.id()) {
            let _ = kill(Pid::from_raw(id), Signal::SIGINT);
        }
        let _ = self.0.wait();
    }
}
