//! What was asked for, validated.

use std::{net::IpAddr, path::PathBuf, time::Duration};

/// How many remotes without findings a report shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Top {
    /// At most so many, the busiest.
    Busiest(usize),
    /// All.
    All,
}

/// Which hook to attach to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookChoice {
    /// The first of the ladder that works.
    Auto,
    /// Native XDP for received packets, TC for sent ones.
    Xdp,
    /// TCX.
    Tcx,
    /// TC through the clsact qdisc.
    Clsact,
    /// Generic XDP for received packets, TC for sent ones.
    XdpGeneric,
}

/// What `natdiag watch` does.
#[derive(Clone, Debug)]
pub struct WatchConfig {
    /// Interfaces; none means that of the default route.
    pub interfaces: Vec<String>,
    /// Which hook.
    pub hook: HookChoice,
    /// When to end by itself.
    pub duration: Option<Duration>,
    /// How often to show how things stand.
    pub interval: Duration,
    /// How many remotes to show.
    pub top: Top,
}

/// What `natdiag replay` does.
#[derive(Clone, Debug)]
pub struct ReplayConfig {
    /// Captures; `-` is standard input.
    pub files: Vec<PathBuf>,
    /// Networks on the near side, where that cannot be inferred.
    pub local: Vec<Network>,
    /// How often, in the time of the capture, to show how things stand (`jsonl` only).
    pub interval: Option<Duration>,
    /// How many remotes to show.
    pub top: Top,
}

/// An IP network in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its first address.
    pub address: IpAddr,
    /// Length of the prefix in bits.
    pub prefix_len: u8,
}
