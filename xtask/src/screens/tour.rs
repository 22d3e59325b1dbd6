//! A tour of the screen on a real terminal: what is wrong stands on it within a bounded time, and every key that help
//! names does what help says.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::terminal::Terminal;
use crate::lab::interrupt;

/// How soon a server must be named.
const NAMED_WITHIN: Duration = Duration::from_secs(15);
/// How soon a key must show.
const SHOWN_WITHIN: Duration = Duration::from_secs(5);

/// Keys, and what stands on the screen afterwards and not before, or before and not afterwards.
struct Step {
    keys: &'static str,
    shows: &'static str,
    hides: &'static str,
}

const fn step(keys: &'static str, shows: &'static str, hides: &'static str) -> Step {
    Step { keys, shows, hides }
}

/// From the list, with the server on its first line, back to the list.
const TOUR: &[Step] = &[
    // The details of the host, which has no neighbour.
    step("\r", "next, previous", "Enter details"),
    step("G", "next, previous", "more below"),
    step("y", "note copied", ""),
    step("n", "next, previous", "note copied"),
    step("N", "next, previous", ""),
    step("h", "Enter details", "next, previous"),
    // The causes, and the hosts of one.
    step("c", "its hosts", "Enter details"),
    step("\r", "match `tw-recycle`", "its hosts"),
    step("\u{1b}", "Enter details", "match `tw-recycle`"),
    // Orders.
    step("s", "sorted by rate", ""),
    step("S", "sorted by rate, reversed", ""),
    step("S", "sorted by rate", "reversed"),
    step("ssssss", "Enter details", "sorted by"),
    // A filter: typed, kept, dropped; begun and given up.
    step("/203.0.113.0/24", "/203.0.113.0/24", "Enter details"),
    step("\r", "match `203.0.113.0/24`", "Enter keeps it"),
    step("/\u{15}nobody", "No remote host matches", "203.0.113"),
    step("\u{1b}", "match `203.0.113.0/24`", "No remote host"),
    step("\u{7f}", "Enter details", "match `"),
    // Standing still.
    step("p", "paused", ""),
    step("p", "Enter details", "paused"),
    // The rest.
    step("?", "one line down", "Enter details"),
    step("q", "Enter details", "one line down"),
    step("\u{c}", "Enter details", ""),
    step("e", "report written to natdiag-", ""),
    step("j", "Enter details", "report written"),
];

/// Waits until a cause is named.
///
/// # Errors
/// It is not within the time.
pub(super) fn wait_for_verdict(terminal: &Terminal, verdict: &'static str) -> Result<()> {
    wait(terminal, NAMED_WITHIN, &step("", verdict, ""))
}

/// Takes the tour.
///
/// # Errors
/// A key does something else, or nothing.
pub(super) fn take(terminal: &mut Terminal) -> Result<()> {
    for step in TOUR {
        terminal.write(step.keys)?;
        wait(terminal, SHOWN_WITHIN, step)
            .with_context(|| format!("after the keys {:?}", step.keys))?;
    }
    Ok(())
}

fn wait(terminal: &Terminal, limit: Duration, step: &Step) -> Result<()> {
    let shown = || terminal.look(vt100::Screen::contents);
    let mut last = String::new();
    let waited = interrupt::wait_until(step.shows, limit, || {
        // Before natdiag has taken the terminal there is no screen.
        last = shown().unwrap_or_default();
        let is_hidden = step.hides.is_empty() || !last.contains(step.hides);
        Ok(last.contains(step.shows) && is_hidden)
    });
    ensure!(
        waited.is_ok(),
        "{:?} does not stand on the screen, or {:?} still does:\n{last}",
        step.shows,
        step.hides
    );
    Ok(())
}
