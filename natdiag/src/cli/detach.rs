//! Arguments of `natdiag detach`.

use std::path::PathBuf;

use clap::Args;

use crate::value::place::DEFAULT_PIN;

/// Arguments of `natdiag detach`.
#[derive(Debug, Args)]
pub struct DetachArgs {
    /// Interface to detach from; repeat it for several
    #[arg(
        short,
        long = "interface",
        value_name = "IFACE",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    pub interfaces: Vec<String>,
    /// Detach from every interface, also from those that are gone, wherever it is pinned
    #[arg(long)]
    pub all: bool,
    /// Folder in which `natdiag daemon` pins
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PIN)]
    pub pin: PathBuf,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  After `systemctl stop natdiag`, when it is not to be started again:
    sudo natdiag detach --all
  One interface only:
    sudo natdiag detach -i eth0

Exit codes:
  0  nothing of natdiag is left there
  2  natdiag itself failed, or a natdiag that runs is in charge";
