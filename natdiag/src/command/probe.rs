//! `natdiag probe`: a target to addresses, each to the interface that leads there, a test of each, and a report.

mod fragments;
mod timestamps;

use std::{
    io::{self, IsTerminal, Write},
    net::SocketAddr,
};

use natdiag_common::LinkType;
use thiserror::Error;

use crate::{
    bpf::{attach::AttachError, load::LoadError, maps::MapsError, pair::PairError},
    cli::probe::{Probe, ProbeOutput},
    host::path::{self, Path},
    privilege::MissingPrivileges,
    probe::{
        connector::ConnectError,
        survey::ProbeSurvey,
        target::{AddressError, Target},
        tls::{Tls, TlsError},
        trial::{Fate, Record},
    },
    report::{exit_code::ExitStatus, probe as report},
};

/// A pause that the progress speaks of.
const LONG_PAUSE_NS: u64 = 5 * NS_PER_SEC;
const NS_PER_SEC: u64 = 1_000_000_000;

/// Why testing failed.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// The target has no addresses, or none to test.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// This process may not attach anything.
    #[error(transparent)]
    Privileges(#[from] MissingPrivileges),
    /// There is no way to an address.
    #[error("there is no way to `{address}`")]
    NoPath {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The headers before the IP header are unknown.
    #[error(
        "cannot read the link layer of `{interface}` (device type {device_type}): it is neither Ethernet nor raw IP"
    )]
    UnknownLinkLayer {
        /// The interface.
        interface: String,
        /// Its `ARPHRD_` number.
        device_type: u16,
    },
    /// TLS cannot be spoken.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The programs that watch cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The programs that watch cannot be attached.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// Their counters cannot be read.
    #[error(transparent)]
    Maps(#[from] MapsError),
    /// The programs cannot be attached.
    #[error(transparent)]
    Program(#[from] PairError),
    /// No connections can be made.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Signals cannot be awaited.
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
    /// Standard output cannot be written.
    #[error("cannot write the report")]
    Output(#[source] io::Error),
}

/// Tests, reports, and says how it ended.
///
/// # Errors
/// The test cannot be made. Whatever is attached is detached.
pub fn run(probe: &Probe, out: &mut dyn Write) -> Result<ExitStatus, ProbeError> {
    match probe {
        Probe::Timestamps(args) => timestamps::run(args, out),
        Probe::Fragments(args) => fragments::run(args, out),
    }
}

fn write(out: &mut dyn Write, form: ProbeOutput, survey: &ProbeSurvey) -> Result<(), ProbeError> {
    match form {
        ProbeOutput::Text => report::write_text(out, survey),
        ProbeOutput::Json => report::write_json(out, survey),
    }
    .map_err(ProbeError::Output)
}

/// What TLS needs, where the service speaks it.
fn tls_of(target: &Target) -> Result<Option<Tls>, TlsError> {
    target
        .speaks_tls()
        .then(|| Tls::new(&target.host))
        .transpose()
}

/// How frames begin on the way to an address.
fn link_type(path: &Path) -> Result<LinkType, ProbeError> {
    let link = &path.link;
    let unknown = || ProbeError::UnknownLinkLayer {
        interface: link.name.clone(),
        device_type: link.device_type,
    };
    link.link_type().ok_or_else(unknown)
}

/// The way to each address.
fn find(addresses: &[SocketAddr]) -> Result<Vec<(SocketAddr, Path)>, ProbeError> {
    let mut ways = Vec::new();
    let mut unreachable = None;
    for address in addresses {
        match path::to(address.ip()) {
            Ok(path) => ways.push((*address, path)),
            // A host without IPv6 has no way to half of the addresses of a name.
            Err(source) => {
                unreachable = Some(ProbeError::NoPath {
                    address: *address,
                    source,
                });
            }
        }
    }
    match unreachable {
        Some(error) if ways.is_empty() => Err(error),
        _ => Ok(ways),
    }
}

/// A line on the terminal that says how far a test has come.
struct Progress {
    is_shown: bool,
}

impl Progress {
    fn start() -> Self {
        Self {
            is_shown: io::stderr().is_terminal(),
        }
    }

    fn show(&self, remote: SocketAddr, record: &Record, pause_ns: u64) {
        let made = record.trials.len();
        let dropped = record.total(Fate::Dropped);
        let wait = if pause_ns > LONG_PAUSE_NS {
            format!("; quiet for {} s", pause_ns / NS_PER_SEC)
        } else {
            String::new()
        };
        self.say(
            remote,
            &format!("{made} connections, {dropped} without an answer{wait}"),
        );
    }

    fn say(&self, remote: SocketAddr, what: &str) {
        if self.is_shown {
            // Nobody is left to be told where this fails.
            let _ = write!(io::stderr(), "\r\x1b[K{remote}: {what}");
        }
    }

    fn end(&self) {
        if self.is_shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
