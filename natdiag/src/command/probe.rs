//! `natdiag probe`: a target to addresses, each to the interface that leads there, a test of each, and a report.

mod fragments;
mod progress;
mod timestamps;

use std::{
    io::{self, Write},
    net::SocketAddr,
};

use natdiag_common::LinkType;
use thiserror::Error;

use crate::{
    bpf::{attach::AttachError, load::LoadError, map::MapsError, pair::PairError},
    cli::probe::{Probe, ProbeOutput},
    host::path::{self, Path},
    privilege::MissingPrivileges,
    probe::{
        connector::ConnectError,
        survey::ProbeSurvey,
        target::{AddressError, Target},
        tls::{Tls, TlsError},
    },
    report::{exit_code::ExitStatus, probe as report},
};

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
    #[error("there is no way to `{address}`; look at `ip route get {}`", address.ip())]
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
    let mut unreachable = Vec::new();
    for address in addresses {
        match path::to(*address) {
            Ok(path) if path.is_broadcast => {
                return Err(ProbeError::Address(AddressError::Accidental {
                    address: address.ip(),
                    kind: "the broadcast address of its network",
                }));
            }
            Ok(path) => ways.push((*address, path)),
            Err(source) => unreachable.push((*address, source)),
        }
    }
    if ways.is_empty()
        && let Some((address, source)) = unreachable.pop()
    {
        return Err(ProbeError::NoPath { address, source });
    }
    for (address, source) in unreachable {
        // A host without IPv6 has no way to half of the addresses of a name.
        tracing::warn!(%address, %source, "left out, for there is no way to it");
    }
    Ok(ways)
}
