//! Why unattended watching failed.

use std::{io, net::SocketAddr, path::PathBuf};

use thiserror::Error;

use crate::{
    bpf::{map::MapsError, statistics::StatisticsError},
    config::daemon::{DaemonConfigError, FileError},
    engine::EngineError,
    metrics::access::AccessError,
    privilege::{MissingPrivileges, reduce::ReduceError},
    spool::Spool,
};

/// Why unattended watching failed.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// This process may not attach anything.
    #[error(transparent)]
    Privileges(#[from] MissingPrivileges),
    /// The configuration file cannot be read.
    #[error("cannot read the configuration file `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The configuration file is not valid.
    #[error("the configuration file `{}` is not valid", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: FileError,
    },
    /// The settings make no sense together.
    #[error("the settings do not go together")]
    Config(#[from] DaemonConfigError),
    /// A folder cannot be written to.
    #[error("cannot write to the folder `{}` (`{key}`)", .folder.display())]
    Folder {
        /// The key that names it.
        key: &'static str,
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The kernel does not say which interfaces and routes there are.
    #[error("cannot ask the kernel for interfaces and routes")]
    Links(#[source] io::Error),
    /// An interface cannot be watched.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The counters cannot be read.
    #[error(transparent)]
    Maps(#[from] MapsError),
    /// Privileges cannot be given up.
    #[error("cannot give up privileges; `--keep-privileges` keeps them")]
    Reduce(#[from] ReduceError),
    /// Metrics cannot be served at the address.
    #[error("cannot listen at {address} (`metrics`)")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It cannot be said who may have metrics.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The kernel does not measure.
    #[error(
        "cannot have the kernel measure what the programs cost (`measure-cost`): that needs CAP_SYS_ADMIN; or set \
             kernel.bpf_stats_enabled=1 by sysctl and leave `measure-cost` out"
    )]
    Measure(#[from] StatisticsError),
    /// Whole packets cannot be had.
    #[error("cannot open a packet socket (`full`); start natdiag with CAP_NET_RAW")]
    Full(#[source] io::Error),
    /// That a configuration is valid cannot be told.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    /// Signals cannot be awaited.
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
}

impl DaemonError {
    /// A folder of files cannot be given away or reached.
    pub(super) fn folder(spool: &Spool, source: io::Error) -> Self {
        Self::Folder {
            key: spool.stem(),
            folder: spool.folder().to_owned(),
            source,
        }
    }
}
