//! The hooks that a user can choose from.

use clap::ValueEnum;

/// Which hook to attach to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum HookChoice {
    /// The cheapest that works here and costs no offloads
    #[default]
    Auto,
    /// Native XDP for received packets, TC for sent ones
    Xdp,
    /// TCX (Linux 6.6)
    Tcx,
    /// TC through the clsact qdisc
    Clsact,
    /// Generic XDP for received packets, TC for sent ones
    XdpGeneric,
}

/// Which hook TC programs are attached to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TcHook {
    /// TCX, or clsact where there is none
    #[default]
    Auto,
    /// TCX (Linux 6.6), whose programs go with the process
    Tcx,
    /// TC through the clsact qdisc
    Clsact,
}
