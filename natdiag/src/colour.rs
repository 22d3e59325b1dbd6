//! Whether colours and weights are wanted: what the person has set for all programs. Whether there is a terminal to
//! show them is for each of its users to know.

use std::env;

/// Whether the environment allows colours; see <https://no-color.org>. A terminal that calls itself `dumb` has none.
#[must_use]
pub fn is_wanted() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    !is_set("NO_COLOR") && env::var_os("TERM").is_none_or(|term| term != "dumb")
}
