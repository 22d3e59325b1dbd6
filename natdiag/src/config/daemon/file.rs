//! The configuration file: TOML, whose keys are the flags. An error names the line, what stands there, and what to do.

use thiserror::Error;

use crate::cli::daemon::Settings;

/// Why a text is no configuration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: `{found}`: {message}")]
pub struct FileError {
    /// The line, counted from 1.
    pub line: usize,
    /// What stands there.
    pub found: String,
    /// What is wrong, and what to do.
    pub message: String,
}

/// What readers of values say, and what tells more.
const CLEARER: [(&str, &str); 2] = [
    (
        "expected a sequence",
        "expected a list; put it in brackets, also where it has one entry",
    ),
    (
        "invalid socket address syntax",
        "it is no address with a port; write such as `127.0.0.1:9435` or `[::1]:9435`",
    ),
];

/// Reads the text of a configuration file.
///
/// # Errors
/// It is no TOML, or a key or a value means nothing.
pub fn parse(text: &str) -> Result<Settings, FileError> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count();
        let said = error.message().trim_end().replace('\n', "; ");
        FileError {
            line: line + 1,
            found: text.lines().nth(line).unwrap_or_default().trim().to_owned(),
            message: CLEARER
                .iter()
                .fold(said, |said, (short, clear)| said.replace(short, clear)),
        }
    })
}
