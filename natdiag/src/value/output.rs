//! The forms in which something can be shown.

use clap::ValueEnum;

/// The form of the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people: the report in plain text
    #[default]
    Text,
    /// One JSON object at the end
    Json,
    /// The same JSON object on one line, once per interval and at the end
    Jsonl,
    /// The text as Markdown, for a ticket
    Markdown,
}

/// The form of what `natdiag watch` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LiveOutput {
    /// A live screen to look around in, and a report at the end
    Tui,
    /// For people: lines while it runs, and a report at the end
    Text,
    /// One JSON object at the end
    Json,
    /// The same JSON object on one line, once per interval and at the end
    Jsonl,
    /// The report at the end as Markdown, for a ticket
    Markdown,
}

/// The form of a report about this host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CheckOutput {
    /// For people
    #[default]
    Text,
    /// One JSON object
    Json,
}

/// The form of a report about this host as a NAT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum NatOutput {
    /// For people
    #[default]
    Text,
    /// One JSON object
    Json,
    /// The text as Markdown, for a ticket
    Markdown,
}
