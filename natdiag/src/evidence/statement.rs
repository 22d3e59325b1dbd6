//! What evidence says beside its packets: what the kernel has counted of the established connections of a host under
//! suspicion. Their segments are too many to be kept, and findings rest on these sums. A statement is a sentence for
//! people, which is read back as it was written.

use std::{fmt, net::IpAddr, str::FromStr};

use natdiag_common::follow::{FollowCounter, FollowCounts, SILENCES};

use crate::{analysis::conversation::ConversationSums, event::Timestamp};

const BEGINNING: &str = "established connections of ";
const SINCE: &str = ", followed since ";
const ONE_BY_ONE: &str = "; looked at one by one: ";

/// What was counted of the established connections of a remote host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The remote host.
    pub remote: IpAddr,
    /// What was counted while it was under suspicion, and since when.
    pub followed: Option<(Timestamp, FollowCounts)>,
    /// What connections that were looked at one by one have shown, where any of it calls for an explanation.
    pub conversations: Option<ConversationSums>,
}

impl Statement {
    /// Whether a finding that rests on this one rests on the other as well.
    #[must_use]
    pub fn tells_as_much_as(&self, other: &Self) -> bool {
        let of = |it: &Self| it.conversations.as_ref().map(ConversationSums::symptoms);
        self.followed == other.followed && of(self) == of(other)
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BEGINNING}{}", self.remote)?;
        if let Some((since, counts)) = &self.followed {
            write!(f, "{SINCE}{} ns:", since.0)?;
            let named = names().zip(counts.words()).filter(|(_, count)| *count > 0);
            for (name, count) in named {
                write!(f, " {name}={count}")?;
            }
        }
        if let Some(conversations) = &self.conversations {
            let shown = serde_json::to_string(conversations).map_err(|_| fmt::Error)?;
            write!(f, "{ONE_BY_ONE}{shown}")?;
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
    let rest = text.strip_prefix(BEGINNING)?;
    let (rest, conversations) = match rest.split_once(ONE_BY_ONE) {
        Some((rest, shown)) => (rest, Some(serde_json::from_str(shown).ok()?)),
        None => (rest, None),
    };
    let (remote, followed) = match rest.split_once(SINCE) {
        Some((remote, counted)) => (remote, Some(sums(counted)?)),
        None => (rest, None),
    };
    let says_something = followed.is_some() || conversations.is_some();
    says_something.then_some(Statement {
        remote: remote.parse().ok()?,
        followed,
        conversations,
    })
}

fn sums(text: &str) -> Option<(Timestamp, FollowCounts)> {
    let (since, counted) = text.split_once(" ns:")?;
    let mut counts = FollowCounts::ZERO;
    for word in counted.split_whitespace() {
        let (name, count) = word.split_once('=')?;
        let place = names().position(|known| known == name)?;
        *counts.words_mut().nth(place)? = count.parse().ok()?;
    }
    Some((Timestamp(since.parse().ok()?), counts))
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
        let followed = Statement {
            remote: "2001:db8::80".parse().unwrap(),
            followed: Some((Timestamp(1_764_105_600_123_456_789), counts)),
            conversations: None,
        };
        let conversations = Some(ConversationSums {
            connections: 7,
            ..ConversationSums::default()
        });
        let both = Statement {
            conversations,
            ..followed.clone()
        };
        let looked_at = Statement {
            followed: None,
            ..both.clone()
        };
        for statement in [&looked_at, &both] {
            assert_eq!(statement.to_string().parse().as_ref(), Ok(statement));
        }
        let text = followed.to_string();
        assert!(text.contains(" sent-small-repeated=1 "), "{text}");
        assert!(text.contains(" reset-after-4s="), "{text}");
        assert_eq!(text.parse(), Ok(followed));
        let names: BTreeSet<_> = names().collect();
        assert_eq!(names.len(), counts.words().count());
    }

    #[test]
    fn other_texts_are_no_statements() {
        for text in [
            "",
            "a SYN",
            "established connections of x, followed since 1 ns:",
            "established connections of 203.0.113.80",
            "established connections of 203.0.113.80; looked at one by one: {",
            "established connections of 203.0.113.80, followed since 1 ns: other=1",
            "established connections of 203.0.113.80, followed since 1 ns: hole=x",
        ] {
            assert_eq!(text.parse::<Statement>(), Err(NoStatement), "{text}");
        }
    }
}
