//! `natdiag probe`: a target to addresses, each to the interface that leads there, a test of each, and a report.

mod fragments;

use std::{
    io::{self, IsTerminal, Write},
    net::SocketAddr,
};

use thiserror::Error;

use crate::{
    analysis::diagnosis::Diagnosis,
    bpf::{
        attach::AttachError,
        load::LoadError,
        maps::MapsError,
        probe::{ProbeProgram, ProbeProgramError},
    },
    cli::probe::{Probe, ProbeOutput, TimestampsArgs},
    clock::Clock,
    host::{
        address,
        path::{self, Path},
    },
    privilege::{self, MissingPrivileges},
    probe::{
        connector::ConnectError,
        experiment::{self, Experiment},
        plan::Bounds,
        socket::{Signals, Sockets},
        survey::{ProbeSurvey, Tested},
        target::AddressError,
        trial::{Fate, Record},
    },
    report::{exit_code::ExitStatus, probe as report},
    survey::{SourceKind, SourceSurvey, Survey},
};

/// What cannot be seen from an interface with private addresses only.
const BEHIND_NAT: &str =
    "which other hosts share the NAT's address, and what they make the server remember";

/// What was dropped before such an interface.
const BEHIND_NAT_FRAGMENTS: &str = "fragments that a NAT gateway dropped before this host";

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
    /// There is no TLS here.
    #[error(
        "natdiag speaks no TLS; name an `http` URL of the same server, or give `--payload` something that makes it say much"
    )]
    Tls,
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
    Program(#[from] ProbeProgramError),
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
        Probe::Timestamps(args) => timestamps(args, out),
        Probe::Fragments(args) => fragments::run(args, out),
    }
}

fn timestamps(args: &TimestampsArgs, out: &mut dyn Write) -> Result<ExitStatus, ProbeError> {
    let targets = find(&args.target.addresses()?)?;
    let bounds = Bounds {
        connections: usize::try_from(args.max_connections).unwrap_or(usize::MAX),
        rate: args.rate,
        has_payload: args.payload.is_some(),
    };
    if args.dry_run {
        report::write_plan(out, &args.target, &targets, bounds).map_err(ProbeError::Output)?;
        return Ok(ExitStatus::Clear);
    }
    privilege::check("probe")?;
    // Before anything is attached that an unexpected signal would leave behind.
    let signals = Signals::new().map_err(ProbeError::Signals)?;
    let survey = test(args, bounds, targets, &signals)?;
    write(out, args.output, &survey)?;
    Ok(ExitStatus::of(&survey.survey))
}

fn write(out: &mut dyn Write, form: ProbeOutput, survey: &ProbeSurvey) -> Result<(), ProbeError> {
    match form {
        ProbeOutput::Text => report::write_text(out, survey),
        ProbeOutput::Json => report::write_json(out, survey),
    }
    .map_err(ProbeError::Output)
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

fn test(
    args: &TimestampsArgs,
    bounds: Bounds,
    targets: Vec<(SocketAddr, Path)>,
    signals: &Signals,
) -> Result<ProbeSurvey, ProbeError> {
    let clock = Clock::start();
    let mut probed = ProbeSurvey {
        survey: Survey {
            start: clock.now(),
            ..Survey::default()
        },
        tested: Vec::new(),
    };
    let mut progress = Progress::start();
    for (remote, path) in targets {
        let link = &path.link;
        let link_type = link
            .link_type()
            .ok_or_else(|| ProbeError::UnknownLinkLayer {
                interface: link.name.clone(),
                device_type: link.device_type,
            })?;
        let mut program = ProbeProgram::attach(link, link_type)?;
        let mut sockets = Sockets {
            remote,
            host: &args.target.host,
            payload: args.payload.as_ref().map(|payload| payload.0.as_slice()),
            program: &mut program,
            interface: &link.name,
            clock,
            signals,
        };
        let Experiment { interrupted, .. } = {
            let experiment = experiment::run(
                remote.ip(),
                bounds,
                fastrand::Rng::new(),
                &mut sockets,
                &mut |record| progress.show(remote, record),
            )?;
            let tested = Tested::new(remote, experiment.clone());
            add(&mut probed, &path, &program, tested);
            experiment
        };
        if interrupted {
            break;
        }
    }
    progress.end();
    probed.survey.end = clock.now();
    Ok(probed)
}

/// Adds an address to the survey: with a source of its own, as programs were attached for it alone.
fn add(probed: &mut ProbeSurvey, path: &Path, program: &ProbeProgram, tested: Tested) {
    let addresses = address::of_interface(&path.link.name).unwrap_or_default();
    if address::are_behind_nat(&addresses) && probed.survey.blind_to.is_empty() {
        probed.survey.blind_to.push(BEHIND_NAT.to_owned());
    }
    probed.survey.sources.push(SourceSurvey {
        kind: SourceKind::Interface,
        name: path.link.name.clone(),
        hooks: program.hooks().to_vec(),
        notes: program.notes().to_vec(),
        octets: None,
        diagnosis: Diagnosis {
            remotes_known: 1,
            remotes: vec![tested.diagnosis()],
            ..Diagnosis::default()
        },
    });
    probed.tested.push(tested);
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

    fn show(&mut self, remote: SocketAddr, record: &Record) {
        if self.is_shown {
            let made = record.trials.len();
            let dropped = record.total(Fate::Dropped);
            // Nobody is left to be told where this fails.
            let _ = write!(
                io::stderr(),
                "\r\x1b[K{remote}: {made} connections, {dropped} without an answer"
            );
        }
    }

    fn say(&mut self, remote: SocketAddr, number: usize, what: &str) {
        if self.is_shown {
            let _ = write!(io::stderr(), "\r\x1b[K{remote}: {number} {what}");
        }
    }

    fn end(&self) {
        if self.is_shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
