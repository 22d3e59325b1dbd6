//! What was asked for, validated.

pub mod daemon;

use std::{path::PathBuf, time::Duration};

use thiserror::Error;

use crate::{
    analysis::filter::Filter,
    cli::{FilterArgs, ReplayArgs, WatchArgs},
    remedy::plan::TrialPlan,
    value::{
        established::EstablishedChoice, hook::HookChoice, network::Network, output::Output,
        top::Top,
    },
};

/// What `natdiag watch` does.
#[derive(Clone, Debug)]
pub struct WatchConfig {
    /// Interfaces; none means that of the default route.
    pub interfaces: Vec<String>,
    /// What is looked at.
    pub filter: Filter,
    /// Which hook.
    pub hook: HookChoice,
    /// How many established connections are looked at.
    pub established: EstablishedChoice,
    /// When to end by itself.
    pub duration: Option<Duration>,
    /// How often to show how things stand.
    pub interval: Duration,
    /// How many remotes to show.
    pub top: Top,
    /// Whether remote hosts are shown by name.
    pub names: bool,
    /// A remedy to try.
    pub trial: Option<TrialConfig>,
}

/// A remedy on trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrialConfig {
    /// What is tried, and towards whom.
    pub plan: TrialPlan,
    /// For how long.
    pub duration: Duration,
}

/// What `natdiag replay` does.
#[derive(Clone, Debug)]
pub struct ReplayConfig {
    /// Captures; `-` is standard input.
    pub files: Vec<PathBuf>,
    /// What is looked at.
    pub filter: Filter,
    /// Networks on the near side, where that cannot be inferred.
    pub local: Vec<Network>,
    /// How often, in the time of the capture, to show how things stand (`jsonl` only).
    pub interval: Option<Duration>,
    /// How many remotes to show.
    pub top: Top,
    /// Whether remote hosts are shown by name.
    pub names: bool,
}

/// Longest time that a remedy is tried for.
const LONGEST_TRIAL: Duration = Duration::from_mins(10);

/// Why a command line makes no sense as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// An interface is named twice.
    #[error("interface `{0}` is named twice; name each once")]
    InterfaceTwice(String),
    /// A trial is for a limited time.
    #[error("a trial of {0:?} is too long; `--trial-time` is {LONGEST_TRIAL:?} at most")]
    TrialTooLong(Duration),
    /// Standard input is named twice.
    #[error("capture `-` is named twice, but standard input can be read only once")]
    StandardInputTwice,
    /// Nothing would be shown at these intervals.
    #[error(
        "`--interval` of a capture is for `--output jsonl`; add that or leave `--interval` out"
    )]
    IntervalWithoutLines,
}

impl TryFrom<&WatchArgs> for WatchConfig {
    type Error = ConfigError;

    fn try_from(args: &WatchArgs) -> Result<Self, ConfigError> {
        if let Some(twice) = repeated(&args.interfaces) {
            return Err(ConfigError::InterfaceTwice(twice.clone()));
        }
        Ok(Self {
            interfaces: args.interfaces.clone(),
            filter: filter(&args.filter, &args.local),
            hook: args.hook,
            established: args.established,
            duration: args.duration,
            interval: args.interval,
            top: args.top.unwrap_or_default(),
            names: args.naming.names,
            trial: trial(args)?,
        })
    }
}

fn trial(args: &WatchArgs) -> Result<Option<TrialConfig>, ConfigError> {
    if args.trial_time > LONGEST_TRIAL {
        return Err(ConfigError::TrialTooLong(args.trial_time));
    }
    Ok(args.remedy_trial.map(|plan| TrialConfig {
        plan,
        duration: args.trial_time,
    }))
}

impl TryFrom<&ReplayArgs> for ReplayConfig {
    type Error = ConfigError;

    fn try_from(args: &ReplayArgs) -> Result<Self, ConfigError> {
        let inputs = args.files.iter().filter(|file| file.as_os_str() == "-");
        if inputs.count() > 1 {
            return Err(ConfigError::StandardInputTwice);
        }
        if args.interval.is_some() && args.output != Output::Jsonl {
            return Err(ConfigError::IntervalWithoutLines);
        }
        Ok(Self {
            files: args.files.clone(),
            filter: filter(&args.filter, &[]),
            local: args.local.clone(),
            interval: args.interval,
            top: args.top.unwrap_or_default(),
            names: args.naming.names,
        })
    }
}

fn filter(args: &FilterArgs, locals: &[Network]) -> Filter {
    Filter {
        remotes: args.remote.clone(),
        locals: locals.to_vec(),
        ports: args.port.clone(),
    }
}

/// The first item that an earlier one equals.
fn repeated<T: PartialEq>(items: &[T]) -> Option<&T> {
    let mut rest = items;
    while let [first, others @ ..] = rest {
        if others.contains(first) {
            return Some(first);
        }
        rest = others;
    }
    None
}
