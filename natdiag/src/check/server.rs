//! This host as the server that drops connections: its settings, its counters and what they mean.
//!
//! Reading and judging are apart: [`read`] gives [`Facts`] of any root folder, live or collected elsewhere, and
//! [`verdict`] judges them. Everything is read with no privileges, and with nothing newer than Linux 2.6.32 had.

pub mod counters;
pub mod kernel;
pub mod read;
pub mod script;
pub mod settings;
pub mod verdict;

use self::{
    counters::{Counter, Counters, Sockets},
    kernel::KernelRelease,
    settings::Assignment,
};
use crate::event::Timestamp;

/// The settings that are looked at, without `net.ipv4.`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// `tcp_tw_recycle`
    TwRecycle,
    /// `tcp_tw_reuse`
    TwReuse,
    /// `tcp_timestamps`
    Timestamps,
}

impl Setting {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::TwRecycle, Self::TwReuse, Self::Timestamps];

    /// Name of the file under `/proc/sys/net/ipv4`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TwRecycle => "tcp_tw_recycle",
            Self::TwReuse => "tcp_tw_reuse",
            Self::Timestamps => "tcp_timestamps",
        }
    }
}

/// What the file of a setting says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A number.
    Value(i64),
    /// There is no such file, though others of its folder are there.
    Missing,
    /// It cannot be read, and why.
    Unreadable(String),
}

impl Reading {
    /// The number, where there is one.
    #[must_use]
    pub const fn value(&self) -> Option<i64> {
        match self {
            Self::Value(value) => Some(*value),
            Self::Missing | Self::Unreadable(_) => None,
        }
    }
}

/// Which network namespace this process is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// That of the host.
    Initial,
    /// Another, such as that of a container.
    Other,
    /// Nothing tells.
    Unknown,
}

impl Namespace {
    /// Its name in the report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }
}

/// The counters at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Of `/proc/net/netstat` and `/proc/net/snmp`.
    pub counters: Counters,
    /// Of `/proc/net/sockstat`.
    pub sockets: Sockets,
}

/// All that was read about a host.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The root folder.
    pub root: String,
    /// First moment looked at.
    pub start: Timestamp,
    /// Last moment looked at.
    pub end: Timestamp,
    /// The kernel, if it says which it is.
    pub kernel: Option<KernelRelease>,
    /// Each setting, as it was read last.
    pub settings: [(Setting, Reading); 3],
    /// The network namespace.
    pub namespace: Namespace,
    /// What the configuration files set, in the order in which the last one wins.
    pub assignments: Vec<Assignment>,
    /// The counters.
    pub before: Sample,
    /// The counters again, and how many seconds later.
    pub after: Option<(Sample, f64)>,
}

impl Facts {
    /// What the file of a setting says.
    #[must_use]
    pub fn setting(&self, wanted: Setting) -> &Reading {
        const MISSING: &Reading = &Reading::Missing;
        let found = self.settings.iter().find(|(setting, _)| *setting == wanted);
        found.map_or(MISSING, |(_, reading)| reading)
    }

    /// The last look at the counters.
    #[must_use]
    pub fn sample(&self) -> &Sample {
        self.after.as_ref().map_or(&self.before, |(after, _)| after)
    }

    /// A counter since boot.
    #[must_use]
    pub fn total(&self, counter: Counter) -> Option<u64> {
        self.sample().counters.value(counter)
    }

    /// How much a counter has risen meanwhile.
    #[must_use]
    pub fn delta(&self, counter: Counter) -> Option<u64> {
        let (after, _) = self.after.as_ref()?;
        let (earlier, later) = (
            self.before.counters.value(counter)?,
            after.counters.value(counter)?,
        );
        Some(counters::rise(earlier, later))
    }

    /// The assignment that wins when the configuration files are read at boot.
    #[must_use]
    pub fn at_boot(&self, wanted: Setting) -> Option<&Assignment> {
        let mut of_setting = self.assignments.iter().rev();
        of_setting.find(|assignment| assignment.setting == wanted && assignment.hidden_by.is_none())
    }
}

#[cfg(test)]
mod tests;
