//! Arguments of `natdiag daemon`, which are the keys of its configuration file as well: one definition, so that there
//! is no flag without its key and no key without its flag.

use std::{
    fmt::Display,
    net::SocketAddr,
    num::{NonZeroU16, NonZeroU32},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Deserializer, de};

use crate::value::{
    duration, established::EstablishedChoice, hook::HookChoice, network::Network,
    pattern::InterfacePattern,
};

/// Arguments of `natdiag daemon`.
#[derive(Debug, Args)]
pub struct DaemonArgs {
    /// Configuration file [default: /etc/natdiag/natdiag.toml, where there is one]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Only look whether a configuration file is valid
    #[arg(long, value_name = "FILE", exclusive = true)]
    pub check: Option<PathBuf>,
    #[command(flatten)]
    pub settings: Settings,
}

/// What can be set for `natdiag daemon`: by a flag, or by the key of the same name. A flag wins.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Interfaces to watch, those that appear later too: by name, by glob (`wan*`), or by the
    /// network of an address (203.0.113.0/24); repeat it for several
    /// [default: that of the default route]
    #[arg(short, long, value_name = "PATTERN", verbatim_doc_comment)]
    #[serde(deserialize_with = "texts")]
    pub interface: Vec<InterfacePattern>,
    /// Interfaces not to watch, in the same form
    #[arg(long, value_name = "PATTERN")]
    #[serde(deserialize_with = "texts")]
    pub exclude: Vec<InterfacePattern>,
    /// Where to attach [default: auto]
    #[arg(long, value_enum)]
    #[serde(deserialize_with = "choice")]
    pub hook: Option<HookChoice>,
    /// How many established connections to look at: `auto`, `all`, `none`, or such as `1/8`
    /// [default: auto]
    #[arg(long, value_name = "SHARE", verbatim_doc_comment)]
    #[serde(deserialize_with = "text")]
    pub established: Option<EstablishedChoice>,
    /// How often to judge anew [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    #[serde(deserialize_with = "span")]
    pub interval: Option<Duration>,
    /// Look only at these remote hosts; repeat it for several
    #[arg(long, value_name = "CIDR")]
    #[serde(deserialize_with = "texts")]
    pub remote: Vec<Network>,
    /// Look only at connections of these hosts of ours; repeat it for several
    #[arg(long, value_name = "CIDR")]
    #[serde(deserialize_with = "texts")]
    pub local: Vec<Network>,
    /// Judge only connections with this TCP port at either end; repeat it for several
    #[arg(long, value_name = "PORT")]
    pub port: Vec<NonZeroU16>,

    /// Folder for what is known, so that a restart loses nothing: programs and counters then stay
    /// in the kernel when natdiag ends, until `natdiag detach` [default: nothing is kept]
    #[arg(
        long,
        value_name = "DIR",
        verbatim_doc_comment,
        help_heading = "Restart"
    )]
    pub state: Option<PathBuf>,
    /// How often to save what is known [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = duration::parse, help_heading = "Restart")]
    #[serde(deserialize_with = "span")]
    pub state_interval: Option<Duration>,
    /// Folder on a BPF file system for what stays in the kernel [default: /sys/fs/bpf/natdiag]
    #[arg(long, value_name = "DIR", help_heading = "Restart")]
    pub pin: Option<PathBuf>,

    /// Watch only what is there at the start; then no privilege is needed any more, and none kept
    #[arg(long, help_heading = "Privileges")]
    pub no_hotplug: bool,
    /// Go on as this user, once what is there is attached [default: the one it was started as]
    #[arg(long, value_name = "NAME", help_heading = "Privileges")]
    pub user: Option<String>,
    /// Give up nothing of what natdiag was started with
    #[arg(long, help_heading = "Privileges")]
    pub keep_privileges: bool,

    /// Folder for findings as lines of JSON [default: standard output]
    #[arg(long, value_name = "DIR", help_heading = "Findings")]
    pub findings: Option<PathBuf>,
    /// Begin a new file of findings at this size [default: 16MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Findings")]
    #[serde(deserialize_with = "text")]
    pub findings_size: Option<ByteSize>,
    /// Begin a new file of findings after this time [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = duration::parse, help_heading = "Findings")]
    #[serde(deserialize_with = "span")]
    pub findings_age: Option<Duration>,
    /// Remove the oldest files of findings above this size of all [default: 256MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Findings")]
    #[serde(deserialize_with = "text")]
    pub findings_total: Option<ByteSize>,
    /// A finding ends when its host has shown no symptom for this time [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = duration::parse, help_heading = "Findings")]
    #[serde(deserialize_with = "span")]
    pub findings_quiet: Option<Duration>,

    /// Folder for pcapng files with the packets that findings rest on [default: none are kept]
    #[arg(long, value_name = "DIR", help_heading = "Evidence")]
    pub evidence: Option<PathBuf>,
    /// Packets kept of a remote host while it has a finding, at most [default: 2000]
    #[arg(long, value_name = "N", help_heading = "Evidence")]
    pub evidence_packets: Option<NonZeroU32>,
    /// Begin a new file of evidence at this size [default: 16MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Evidence")]
    #[serde(deserialize_with = "text")]
    pub evidence_size: Option<ByteSize>,
    /// Begin a new file of evidence after this time [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = duration::parse, help_heading = "Evidence")]
    #[serde(deserialize_with = "span")]
    pub evidence_age: Option<Duration>,
    /// Remove the oldest files of evidence above this size of all [default: 1GiB]
    #[arg(long, value_name = "SIZE", help_heading = "Evidence")]
    #[serde(deserialize_with = "text")]
    pub evidence_total: Option<ByteSize>,
    /// Keep every packet of these remote hosts as well, whole; needs `CAP_NET_RAW`
    #[arg(long, value_name = "CIDR", help_heading = "Evidence")]
    #[serde(deserialize_with = "texts")]
    pub full: Vec<Network>,

    /// Serve metrics for Prometheus at this address, such as 127.0.0.1:9435 [default: not]
    #[arg(long, value_name = "ADDRESS", help_heading = "Metrics")]
    #[serde(deserialize_with = "text")]
    pub metrics: Option<SocketAddr>,
    /// Remote hosts with findings that have metrics of their own, 0 for none [default: 50]
    #[arg(long, value_name = "N", help_heading = "Metrics")]
    pub metrics_remotes: Option<usize>,
    /// Connections at once that ask for metrics [default: 8]
    #[arg(long, value_name = "N", help_heading = "Metrics")]
    pub metrics_connections: Option<NonZeroU32>,
    /// File with NAME:PASSWORD, without which nobody gets metrics
    #[arg(long, value_name = "FILE", help_heading = "Metrics")]
    pub metrics_password: Option<PathBuf>,
    /// File with a certificate and those that sign it (PEM): by TLS only
    #[arg(long, value_name = "FILE", help_heading = "Metrics")]
    pub metrics_certificate: Option<PathBuf>,
    /// File with the key of the certificate (PEM)
    #[arg(long, value_name = "FILE", help_heading = "Metrics")]
    pub metrics_key: Option<PathBuf>,
    /// Have the kernel measure its programs, 1 s in 60; needs `CAP_SYS_ADMIN`
    #[arg(long, help_heading = "Metrics")]
    pub measure_cost: bool,
}

impl Settings {
    /// These, and where they say nothing, the others.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        // Named one by one, so that the compiler finds whatever is forgotten.
        Self {
            interface: list_or(self.interface, others.interface),
            exclude: list_or(self.exclude, others.exclude),
            hook: self.hook.or(others.hook),
            established: self.established.or(others.established),
            interval: self.interval.or(others.interval),
            remote: list_or(self.remote, others.remote),
            local: list_or(self.local, others.local),
            port: list_or(self.port, others.port),
            state: self.state.or(others.state),
            state_interval: self.state_interval.or(others.state_interval),
            pin: self.pin.or(others.pin),
            no_hotplug: self.no_hotplug || others.no_hotplug,
            user: self.user.or(others.user),
            keep_privileges: self.keep_privileges || others.keep_privileges,
            findings: self.findings.or(others.findings),
            findings_size: self.findings_size.or(others.findings_size),
            findings_age: self.findings_age.or(others.findings_age),
            findings_total: self.findings_total.or(others.findings_total),
            findings_quiet: self.findings_quiet.or(others.findings_quiet),
            evidence: self.evidence.or(others.evidence),
            evidence_packets: self.evidence_packets.or(others.evidence_packets),
            evidence_size: self.evidence_size.or(others.evidence_size),
            evidence_age: self.evidence_age.or(others.evidence_age),
            evidence_total: self.evidence_total.or(others.evidence_total),
            full: list_or(self.full, others.full),
            metrics: self.metrics.or(others.metrics),
            metrics_remotes: self.metrics_remotes.or(others.metrics_remotes),
            metrics_connections: self.metrics_connections.or(others.metrics_connections),
            metrics_password: self.metrics_password.or(others.metrics_password),
            metrics_certificate: self.metrics_certificate.or(others.metrics_certificate),
            metrics_key: self.metrics_key.or(others.metrics_key),
            measure_cost: self.measure_cost || others.measure_cost,
        }
    }
}

fn list_or<T>(list: Vec<T>, other: Vec<T>) -> Vec<T> {
    if list.is_empty() { other } else { list }
}

/// A value that is written as a text, read as the command line reads it.
struct Text<T>(T);

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

fn text<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Text::deserialize(deserializer).map(|Text(value)| Some(value))
}

fn texts<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let texts = Vec::<Text<T>>::deserialize(deserializer)?;
    Ok(texts.into_iter().map(|Text(value)| value).collect())
}

fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    duration::parse(&text).map(Some).map_err(de::Error::custom)
}

fn choice<'de, D: Deserializer<'de>, T: ValueEnum>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    T::from_str(&text, false).map(Some).map_err(|_| {
        let values = T::value_variants().iter();
        let names: Vec<_> = values
            .filter_map(ValueEnum::to_possible_value)
            .map(|value| format!("`{}`", value.get_name()))
            .collect();
        de::Error::custom(format_args!("it is none of {}", names.join(", ")))
    })
}

pub(super) const EXAMPLES: &str = "\
Examples:
  Watch every wan interface, those that appear later too; keep findings, serve metrics:
    sudo natdiag daemon -i 'wan*' --findings /var/lib/natdiag/findings --metrics 127.0.0.1:9435
  The same from a file:
    sudo natdiag daemon --config /etc/natdiag/natdiag.toml
  Is a file valid?
    natdiag daemon --check /etc/natdiag/natdiag.toml
  Read it again while it runs:
    sudo systemctl reload natdiag

Exit codes:
  0  it was told to end
  2  natdiag itself failed";
