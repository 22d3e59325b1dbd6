//! Passes on what test runners print, line by line, and picks out the lines `SKIP name: reason`. The output of
//! tests that passed is not shown. The last summary is held back, so that it can stand at the very end.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};

use crate::exec;

/// How a line begins that says that a test did not run.
const SKIP: &str = "SKIP ";
/// How cargo's test runner begins its summary.
const SUMMARY: &str = "test result: ";

/// What has passed by so far.
#[derive(Default)]
pub(crate) struct Stream {
    /// The lines `SKIP name: reason`, each once.
    skipped: Vec<String>,
    /// Whether the lines are the output of tests that passed.
    passed: bool,
    /// The last summary, not printed yet.
    summary: Option<String>,
}

impl Stream {
    /// Runs a command, both of whose streams pass by in their true order, and returns whether it succeeded.
    ///
    /// # Errors
    /// When the command cannot be started or followed.
    pub(crate) fn run(&mut self, command: &mut Command) -> Result<bool> {
        let (reader, writer) = io::pipe().context("no pipe can be made")?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(writer.try_clone().context("no pipe can be copied")?)
            .stderr(writer)
            .spawn()
            .with_context(|| format!("cannot start `{}`", exec::describe(command)))?;
        // The reader sees the end only when nobody can write any more.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        for line in BufReader::new(reader).split(b'\n') {
            let line = line.context("cannot read what a test prints")?;
            for shown in self.next(&String::from_utf8_lossy(&line)) {
                print(&shown);
            }
        }
        self.passed = false;
        Ok(child.wait().context("cannot wait for a test")?.success())
    }

    /// The tests that did not run.
    pub(crate) fn skipped(&self) -> Vec<String> {
        self.skipped.clone()
    }

    /// Prints the lines, and after them the summary that was held back.
    pub(crate) fn close(&mut self, lines: &[String]) {
        for line in lines.iter().chain(&self.summary.take()) {
            print(line);
        }
    }

    /// Takes one line and returns what is to be printed then.
    fn next(&mut self, line: &str) -> Vec<String> {
        if line.starts_with(SKIP) && !self.skipped.iter().any(|known| known == line) {
            self.skipped.push(line.to_owned());
        }
        if line.starts_with(SUMMARY) {
            self.passed = false;
            let before = self.summary.replace(line.to_owned());
            return before.into_iter().collect();
        }
        match line {
            "successes:" => self.passed = true,
            "failures:" => self.passed = false,
            _ => {}
        }
        if self.passed {
            return Vec::new();
        }
        let starts_runner = ["Running ", "Doc-tests "]
            .iter()
            .any(|start| line.trim_start().starts_with(start));
        let before = if starts_runner {
            self.summary.take()
        } else {
            None
        };
        before.into_iter().chain([line.to_owned()]).collect()
    }
}

fn print(line: &str) {
    // Nobody is left to tell when stdout is closed.
    let _ = writeln!(io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(stream: &mut Stream, text: &str) -> Vec<String> {
        text.lines().flat_map(|line| stream.next(line)).collect()
    }

    #[test]
    fn skip_in_the_hidden_output_of_a_passed_test_is_found() {
        let mut stream = Stream::default();
        let text = "test a ... ok\nsuccesses:\n---- a stdout ----\nSKIP a: no root\nsuccesses:\n    a\ntest result: ok.";
        assert_eq!(shown(&mut stream, text), ["test a ... ok"]);
        assert_eq!(stream.skipped(), ["SKIP a: no root"]);
    }

    #[test]
    fn output_of_a_failed_test_is_shown() {
        let mut stream = Stream::default();
        let text = "successes:\n    a\nfailures:\n---- b stdout ----\nwrong";
        assert_eq!(
            shown(&mut stream, text),
            ["failures:", "---- b stdout ----", "wrong"]
        );
    }

    #[test]
    fn summary_waits_for_the_next_runner() {
        let mut stream = Stream::default();
        assert!(shown(&mut stream, "test result: ok. 1 passed").is_empty());
        assert_eq!(
            shown(&mut stream, "     Running tests/b.rs\nerror: late"),
            [
                "test result: ok. 1 passed",
                "     Running tests/b.rs",
                "error: late"
            ]
        );
    }

    #[test]
    fn last_summary_is_kept_for_the_end() {
        let mut stream = Stream::default();
        let text = "test result: ok. 1 passed\n   Doc-tests a\ntest result: ok. 2 passed\n\n";
        shown(&mut stream, text);
        assert_eq!(stream.summary.as_deref(), Some("test result: ok. 2 passed"));
    }

    #[test]
    fn same_skip_is_listed_once() {
        let mut stream = Stream::default();
        shown(&mut stream, "SKIP a: no root\nSKIP a: no root");
        assert_eq!(stream.skipped().len(), 1);
    }
}
