//! Errors as they are told to people.

use std::error::Error;

/// An error and its causes, in one line.
#[must_use]
pub fn in_full(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// An error and its causes, for a terminal: names of files and keys of configurations are somebody else's, and must not
/// steer it.
#[must_use]
pub fn told(error: &dyn Error) -> String {
    in_full(error).replace(|c: char| c.is_control() && c != '\n', "?")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn what_an_error_names_cannot_steer_a_terminal() {
        let error = io::Error::other("cannot open `\x1b[31mred\x07\u{9b}2J`\n  help");
        assert_eq!(told(&error), "cannot open `?[31mred??2J`\n  help");
    }
}
