//! `cargo xtask lab`: builds client, NAT, router and server in network namespaces, plays scenarios with real Linux
//! TCP, runs natdiag on one of the interfaces, and fails where its report is not the expected one.

mod bpf;
mod evidence;
mod expectation;
pub(crate) mod interrupt;
mod judge;
pub(crate) mod mechanism;
pub(crate) mod namespace;
mod network;
mod observer;
mod oracle;
mod outcome;
mod parameters;
pub(crate) mod play;
pub(crate) mod probe;
mod proof;
mod random;
mod report;
mod running;
mod scenario;
mod spawn;
mod traffic;

use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Mutex, mpsc},
    thread,
};

use anyhow::{Context as _, Result, bail};

use crate::exec::{self, Profile};

use self::{
    outcome::{Outcome, Status},
    play::Stage,
    scenario::Scenario,
};

/// Builds the test network in namespaces and plays scenarios.
#[derive(clap::Args, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Args {
    /// Scenarios to play, by name, T number, or the beginning of a name; all by default.
    scenarios: Vec<String>,
    /// Shows the scenarios and what natdiag must say about each.
    #[arg(long)]
    list: bool,
    /// Chooses ports, sizes, rates, clocks and the number of clients.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many scenarios run side by side.
    #[arg(short, long, value_name = "N", default_value_t = 4)]
    jobs: usize,
    /// Lets the traffic go on for so long, for a look at it from another terminal.
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Plays a scenario that failed again, alone, up to so many times: chance and a loaded machine have a say in what
    /// is seen.
    #[arg(long, value_name = "N", default_value_t = 0)]
    again: usize,
    /// Lets natdiag's daemon keep evidence as well, and replays it: it must give what it was kept for.
    #[arg(long)]
    evidence: bool,
    /// Leaves the namespaces behind, for a look at them; the next run without it removes them.
    #[arg(long)]
    keep: bool,
    /// Prints the results as JSON.
    #[arg(long)]
    json: bool,
    /// Plays and captures only; natdiag does not run and nothing is judged.
    #[arg(long, hide = true)]
    capture_only: bool,
}

/// Plays the scenarios asked for. Fails when natdiag's report differs from what one of them expects.
///
/// # Errors
/// The network cannot be built, or natdiag cannot be built.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let Args {
        scenarios,
        list,
        seed,
        jobs,
        seconds,
        again,
        evidence,
        keep,
        json,
        capture_only,
    } = args;
    let chosen = choose(&scenarios)?;
    if list {
        outcome::list(&mut io::stdout().lock(), &chosen, json)?;
        return Ok(ExitCode::SUCCESS);
    }
    if !exec::is_root() {
        bail!("the lab makes network namespaces, which only root may do");
    }
    interrupt::listen()?;
    namespace::sweep()?;
    let stage = Stage {
        seed,
        seconds,
        keep,
        evidence,
        natdiag: (!capture_only).then(build_natdiag).transpose()?,
        directory: results_directory()?,
    };
    let mut outcomes = play_all(&chosen, &stage, jobs.max(1), !json)?;
    for _ in 0..again {
        play_again(&mut outcomes, &stage, !json)?;
    }
    let mut stdout = io::stdout().lock();
    if json {
        outcome::write_json(&mut stdout, &outcomes)?;
    } else {
        outcome::write_summary(&mut stdout, &outcomes)?;
    }
    let failed = outcomes
        .iter()
        .any(|outcome| outcome.status() == Status::Failed);
    let all_passed = !interrupt::requested() && !failed;
    Ok(if all_passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A scenario that was played for somebody else to judge.
pub(crate) struct Played {
    /// Its name and seed.
    pub(crate) name: String,
    /// The causes that are at work.
    pub(crate) causes: Vec<&'static str>,
    /// Causes that may be named besides.
    pub(crate) tolerated: &'static [&'static str],
    /// The causes that natdiag named, and how sure it was.
    pub(crate) named: Vec<(String, Option<f64>)>,
    /// In what the run differs from what it must be.
    pub(crate) differences: Vec<String>,
    /// What tcpdump has kept of it; the next run of the scenario replaces it.
    pub(crate) captures: Vec<PathBuf>,
}

/// Plays all scenarios under a seed, `jobs` at a time.
///
/// # Errors
/// The network cannot be built, or natdiag cannot be built.
pub(crate) fn play_under(seed: u64, jobs: usize) -> Result<Vec<Played>> {
    if !exec::is_root() {
        bail!(
            "the lab makes network namespaces, which only root may do; `--simulation` and `--captures` go without it"
        );
    }
    interrupt::listen()?;
    namespace::sweep()?;
    let stage = Stage {
        seed,
        seconds: None,
        keep: false,
        evidence: false,
        natdiag: Some(build_natdiag()?),
        directory: results_directory()?,
    };
    let outcomes = play_all(&choose(&[])?, &stage, jobs.max(1), false)?;
    if interrupt::requested() {
        bail!("interrupted");
    }
    outcomes
        .into_iter()
        .map(|outcome| {
            let scenario = outcome.scenario;
            let verdict = outcome.verdict;
            Ok(Played {
                name: format!("{} --seed {seed}", scenario.name),
                causes: scenario.expected.iter().map(|it| it.cause).collect(),
                tolerated: scenario.tolerated,
                named: verdict.named,
                differences: [verdict.causes, verdict.differences].concat(),
                captures: captures(&stage.directory.join(scenario.name))?,
            })
        })
        .collect()
}

/// The captures in a folder.
fn captures(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    let mut captures = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "pcap")
        {
            captures.push(path);
        }
    }
    captures.sort();
    Ok(captures)
}

/// The scenarios that the words name, in the order of the table.
fn choose(words: &[String]) -> Result<Vec<&'static Scenario>> {
    for word in words {
        if !scenario::all().any(|scenario| scenario.is_named(word)) {
            bail!("no scenario is called `{word}`; `cargo xtask lab --list` shows them");
        }
    }
    Ok(scenario::all()
        .filter(|scenario| words.is_empty() || words.iter().any(|word| scenario.is_named(word)))
        .collect())
}

/// The scenario of this name.
///
/// # Errors
/// There is none.
pub(crate) fn scenario(name: &str) -> Result<&'static Scenario> {
    scenario::all()
        .find(|scenario| scenario.name == name)
        .with_context(|| format!("no scenario is called `{name}`"))
}

/// Plays the scenarios, `jobs` at a time. The results come in the order of the table.
fn play_all(
    scenarios: &[&'static Scenario],
    stage: &Stage,
    jobs: usize,
    tell: bool,
) -> Result<Vec<Outcome>> {
    let waiting: Mutex<VecDeque<_>> = Mutex::new(scenarios.iter().copied().enumerate().collect());
    let (sender, receiver) = mpsc::channel();
    let mut outcomes = Vec::new();
    thread::scope(|scope| -> Result<()> {
        for _ in 0..jobs.min(scenarios.len()) {
            let (waiting, sender) = (&waiting, sender.clone());
            scope.spawn(move || {
                while !interrupt::requested() {
                    let next = waiting.lock().ok().and_then(|mut queue| queue.pop_front());
                    let Some((place, scenario)) = next else { break };
                    let outcome = play::play(scenario, stage);
                    // A scenario that was interrupted says nothing.
                    if interrupt::requested() || sender.send((place, outcome)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        for (place, outcome) in receiver {
            if tell {
                outcome::write_line(&mut io::stdout().lock(), &outcome)?;
            }
            outcomes.push((place, outcome));
        }
        Ok(())
    })?;
    outcomes.sort_by_key(|(place, _)| *place);
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

/// Plays those that failed once more, each alone.
fn play_again(outcomes: &mut [Outcome], stage: &Stage, tell: bool) -> Result<()> {
    let failed = |outcome: &&mut Outcome| outcome.status() == Status::Failed;
    for outcome in outcomes.iter_mut().filter(failed) {
        if interrupt::requested() {
            break;
        }
        *outcome = play::play(outcome.scenario, stage);
        if tell {
            outcome::write_line(&mut io::stdout().lock(), outcome)?;
        }
    }
    Ok(())
}

/// Builds natdiag and returns where it is.
pub(crate) fn build_natdiag() -> Result<PathBuf> {
    exec::run(exec::cargo().args([
        "build",
        "--quiet",
        "--package",
        "natdiag",
        "--bin",
        "natdiag",
    ]))?;
    exec::built("natdiag", Profile::Dev)
}

/// Where captures and reports go.
fn results_directory() -> Result<PathBuf> {
    let xtask = std::env::current_exe().context("the path of this xtask is unknown")?;
    let target = xtask.ancestors().nth(2);
    Ok(target.context("xtask lies in no folder")?.join("lab"))
}
