//! What `natdiag daemon` does: settings of the command line and of the file, put together and validated.

mod file;

use std::{net::SocketAddr, num::NonZeroU16, path::PathBuf, time::Duration};

use bytesize::ByteSize;
use thiserror::Error;

pub use self::file::{FileError, parse};
use crate::{
    analysis::filter::Filter,
    cli::daemon::Settings,
    value::{
        established::EstablishedChoice, hook::HookChoice, limits::Limits, network::Network,
        pattern::InterfacePattern, place::DEFAULT_PIN,
    },
};

const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);
const DEFAULT_STATE_INTERVAL: Duration = Duration::from_secs(30);
const DEFAULT_QUIET: Duration = Duration::from_hours(1);
const DEFAULT_FINDINGS: Limits = Limits {
    size: ByteSize::mib(16),
    age: Duration::from_hours(24),
    total: ByteSize::mib(256),
};
const DEFAULT_EVIDENCE: Limits = Limits {
    total: ByteSize::gib(1),
    ..DEFAULT_FINDINGS
};
const DEFAULT_EVIDENCE_PACKETS: u32 = 2000;
/// Every packet of the machine goes through their filter.
const MAX_FULL: usize = 64;
const DEFAULT_METRICS_REMOTES: usize = 50;
const DEFAULT_METRICS_CONNECTIONS: u32 = 8;

/// What `natdiag daemon` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonConfig {
    /// Interfaces to watch; none means that of the default route.
    pub interfaces: Vec<InterfacePattern>,
    /// Interfaces not to watch.
    pub exclude: Vec<InterfacePattern>,
    /// Which hook.
    pub hook: HookChoice,
    /// How many established connections are looked at.
    pub established: EstablishedChoice,
    /// How often to judge anew.
    pub interval: Duration,
    /// What is looked at.
    pub filter: Filter,
    /// What outlives the process, if anything.
    pub state: Option<StateConfig>,
    /// Whether interfaces that appear later are attached.
    pub hotplug: bool,
    /// What natdiag goes on with once it is attached.
    pub privileges: Privileges,
    /// Where findings go.
    pub findings: FindingsConfig,
    /// Where evidence is kept, if anywhere.
    pub evidence: Option<EvidenceConfig>,
    /// Where metrics are served, if anywhere.
    pub metrics: Option<MetricsConfig>,
}

/// What outlives the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateConfig {
    /// The folder in which it is saved what is known.
    pub folder: PathBuf,
    /// How often.
    pub interval: Duration,
    /// The folder in which it is pinned what counts on.
    pub pin: PathBuf,
}

/// What natdiag goes on with once it is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Privileges {
    /// What it was started with.
    All,
    /// What it still needs, as this user, or as the one it was started as.
    Needed(Option<String>),
}

/// Where findings go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingsConfig {
    /// The folder; none means standard output.
    pub folder: Option<PathBuf>,
    /// How its files are bounded.
    pub limits: Limits,
    /// A finding ends when its host has shown no symptom for so long.
    pub quiet: Duration,
}

/// Where evidence is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceConfig {
    /// The folder.
    pub folder: PathBuf,
    /// How its files are bounded.
    pub limits: Limits,
    /// Packets kept of a remote host while it has a finding.
    pub packets: u32,
    /// Remote hosts of which every packet is kept, whole.
    pub full: Vec<Network>,
}

/// How metrics are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsConfig {
    /// The address.
    pub listen: SocketAddr,
    /// Remote hosts that have metrics of their own.
    pub remotes: usize,
    /// Connections at once.
    pub connections: u32,
    /// File with the name and the password that are asked for.
    pub password: Option<PathBuf>,
    /// Files for TLS.
    pub tls: Option<TlsFiles>,
    /// Whether the kernel measures what the programs cost.
    pub measure_cost: bool,
}

/// Files in PEM form, for TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those that sign it.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Why settings make no sense as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DaemonConfigError {
    /// A setting means something only with another.
    #[error("`{setting}` means something only with `{needed}`; set that or leave `{setting}` out")]
    Alone {
        /// The one that is set.
        setting: &'static str,
        /// The one that is not.
        needed: &'static str,
    },
    /// Two settings exclude each other.
    #[error("`{0}` and `{1}` exclude each other; leave one out")]
    Together(&'static str, &'static str),
    /// So many hosts would cost every packet too much.
    #[error(
        "`full` names {0} networks; every packet is compared with each, so name at most {MAX_FULL}"
    )]
    FullTooMany(usize),
    /// One file would be nearly all that fits.
    #[error("`{size_key}` is {size}; make it at most half of `{total_key}`, which is {total}")]
    SizeAboveTotal {
        /// Key of the size of one file.
        size_key: &'static str,
        /// Size of one file.
        size: ByteSize,
        /// Key of the size of all.
        total_key: &'static str,
        /// Size of all.
        total: ByteSize,
    },
}

impl TryFrom<Settings> for DaemonConfig {
    type Error = DaemonConfigError;

    fn try_from(settings: Settings) -> Result<Self, DaemonConfigError> {
        if settings.keep_privileges && settings.user.is_some() {
            return Err(DaemonConfigError::Together("user", "keep-privileges"));
        }
        let state = state(&settings)?;
        let findings = findings(&settings)?;
        let evidence = evidence(&settings)?;
        let metrics = metrics(&settings)?;
        Ok(Self {
            interfaces: settings.interface,
            exclude: settings.exclude,
            hook: settings.hook.unwrap_or_default(),
            established: settings.established.unwrap_or_default(),
            interval: settings.interval.unwrap_or(DEFAULT_INTERVAL),
            filter: Filter {
                remotes: settings.remote,
                locals: settings.local,
                ports: settings.port.into_iter().map(NonZeroU16::get).collect(),
            },
            state,
            hotplug: !settings.no_hotplug,
            privileges: if settings.keep_privileges {
                Privileges::All
            } else {
                Privileges::Needed(settings.user)
            },
            findings,
            evidence,
            metrics,
        })
    }
}

fn state(settings: &Settings) -> Result<Option<StateConfig>, DaemonConfigError> {
    need(
        settings.state.is_some(),
        "state",
        &[
            (settings.state_interval.is_some(), "state-interval"),
            (settings.pin.is_some(), "pin"),
        ],
    )?;
    let pin = settings.pin.clone();
    Ok(settings.state.clone().map(|folder| StateConfig {
        folder,
        interval: settings.state_interval.unwrap_or(DEFAULT_STATE_INTERVAL),
        pin: pin.unwrap_or_else(|| PathBuf::from(DEFAULT_PIN)),
    }))
}

fn findings(settings: &Settings) -> Result<FindingsConfig, DaemonConfigError> {
    let limits = Limits {
        size: settings.findings_size.unwrap_or(DEFAULT_FINDINGS.size),
        age: settings.findings_age.unwrap_or(DEFAULT_FINDINGS.age),
        total: settings.findings_total.unwrap_or(DEFAULT_FINDINGS.total),
    };
    need(
        settings.findings.is_some(),
        "findings",
        &[
            (settings.findings_size.is_some(), "findings-size"),
            (settings.findings_age.is_some(), "findings-age"),
            (settings.findings_total.is_some(), "findings-total"),
        ],
    )?;
    fit(limits, "findings-size", "findings-total")?;
    Ok(FindingsConfig {
        folder: settings.findings.clone(),
        limits,
        quiet: settings.findings_quiet.unwrap_or(DEFAULT_QUIET),
    })
}

fn evidence(settings: &Settings) -> Result<Option<EvidenceConfig>, DaemonConfigError> {
    let limits = Limits {
        size: settings.evidence_size.unwrap_or(DEFAULT_EVIDENCE.size),
        age: settings.evidence_age.unwrap_or(DEFAULT_EVIDENCE.age),
        total: settings.evidence_total.unwrap_or(DEFAULT_EVIDENCE.total),
    };
    need(
        settings.evidence.is_some(),
        "evidence",
        &[
            (settings.evidence_packets.is_some(), "evidence-packets"),
            (settings.evidence_size.is_some(), "evidence-size"),
            (settings.evidence_age.is_some(), "evidence-age"),
            (settings.evidence_total.is_some(), "evidence-total"),
            (!settings.full.is_empty(), "full"),
        ],
    )?;
    fit(limits, "evidence-size", "evidence-total")?;
    if settings.full.len() > MAX_FULL {
        return Err(DaemonConfigError::FullTooMany(settings.full.len()));
    }
    Ok(settings.evidence.clone().map(|folder| EvidenceConfig {
        folder,
        limits,
        packets: settings
            .evidence_packets
            .map_or(DEFAULT_EVIDENCE_PACKETS, Into::into),
        full: settings.full.clone(),
    }))
}

fn metrics(settings: &Settings) -> Result<Option<MetricsConfig>, DaemonConfigError> {
    need(
        settings.metrics.is_some(),
        "metrics",
        &[
            (settings.metrics_remotes.is_some(), "metrics-remotes"),
            (
                settings.metrics_connections.is_some(),
                "metrics-connections",
            ),
            (settings.metrics_password.is_some(), "metrics-password"),
            (
                settings.metrics_certificate.is_some(),
                "metrics-certificate",
            ),
            (settings.metrics_key.is_some(), "metrics-key"),
            (settings.measure_cost, "measure-cost"),
        ],
    )?;
    let tls = match (&settings.metrics_certificate, &settings.metrics_key) {
        (Some(certificate), Some(key)) => Some(TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
        }),
        (None, None) => None,
        (Some(_), None) => return Err(alone("metrics-certificate", "metrics-key")),
        (None, Some(_)) => return Err(alone("metrics-key", "metrics-certificate")),
    };
    Ok(settings.metrics.map(|listen| MetricsConfig {
        listen,
        remotes: settings.metrics_remotes.unwrap_or(DEFAULT_METRICS_REMOTES),
        connections: settings
            .metrics_connections
            .map_or(DEFAULT_METRICS_CONNECTIONS, Into::into),
        password: settings.metrics_password.clone(),
        tls,
        measure_cost: settings.measure_cost,
    }))
}

/// Refuses a size of one file that would be nearly all that fits.
fn fit(
    limits: Limits,
    size_key: &'static str,
    total_key: &'static str,
) -> Result<(), DaemonConfigError> {
    if limits.size.as_u64() <= limits.total.as_u64() / 2 {
        return Ok(());
    }
    Err(DaemonConfigError::SizeAboveTotal {
        size_key,
        size: limits.size,
        total_key,
        total: limits.total,
    })
}

/// Refuses the first setting that is there although what it needs is not.
fn need(
    is_there: bool,
    needed: &'static str,
    settings: &[(bool, &'static str)],
) -> Result<(), DaemonConfigError> {
    match settings.iter().find(|(is_set, _)| *is_set) {
        Some(&(_, setting)) if !is_there => Err(alone(setting, needed)),
        _ => Ok(()),
    }
}

const fn alone(setting: &'static str, needed: &'static str) -> DaemonConfigError {
    DaemonConfigError::Alone { setting, needed }
}

#[cfg(test)]
mod tests;
