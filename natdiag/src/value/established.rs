//! How many of the established connections are looked at, segment by segment.

use std::{fmt, str::FromStr};

use natdiag_common::sample::Share;
use thiserror::Error;

/// How many established connections are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EstablishedChoice {
    /// As many as cost less than one percent of a CPU: mostly all.
    #[default]
    Auto,
    /// This share, whatever it costs.
    Share(Share),
    /// None: what becomes of connections between their beginning and their end is not seen.
    None,
}

/// Why a text says nothing of the kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "neither `auto`, `all` or `none`, nor one in a power of two such as `1/8` (at least 1/1048576)"
)]
pub struct EstablishedError;

impl FromStr for EstablishedChoice {
    type Err = EstablishedError;

    fn from_str(text: &str) -> Result<Self, EstablishedError> {
        match text {
            "auto" => return Ok(Self::Auto),
            "all" => return Ok(Self::Share(Share::ALL)),
            "none" => return Ok(Self::None),
            _ => {}
        }
        text.strip_prefix("1/")
            .and_then(|number| number.parse::<u32>().ok())
            .filter(|number| number.is_power_of_two() && *number <= Share::LEAST.one_in())
            .map(|number| Self::Share(Share::one_in_power(number.ilog2())))
            .ok_or(EstablishedError)
    }
}

impl fmt::Display for EstablishedChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Share(Share::ALL) => f.write_str("all"),
            Self::Share(share) => write!(f, "1/{}", share.one_in()),
            Self::None => f.write_str("none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_is_read_and_written() {
        for text in ["auto", "all", "none", "1/8", "1/1048576"] {
            let choice: EstablishedChoice = text.parse().unwrap();
            assert_eq!(choice.to_string(), text);
        }
        for text in ["", "1/3", "1/0", "1/2097152", "8", "0.5", "1/-8"] {
            assert_eq!(
                text.parse::<EstablishedChoice>(),
                Err(EstablishedError),
                "{text}"
            );
        }
    }
}
