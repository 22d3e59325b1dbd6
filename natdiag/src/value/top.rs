//! How many remote hosts a report shows.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// How many remotes without findings a report shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Top {
    /// At most so many, the busiest.
    Busiest(usize),
    /// All.
    All,
}

/// Why a text is no number of remotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("neither a number nor `all`; write such as `--top 50`")]
pub struct TopError;

impl Default for Top {
    fn default() -> Self {
        Self::Busiest(1000)
    }
}

impl Top {
    /// The most remote hosts that are shown.
    #[must_use]
    pub const fn limit(self) -> usize {
        match self {
            Self::Busiest(limit) => limit,
            Self::All => usize::MAX,
        }
    }
}

impl FromStr for Top {
    type Err = TopError;

    fn from_str(text: &str) -> Result<Self, TopError> {
        match text {
            "all" => Ok(Self::All),
            number => number.parse().map(Self::Busiest).map_err(|_| TopError),
        }
    }
}

impl fmt::Display for Top {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busiest(limit) => limit.fmt(f),
            Self::All => f.write_str("all"),
        }
    }
}
