//! Which mutation made natdiag name which cause: how often, and of which sample first.

use std::{collections::BTreeMap, fmt};

use natdiag::analysis::diagnosis::Cause;

/// Causes named, by mutation.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// In the order in which the mutations came.
    rows: Vec<(&'static str, BTreeMap<&'static str, Named>)>,
}

/// A cause that was named.
#[derive(Debug)]
struct Named {
    times: usize,
    first: String,
}

impl Table {
    /// Adds what was named of a sample, and says whether this was the first time. Mutations come one after the other.
    pub(crate) fn add(&mut self, mutation: &'static str, sample: &str, cause: Cause) -> bool {
        if self.rows.last().is_none_or(|(last, _)| *last != mutation) {
            self.rows.push((mutation, BTreeMap::new()));
        }
        let Some((_, row)) = self.rows.last_mut() else {
            return false;
        };
        let named = row.entry(cause.as_str()).or_insert_with(|| Named {
            times: 0,
            first: sample.to_owned(),
        });
        named.times += 1;
        named.times == 1
    }

    /// Whether nothing was named.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (mutation, row) in &self.rows {
            for (cause, Named { times, first }) in row {
                writeln!(f, "{mutation:36} {cause:24} {times:4}  first: {first}")?;
            }
        }
        Ok(())
    }
}
