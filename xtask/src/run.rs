//! Builds natdiag and becomes it.

use std::{
    ffi::OsString,
    process::{Command, ExitCode},
};

use anyhow::Result;

use crate::{
    exec::{self, Profile},
    setup::{self, Purpose},
};

/// Commands of natdiag that need no privileges.
const UNPRIVILEGED: [&str; 4] = ["completions", "help", "man", "replay"];
/// Flags that make natdiag answer and end.
const ANSWERED_AT_ONCE: [&str; 4] = ["-h", "--help", "-V", "--version"];

/// What `cargo xtask run` is asked.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What natdiag is asked; `watch` if nothing
    #[arg(last = true, value_name = "NATDIAG ARGS")]
    words: Vec<OsString>,
}

/// Runs `cargo xtask run`; returns only on an error.
///
/// # Errors
/// When something that is needed cannot be installed or built, or natdiag cannot be started.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    setup::ensure(Purpose::Build)?;
    exec::run(
        exec::cargo()
            .args(["build", "--package", "natdiag", "--bin", "natdiag"])
            .args(["--profile", Profile::Release.name()]),
    )?;
    let words = if args.words.is_empty() {
        vec!["watch".into()]
    } else {
        args.words.clone()
    };
    let program = exec::built("natdiag", Profile::Release)?;
    let mut natdiag = if needs_root(&words) {
        exec::as_root(program)
    } else {
        Command::new(program)
    };
    Err(exec::become_program(natdiag.args(words)))
}

/// Whether natdiag attaches programs or opens raw sockets when asked this.
fn needs_root(words: &[OsString]) -> bool {
    let is_one_of = |word: &OsString, list: &[&str]| list.iter().any(|listed| word == listed);
    !words.iter().any(|word| is_one_of(word, &ANSWERED_AT_ONCE))
        && !words
            .iter()
            .find(|word| !word.as_encoded_bytes().starts_with(b"-"))
            .is_some_and(|command| is_one_of(command, &UNPRIVILEGED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs_root_for(line: &str) -> bool {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        needs_root(&words)
    }

    #[test]
    fn watching_needs_root() {
        assert!(needs_root_for("watch -i eth0"));
        assert!(needs_root_for("-v watch"));
    }

    #[test]
    fn reading_a_capture_needs_no_root() {
        assert!(!needs_root_for("replay a.pcap"));
        assert!(!needs_root_for("-v replay watch"));
    }

    #[test]
    fn asking_for_help_needs_no_root() {
        assert!(!needs_root_for("--help"));
        assert!(!needs_root_for("watch --help"));
    }
}
