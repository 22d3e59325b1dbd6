//! What evidence says beside its packets: what the kernel has counted of the established connections of a host under suspicion. Their
//! segments are too many to be kept, and findings rest on these sums. A statement is a sentence for people, which is read
//! back as it was written.

use std::{fmt, net::IpAddr, str::FromStr};

use natdiag_common::follow::{FollowCounter, FollowCounts, SILENCES};

use crate::event::Timestamp;

const BEGINNING: &str = "established connections of ";
const SINCE: &str = ", followed since ";

/// What was counted of the established connections of a remote host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The remote host.
    pub remote: IpAddr,
    /// Since when they are followed.
    pub since: Timestamp,
    /// What was counted.
    pub counts: FollowCounts,
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            remote,
            since,
            counts,
        } = self;
        write!(f, "{BEGINNING}{remote}{SINCE}{} ns:", since.0)?;
        let named = names().zip(counts.words()).filter(|(_, count)| *count > 0);
        for (name, count) in named {
            write!(f, " {name}={count}")?;
        }
        Ok(())
    }
}

/// A text is no statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoStatement;

impl FromStr for Statement {
    type Err = NoStatement;

    fn from_str(text: &str) -> Result<Self, NoStatement> {
        read(text).ok_or(NoStatement)
    }
}

fn read(text: &str) -> Option<Statement> {
    let (remote, rest) = text.strip_prefix(BEGINNING)?.split_once(SINCE)?;
    let (since, counted) = rest.split_once(" ns:")?;
    let mut counts = FollowCounts::ZERO;
    for word in counted.split_whitespace() {
        let (name, count) = word.split_once('=')?;
        let place = names().position(|known| known == name)?;
        *counts.words_mut().nth(place)? = count.parse().ok()?;
    }
    Some(Statement {
        remote: remote.parse().ok()?,
        since: Timestamp(since.parse().ok()?),
        counts,
    })
}

/// A name for each word of the counters, in their order.
fn names() -> impl Iterator<Item = String> {
    let silences = |answer: &'static str| {
        (0..SILENCES).map(move |class| match class {
            0 => format!("{answer}-within-1s"),
            class => format!("{answer}-after-{}s", 1_u32 << (class - 1)),
        })
    };
    FollowCounter::NAMES
        .into_iter()
        .map(str::to_owned)
        .chain(silences("reset"))
        .chain(silences("answered"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_statement_is_read_as_it_was_written() {
        let mut counts = FollowCounts::ZERO;
        for (value, word) in (0..).zip(counts.words_mut()) {
            *word = value;
        }
        let statement = Statement {
            remote: "2001:db8::80".parse().unwrap(),
            since: Timestamp(1_764_105_600_123_456_789),
            counts,
        };
        let text = statement.to_string();
        assert!(text.contains(" sent-small-repeated=1 "), "{text}");
        assert!(text.contains(" reset-after-4s="), "{text}");
        assert_eq!(text.parse(), Ok(statement));
        let names: BTreeSet<_> = names().collect();
        assert_eq!(names.len(), counts.words().count());
    }

    #[test]
    fn other_texts_are_no_statements() {
        for text in [
            "",
            "a SYN",
            "established connections of x, followed since 1 ns:",
            "established connections of 203.0.113.80, followed since 1 ns: other=1",
            "established connections of 203.0.113.80, followed since 1 ns: hole=x",
        ] {
            assert_eq!(text.parse::<Statement>(), Err(NoStatement), "{text}");
        }
    }
}
