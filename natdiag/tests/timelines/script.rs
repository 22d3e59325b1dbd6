//! Reads a timeline: what is expected, and who sends what when. `testdata/timelines/README.md` has the form.

use std::{collections::BTreeMap, net::SocketAddr};

use anyhow::{Context as _, Result, bail, ensure};

/// A timeline.
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// The number of what is wrong, which a scenario of the lab about the same has too.
    pub(crate) row: String,
    /// What it is about.
    pub(crate) about: String,
    /// Causes that must be named, and no others.
    pub(crate) expected: Vec<String>,
    /// Causes that may be named besides.
    pub(crate) tolerated: Vec<String>,
    /// Causes that a finding must leave possible.
    pub(crate) left_open: Vec<String>,
    /// Least confidence of what is expected.
    pub(crate) least: f64,
    /// Whether ordinary segments are seen, as in a capture.
    pub(crate) shows_ordinary: bool,
    /// All lines, each repeated as often as it says.
    pub(crate) steps: Vec<Step>,
}

/// Something that is sent.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// When, in microseconds.
    pub(crate) time_us: u64,
    /// How far the repetition has moved it, in milliseconds: clocks have gone on so far.
    pub(crate) moved_ms: u64,
    /// Which repetition of all; 0 outside of any.
    pub(crate) number: u32,
    /// Which line of the file.
    line: u32,
    /// What.
    pub(crate) what: String,
    /// Its settings, the line's before those of the file.
    settings: BTreeMap<String, String>,
}

/// Lines that are repeated.
struct Block {
    times: u32,
    every_ms: u64,
    lines: Vec<Line>,
}

struct Line {
    number: u32,
    time_us: u64,
    what: String,
    settings: BTreeMap<String, String>,
}

impl Script {
    /// Reads a file's text.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut script = Self {
            least: 0.9,
            ..Self::default()
        };
        let mut defaults = BTreeMap::new();
        let mut block: Option<Block> = None;
        let mut number = 0;
        for (place, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            script
                .take((place, line), &mut defaults, &mut block, &mut number)
                .with_context(|| format!("line {}: `{line}`", place + 1))?;
        }
        ensure!(block.is_none(), "a `repeat` has no `end`");
        ensure!(!script.expected.is_empty(), "nothing is expected");
        ensure!(!script.steps.is_empty(), "nothing is sent");
        Ok(script)
    }

    fn take(
        &mut self,
        (place, line): (usize, &str),
        defaults: &mut BTreeMap<String, String>,
        block: &mut Option<Block>,
        number: &mut u32,
    ) -> Result<()> {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let words = || rest.split_whitespace().map(str::to_owned);
        match word {
            "row" => rest.trim().clone_into(&mut self.row),
            "about" => rest.trim().clone_into(&mut self.about),
            "expect" => self.expected.extend(words()),
            "allow" => self.tolerated.extend(words()),
            "open" => self.left_open.extend(words()),
            "captured" => self.shows_ordinary = true,
            "least" => self.least = rest.trim().parse()?,
            "with" => {
                for word in words() {
                    let (name, value) = word.split_once('=').context("no `=`")?;
                    defaults.insert(name.to_owned(), value.to_owned());
                }
            }
            "repeat" => {
                let mut words = words();
                let times = words.next().context("how often?")?.parse()?;
                let every_ms = words.next().context("every how many ms?")?.parse()?;
                ensure!(block.is_none(), "a `repeat` within another");
                *block = Some(Block {
                    times,
                    every_ms,
                    lines: Vec::new(),
                });
            }
            "end" => {
                let block = block.take().context("no `repeat` before")?;
                for turn in 0..block.times {
                    *number += 1;
                    let moved_ms = u64::from(turn) * block.every_ms;
                    self.steps.extend(
                        block
                            .lines
                            .iter()
                            .filter(|line| line.is_in(turn))
                            .map(|line| line.step(moved_ms, *number)),
                    );
                }
            }
            time => {
                let line = Line::parse(u32::try_from(place)?, time, rest, defaults)?;
                if let Some(block) = block {
                    block.lines.push(line);
                } else {
                    self.steps.push(line.step(0, 0));
                }
            }
        }
        Ok(())
    }
}

impl Line {
    fn parse(
        number: u32,
        time: &str,
        rest: &str,
        defaults: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let ms: f64 = time.parse().context("neither a time nor a word")?;
        let mut words = rest.split_whitespace();
        let what = words.next().context("what is sent?")?.to_owned();
        let mut settings = defaults.clone();
        for word in words {
            let (name, value) = word.split_once('=').unwrap_or((word, "yes"));
            settings.insert(name.to_owned(), value.to_owned());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a time within a test"
        )]
        let time_us = (ms * 1000.0) as u64;
        Ok(Self {
            number,
            time_us,
            what,
            settings,
        })
    }

    /// Whether it is sent in this repetition: `only=3` in every third, `except=3` in all others.
    fn is_in(&self, turn: u32) -> bool {
        let number = |name| self.settings.get(name).and_then(|n| n.parse::<u32>().ok());
        number("only").is_none_or(|n| turn.is_multiple_of(n))
            && number("except").is_none_or(|n| !turn.is_multiple_of(n))
    }

    fn step(&self, moved_ms: u64, number: u32) -> Step {
        Step {
            time_us: self.time_us + moved_ms * 1000,
            moved_ms,
            number,
            line: self.number,
            what: self.what.clone(),
            settings: self.settings.clone(),
        }
    }
}

impl Step {
    /// A setting as it stands.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    /// Whether a setting is there and not `no`.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.text(name).is_some_and(|value| value != "no")
    }

    /// A number, or what stands for it.
    pub(crate) fn number(&self, name: &str, or: u32) -> Result<u32> {
        match self.text(name) {
            None => Ok(or),
            Some("random") => Ok(self.scattered()),
            Some(value) => value.parse().with_context(|| format!("`{name}={value}`")),
        }
    }

    /// A timestamp: a clock in milliseconds that has gone on, or `random` per repetition, or `none`.
    pub(crate) fn clock(&self, name: &str) -> Result<Option<u32>> {
        #[expect(clippy::cast_possible_truncation, reason = "clocks wrap")]
        let moved = self.moved_ms as u32;
        match self.text(name) {
            None | Some("none") => Ok(None),
            Some("random") => Ok(Some(self.scattered())),
            Some(value) => {
                let (base, more) = value.split_once('+').unwrap_or((value, "0"));
                let more: u32 = more.parse().with_context(|| format!("`{name}={value}`"))?;
                let base = if base == "random" {
                    self.scattered()
                } else {
                    let base: u32 = base.parse().with_context(|| format!("`{name}={value}`"))?;
                    base.wrapping_add(moved)
                };
                Ok(Some(base.wrapping_add(more)))
            }
        }
    }

    /// A number that differs from repetition to repetition.
    fn scattered(&self) -> u32 {
        self.number.wrapping_mul(2_654_435_761).rotate_left(7) ^ 0x5bd1_e995
    }

    /// One of the two ends.
    pub(crate) fn end(&self, name: &str) -> Result<SocketAddr> {
        let value = self
            .text(name)
            .with_context(|| format!("no `{name}=` is set"))?;
        value.parse().with_context(|| format!("`{name}={value}`"))
    }

    /// The local end. Where no `port=` is set, a whole connection has one of its own, and single segments share one for
    /// each repetition and each `c=`.
    pub(crate) fn local(&self) -> Result<SocketAddr> {
        /// Ports of one repetition: more than its connections, and an odd number, so that no kind of line has odd ports
        /// alone.
        const SLOTS: u32 = 17;
        let value = self.text("from").context("no `from=` is set")?;
        let address = value.parse().with_context(|| format!("`from={value}`"))?;
        let is_whole = matches!(
            self.what.as_str(),
            "served" | "spoken" | "closed" | "blocked"
        );
        let slot = if is_whole {
            8 + self.line % 8
        } else {
            self.number("c", 0)? % 8
        };
        let own = 20_000 + (self.number * SLOTS + slot) % 40_000;
        let port = self.number("port", own)?;
        let Ok(port) = u16::try_from(port) else {
            bail!("`port={port}`");
        };
        Ok(SocketAddr::new(address, port))
    }
}
