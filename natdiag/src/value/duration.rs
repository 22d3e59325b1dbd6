//! Spans of time on the command line: a number is nothing without its unit.

use std::time::Duration;

use jiff::SignedDuration;
use thiserror::Error;

/// Why a text is no span of time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DurationError {
    /// A bare number.
    #[error("a number needs its unit; write `{0}s` for seconds, or such as `5min` or `1h30m`")]
    NoUnit(String),
    /// Zero or less.
    #[error("it must be longer than nothing; write such as `20s`, `5min` or `1h30m`")]
    NotPositive,
    /// Anything else.
    #[error("not a span of time; write such as `20s`, `5min` or `1h30m`")]
    Unreadable,
}

/// Reads a span of time such as `20s` or `1h30m`.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let text = text.trim();
    if text.parse::<f64>().is_ok_and(f64::is_finite) {
        return Err(DurationError::NoUnit(text.to_owned()));
    }
    let signed: SignedDuration = text.parse().map_err(|_| DurationError::Unreadable)?;
    Duration::try_from(signed)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or(DurationError::NotPositive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn span_is_read_in_its_unit() {
        for (text, want) in [
            ("20s", Duration::from_secs(20)),
            ("1h30m", Duration::from_mins(90)),
            ("1h 30m", Duration::from_mins(90)),
            ("250ms", Duration::from_millis(250)),
            ("5min", Duration::from_mins(5)),
            ("PT20S", Duration::from_secs(20)),
            (" 48h ", Duration::from_hours(48)),
        ] {
            assert_eq!(parse(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn bare_number_is_refused_and_the_right_form_shown() {
        for text in ["20", "0", "-3", "1.5"] {
            let error = parse(text).expect_err(text);
            assert_eq!(error, DurationError::NoUnit(text.to_owned()));
            assert!(error.to_string().contains(&format!("`{text}s`")), "{text}");
        }
    }

    #[test]
    fn nothing_and_less_are_refused() {
        for text in ["0s", "0h0m", "-20s", "20s ago"] {
            assert_eq!(parse(text), Err(DurationError::NotPositive), "{text}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "soon", "s", "20 parsecs", "nan", "inf"] {
            assert_eq!(parse(text), Err(DurationError::Unreadable), "{text}");
        }
    }
}
