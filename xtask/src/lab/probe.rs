//! `cargo xtask probe`: active tests in the test network. natdiag tests real servers through a real NAT, from the NAT
//! and from behind it; its verdict must be the expected one, and nothing may be left behind.

mod bystander;
mod case;
mod service;
mod state;

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    path::PathBuf,
    process::{Command, ExitCode, Stdio},
    sync::{Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{
    build_natdiag, interrupt, namespace,
    network::{Network, SERVER, SERVER_V6},
    parameters::Parameters,
    random::Random,
    spawn,
};
use crate::exec;

use self::{
    bystander::Bystander,
    case::{CASES, Case, Test},
    service::Service,
    state::State,
};

/// Plays servers of every kind, and has natdiag test them.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Cases to play, by the beginning of a name; all by default.
    cases: Vec<String>,
    /// Seeds to play each under: 1 to N.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seeds: u64,
    /// How many run side by side.
    #[arg(short, long, value_name = "N", default_value_t = 2)]
    jobs: usize,
    /// Kills natdiag at a random moment instead, and looks at what is left behind.
    #[arg(long)]
    kill: bool,
}

/// How one test went.
struct Outcome {
    case: &'static Case,
    seed: u64,
    vantage: &'static str,
    said: String,
    connections: u64,
    elapsed: Duration,
    differences: Vec<String>,
}

/// Plays the cases asked for. Fails when natdiag says anything but what one of them expects.
///
/// # Errors
/// The network cannot be built, or natdiag cannot be built.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let is_chosen = |case: &&Case| {
        args.cases.is_empty() || args.cases.iter().any(|word| case.name.starts_with(word))
    };
    let chosen: Vec<&'static Case> = CASES.iter().filter(is_chosen).collect();
    if chosen.is_empty() {
        let known: Vec<_> = CASES.iter().map(|case| case.name).collect();
        bail!("no case begins so; there are: {}", known.join(", "));
    }
    if !exec::is_root() {
        bail!("the lab makes network namespaces, which only root may do");
    }
    interrupt::listen()?;
    namespace::sweep()?;
    let natdiag = build_natdiag()?;
    let mut waiting: Vec<(&'static Case, u64)> = chosen
        .iter()
        .flat_map(|case| (1..=args.seeds).map(move |seed| (*case, seed)))
        .collect();
    waiting.reverse();
    let waiting = Mutex::new(waiting);
    let (sender, receiver) = mpsc::channel();
    let mut all_right = true;
    thread::scope(|scope| -> Result<()> {
        for _ in 0..args.jobs.max(1) {
            let (waiting, sender, natdiag) = (&waiting, sender.clone(), &natdiag);
            scope.spawn(move || {
                while !interrupt::requested() {
                    let next = waiting.lock().ok().and_then(|mut queue| queue.pop());
                    let Some((case, seed)) = next else { break };
                    let outcome = play(case, seed, natdiag, args.kill);
                    if interrupt::requested() || sender.send(outcome).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        for outcome in receiver {
            all_right &= outcome.differences.is_empty();
            write_outcome(&outcome)?;
        }
        Ok(())
    })?;
    Ok(if all_right && !interrupt::requested() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn write_outcome(outcome: &Outcome) -> Result<()> {
    let verdict = if outcome.differences.is_empty() {
        "ok  "
    } else {
        "FAIL"
    };
    let mut text = format!(
        "{verdict} {:<22} seed {:<3} {:<7} {:<28} {:>3} connections {:>5.1} s\n",
        outcome.case.name,
        outcome.seed,
        outcome.vantage,
        outcome.said,
        outcome.connections,
        outcome.elapsed.as_secs_f64()
    );
    for difference in &outcome.differences {
        writeln!(text, "     {difference}")?;
    }
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

fn play(case: &'static Case, seed: u64, natdiag: &PathBuf, kill: bool) -> Outcome {
    let mut outcome = Outcome {
        case,
        seed,
        vantage: if seed.is_multiple_of(2) {
            "inside"
        } else {
            "public"
        },
        said: String::new(),
        connections: 0,
        elapsed: Duration::ZERO,
        differences: Vec::new(),
    };
    if let Err(error) = rehearse(&mut outcome, natdiag, kill) {
        outcome.differences.push(format!("{error:#}"));
    }
    outcome
}

fn rehearse(outcome: &mut Outcome, natdiag: &PathBuf, kill: bool) -> Result<()> {
    let case = outcome.case;
    let mut random = Random::new(outcome.seed, case.name);
    let parameters = Parameters::draw(&mut random, None);
    let scenario = format!("p{}-{}", outcome.seed, case.name);
    let network = Network::build(&scenario, &parameters, false, false)?;
    let _installed: Vec<_> = case
        .mechanisms
        .iter()
        .map(|mechanism| mechanism.install(&network, &parameters))
        .collect::<Result<_>>()?;
    if let Some(rule) = case.router {
        network.router.nft(rule)?;
    }
    let port = if case.is_guarded {
        parameters.guarded_port
    } else {
        parameters.open_port
    };
    let _service = Service::start(&network.server, port, case.service)?;
    let last = parameters.clients - 1;
    let host = match outcome.vantage {
        "inside" => network.client(last)?,
        _ => &network.nat,
    };
    let bystander = case
        .bystander
        .map(|kind| Bystander::start(network.client(0)?, port, kind))
        .transpose()?;
    if bystander.is_some() {
        interrupt::wait(Duration::from_secs(2))?;
    }
    let before = State::of(host)?;
    let target = if case.is_v6 {
        format!("[{SERVER_V6}]:{port}")
    } else {
        format!("{SERVER}:{port}")
    };
    let mut command = Command::new(natdiag);
    match case.test {
        Test::Timestamps => command.args(["probe", "timestamps", &target]),
        Test::Fragments => command.args(["probe", "fragments", &format!("http://{target}/")]),
    };
    command.args(["--output", "json"]);
    spawn::put_in(&mut command, host)?;
    let start = Instant::now();
    if kill {
        let moment = Duration::from_millis(u64::from(random.between(50, 6_000)));
        kill_after(&mut command, moment)?;
        outcome.said = format!("killed after {} ms", moment.as_millis());
    } else {
        let output = command.output().context("cannot run natdiag")?;
        outcome.elapsed = start.elapsed();
        judge(outcome, &output)?;
    }
    let after = State::of(host)?;
    outcome.differences.extend(before.differences(&after));
    if let Some(bystander) = bystander {
        let (connections, lost) = bystander.finish();
        if case.bystander_is_safe && lost > 0 {
            outcome
                .differences
                .push(format!("a bystander lost {lost} of {connections} SYNs"));
        }
    }
    Ok(())
}

fn kill_after(command: &mut Command, moment: Duration) -> Result<()> {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot run natdiag")?;
    interrupt::wait(moment)?;
    // SIGKILL.
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// Compares what natdiag said with what is expected.
fn judge(outcome: &mut Outcome, output: &std::process::Output) -> Result<()> {
    let case = outcome.case;
    let report: Value = serde_json::from_slice(&output.stdout).with_context(|| {
        format!(
            "natdiag said no JSON: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )
    })?;
    let arms = report.get("arms").and_then(Value::as_array);
    let arms = arms.cloned().unwrap_or_default();
    let connections = |arm: &Value| arm.get("connections").and_then(Value::as_u64).unwrap_or(0);
    outcome.connections = match case.test {
        Test::Timestamps => arms.iter().map(connections).sum(),
        Test::Fragments => arms.len() as u64,
    };
    let finding = report.pointer("/remotes/0/findings/0");
    let finding = finding.unwrap_or(&Value::Null);
    let said = |path: &str| finding.pointer(path).and_then(Value::as_str);
    let cause = said("/cause").unwrap_or("nothing");
    let kernel = said("/evidence/server_kernel");
    outcome.said = kernel.map_or(cause.to_owned(), |kernel| format!("{cause}, {kernel}"));
    if outcome.said != case.expected {
        outcome.differences.push(format!(
            "expected: {}; {finding}; arms: {}",
            case.expected,
            Value::Array(arms)
        ));
    }
    if outcome.connections > 60 || outcome.elapsed > Duration::from_mins(1) {
        outcome.differences.push("too long".to_owned());
    }
    let code = output.status.code();
    if code != Some(case.exit_code) {
        outcome
            .differences
            .push(format!("exit code {code:?}, expected {}", case.exit_code));
    }
    Ok(())
}
