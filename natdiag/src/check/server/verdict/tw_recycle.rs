//! What is known about `tcp_tw_recycle`, and what a missing file means.

use crate::check::server::{Facts, Namespace, Reading, Setting};

/// What is known about `tcp_tw_recycle`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TwRecycle {
    /// It is on.
    On,
    /// It is off.
    Off,
    /// This kernel has no such setting: Linux 4.12 took it out.
    Gone,
    /// It is hidden from this network namespace, and may be on: Linux 3.5 to 4.9.
    Hidden,
    /// It cannot be told.
    Unknown,
}

impl TwRecycle {
    /// Its name in the report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Gone => "gone",
            Self::Hidden => "hidden",
            Self::Unknown => "unknown",
        }
    }

    /// Judges the file, and where it is missing, why.
    #[must_use]
    pub fn of(facts: &Facts) -> Self {
        let at_least = |major, minor| {
            let kernel = facts.kernel.as_ref();
            kernel.is_some_and(|kernel| kernel.is_at_least(major, minor))
        };
        match facts.setting(Setting::TwRecycle) {
            Reading::Value(0) => Self::Off,
            Reading::Value(_) => Self::On,
            Reading::Missing | Reading::Unreadable(_) if at_least(4, 12) => Self::Gone,
            // Linux 4.10 and 4.11 have one for each namespace.
            Reading::Missing
                if facts.kernel.is_some()
                    && !at_least(4, 10)
                    && facts.namespace == Namespace::Other =>
            {
                Self::Hidden
            }
            Reading::Missing | Reading::Unreadable(_) => Self::Unknown,
        }
    }

    /// What is known of the setting, in a sentence.
    #[must_use]
    pub fn explain(self, facts: &Facts) -> String {
        let kernel = facts
            .kernel
            .as_ref()
            .map_or_else(|| "of unknown release".to_owned(), ToString::to_string);
        match (self, facts.setting(Setting::TwRecycle)) {
            (Self::On, reading) => {
                format!("it is {}, that is on", reading.value().unwrap_or(1))
            }
            (Self::Off, _) => "it is 0, that is off".to_owned(),
            (Self::Gone, _) => {
                format!("kernel {kernel} has no such setting: Linux 4.12 took it out")
            }
            (Self::Hidden, _) => format!(
                "kernel {kernel} hides it from this network namespace; for the host, and for this namespace too, it \
                 may be on"
            ),
            (Self::Unknown, Reading::Unreadable(why)) => format!("it cannot be read: {why}"),
            (Self::Unknown, _) => {
                format!("its file is missing, and kernel {kernel} does not tell why")
            }
        }
    }
}
