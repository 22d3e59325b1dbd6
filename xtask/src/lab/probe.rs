//! `cargo xtask probe`: active tests in the test network. natdiag tests real servers through a real NAT, from the NAT
//! and from behind it; its verdict must be the expected one, and nothing may be left behind.

mod bystander;
mod case;
mod company;
mod cure;
mod judge;
mod killing;
mod name;
mod rehearsal;
pub(crate) mod service;
mod state;
mod tally;
mod tls;
mod wire;

use std::{
    fmt::{self, Display, Formatter, Write as _},
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
    sync::{Mutex, mpsc},
    thread,
    time::Duration,
};

use anyhow::{Result, bail};

use super::{build_natdiag, interrupt, namespace};
use crate::exec;

use self::{
    case::{Case, Test},
    rehearsal::play,
    tally::Tally,
};

/// Plays servers of every kind, and has natdiag test them.
#[derive(clap::Args, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Args {
    /// Cases to play, by the beginning of a name; all by default.
    cases: Vec<String>,
    /// Seeds to play each under: 1 to N. natdiag runs on the NAT and behind it in turn.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seeds: u64,
    /// Plays each seed in both places.
    #[arg(long)]
    both: bool,
    /// Leaves out what takes long, and what differs from another case in one respect only.
    #[arg(long)]
    brief: bool,
    /// Plays a case that failed once more, alone: chance and a loaded machine have a say in what is seen.
    #[arg(long)]
    again: bool,
    /// How many run side by side.
    #[arg(short, long, value_name = "N", default_value_t = 2)]
    jobs: usize,
    /// Kills natdiag at a random moment instead, and looks at what is left behind.
    #[arg(long)]
    kill: bool,
    /// With `--kill`: the hook that natdiag is told to use.
    #[arg(long, value_name = "HOOK", default_value = "auto", requires = "kill")]
    hook: String,
}

/// Where natdiag runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vantage {
    /// On the NAT.
    Public,
    /// On a client behind it.
    Inside,
}

/// What is the same for all tests.
struct Stage {
    natdiag: PathBuf,
    /// The hook that natdiag uses when it is killed.
    kill_on: Option<String>,
}

/// One test: a case as a seed draws it, seen from somewhere.
#[derive(Clone, Copy)]
struct Play {
    case: &'static Case,
    seed: u64,
    vantage: Vantage,
}

/// How one test went.
struct Outcome {
    play: Play,
    said: String,
    /// What else was measured.
    notes: Vec<String>,
    connections: u64,
    elapsed: Duration,
    differences: Vec<String>,
}

/// Plays the cases asked for. Fails when natdiag says anything but what one of them expects.
///
/// # Errors
/// The network cannot be built, or natdiag cannot be built.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    // Only tests of timestamps have programs that may be told where to go.
    let has_hook = |case: &&Case| args.hook == killing::AUTO || case.test == Test::Timestamps;
    let is_chosen = |case: &&Case| {
        args.cases.is_empty() || args.cases.iter().any(|word| case.name.starts_with(word))
    };
    let chosen: Vec<&'static Case> = case::all()
        .filter(is_chosen)
        .filter(has_hook)
        .filter(|case| case.is_brief || !args.brief)
        .collect();
    if chosen.is_empty() {
        let known: Vec<_> = case::all().map(|case| case.name).collect();
        bail!("no case begins so; there are: {}", known.join(", "));
    }
    if !exec::is_root() {
        bail!("the lab makes network namespaces, which only root may do");
    }
    interrupt::listen()?;
    namespace::sweep()?;
    let stage = Stage {
        natdiag: build_natdiag()?,
        kill_on: args.kill.then(|| args.hook.clone()),
    };
    let plays: Vec<Play> = chosen
        .iter()
        .zip(0..)
        .flat_map(|(case, place)| (1..=args.seeds).map(move |seed| (*case, place, seed)))
        .flat_map(|(case, place, seed)| {
            vantages(place + seed, args.both)
                .iter()
                .map(move |vantage| Play {
                    case,
                    seed,
                    vantage: *vantage,
                })
        })
        .collect();
    let mut failed = play_all(plays, &stage, args.jobs.max(1))?;
    if args.again && !failed.is_empty() {
        failed = play_all(failed, &stage, 1)?;
    }
    Ok(if failed.is_empty() && !interrupt::requested() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn vantages(turn: u64, both: bool) -> &'static [Vantage] {
    match (both, turn.is_multiple_of(2)) {
        (true, _) => &[Vantage::Public, Vantage::Inside],
        (false, false) => &[Vantage::Public],
        (false, true) => &[Vantage::Inside],
    }
}

/// Plays, some side by side, and shows how each went, and how all did where there were several of each. Returns those
/// that failed.
fn play_all(mut waiting: Vec<Play>, stage: &Stage, jobs: usize) -> Result<Vec<Play>> {
    waiting.reverse();
    let waiting = Mutex::new(waiting);
    let (sender, receiver) = mpsc::channel();
    let mut failed = Vec::new();
    let mut tally = Tally::default();
    thread::scope(|scope| -> Result<()> {
        for _ in 0..jobs {
            let (waiting, sender) = (&waiting, sender.clone());
            scope.spawn(move || {
                while !interrupt::requested() {
                    let next = waiting.lock().ok().and_then(|mut queue| queue.pop());
                    let Some(next) = next else { break };
                    let outcome = play(next, stage);
                    if interrupt::requested() || sender.send(outcome).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        for outcome in receiver {
            write_outcome(&outcome)?;
            tally.add(&outcome);
            if !outcome.differences.is_empty() {
                failed.push(outcome.play);
            }
        }
        Ok(())
    })?;
    if stage.kill_on.is_none() && tally.has_several_plays() {
        tally.write(&mut io::stdout().lock())?;
    }
    Ok(failed)
}

impl Display for Vantage {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Public => "public",
            Self::Inside => "inside",
        })
    }
}

fn write_outcome(outcome: &Outcome) -> Result<()> {
    let verdict = if outcome.differences.is_empty() {
        "ok  "
    } else {
        "FAIL"
    };
    let mut text = format!(
        "{verdict} {:<24} seed {:<3} {:<7} {:<28} {:>3} connections {:>5.1} s\n",
        outcome.play.case.name,
        outcome.play.seed,
        outcome.play.vantage,
        outcome.said,
        outcome.connections,
        outcome.elapsed.as_secs_f64()
    );
    for line in outcome.notes.iter().chain(&outcome.differences) {
        writeln!(text, "     {line}")?;
    }
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}
