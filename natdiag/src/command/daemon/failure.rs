//! Why unattended watching failed.

use std::{io, net::SocketAddr, path::PathBuf};

use thiserror::Error;

use crate::{
    bpf::maps::MapsError,
    config::daemon::{DaemonConfigError, FileError},
    engine::EngineError,
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
    /// The file with the password cannot be read.
    #[error("cannot read `{}` (`metrics-password`)", .path.display())]
    Password {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file with the password holds none.
    #[error("`{}` (`metrics-password`) must hold one line, NAME:PASSWORD", .0.display())]
    NoPassword(PathBuf),
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
