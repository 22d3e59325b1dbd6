//! What runs inside a machine: has the verifier look at each program, then natdiag watch one end of a veth pair by
//! each hook while known frames go through it, and compares the report with what was sent. Last come active tests.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Write},
    process::{Command, ExitCode, Stdio},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use aya::programs::loaded_programs;
use natdiag::{
    bpf::{
        follow::Follower,
        load::WatchObject,
        program::{LoadOptions, WatchProgram},
    },
    host::link,
};
use natdiag_common::{
    LinkType,
    follow::{FollowCounter, FollowCounts},
    names,
    testkit::SERVER,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use super::{probing, traffic};

/// The end that natdiag watches.
const WATCHED: &str = "near";
/// The other end.
const FAR: &str = "veth0";
/// The oldest kernel that natdiag must work on.
const OLDEST: [u32; 2] = [6, 1];
/// What natdiag is told to attach to, and the kernel from which on it must.
const HOOKS: [(&str, [u32; 2]); 5] = [
    ("auto", OLDEST),
    ("xdp", OLDEST),
    ("xdp-generic", OLDEST),
    ("clsact", OLDEST),
    ("tcx", [6, 6]),
];
/// What natdiag writes to stderr.
const STDERR: &str = "/tmp/stderr";
/// Reports, one a second, in which the counts must come to equal those sent.
const REPORTS: usize = 20;
/// What lies between two looks at what is followed: frames may wait for the kernel.
const BETWEEN_READS: Duration = Duration::from_secs(1);

/// Makes all checks.
pub(crate) fn run() -> Result<ExitCode> {
    let kernel = version()?;
    let mut out = io::stdout().lock();
    verify(&mut out)?;
    let mut passed = true;
    for (hook, since) in HOOKS {
        match watch(hook) {
            Ok(hooks) => writeln!(out, "{hook}: {hooks}; all counts equal those sent")?,
            Err(error) if kernel < since => {
                let error = format!("{error:#}");
                let reason = error.lines().next().unwrap_or_default();
                writeln!(out, "{hook}: missing here, {reason}")?;
            }
            Err(error) => {
                writeln!(out, "{hook}: FAILED, {error:#}")?;
                passed = false;
            }
        }
    }
    match follow(&mut out) {
        Ok(()) => writeln!(out, "follow: all counts equal those sent")?,
        Err(error) if kernel < OLDEST => writeln!(out, "follow: missing here, {error:#}")?,
        Err(error) => {
            writeln!(out, "follow: FAILED, {error:#}")?;
            passed = false;
        }
    }
    match probing::check(&mut out, kernel) {
        Ok(()) => {}
        Err(error) if kernel < OLDEST => writeln!(out, "probe: missing here, {error:#}")?,
        Err(error) => {
            writeln!(out, "probe: FAILED, {error:#}")?;
            passed = false;
        }
    }
    Ok(ExitCode::from(u8::from(!passed)))
}

/// Follows the server's connections while frames go through.
fn follow(out: &mut impl Write) -> Result<()> {
    let links = link::all()?;
    let watched = links.iter().find(|link| link.name == WATCHED);
    let watched = watched.with_context(|| format!("there is no {WATCHED}"))?;
    let mut follower = Follower::attach(watched, LinkType::Ethernet)?;
    for program in loaded_programs().flatten() {
        if let Some(name @ (names::PROGRAM_FOLLOW_INGRESS | names::PROGRAM_FOLLOW_EGRESS)) =
            program.name_as_str()
            && let Some(verified) = program.verified_instruction_count()
        {
            writeln!(out, "{name}: {verified} instructions verified")?;
        }
    }
    follower.set(&[SERVER.into()])?;
    let expected = summed(&traffic::send_established(WATCHED, FAR)?);
    let mut seen = None;
    for _ in 0..REPORTS {
        seen = follower.read()?.first().map(|(_, counts)| summed(counts));
        if seen == Some(expected) {
            return Ok(());
        }
        sleep(BETWEEN_READS);
    }
    anyhow::bail!("{seen:?} is followed, not {expected:?}")
}

/// What is counted of a suspect. How long a silence seems depends on the machine, so all classes are one.
fn summed(counts: &FollowCounts) -> ([u64; FollowCounter::COUNT], [u64; 2]) {
    let answers = [&counts.reset_after, &counts.answered_after];
    (counts.counters, answers.map(|classes| classes.iter().sum()))
}

/// The kernel's version.
fn version() -> Result<[u32; 2]> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let mut parts = release.split('.').map(str::parse);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok([major, minor]),
        _ => anyhow::bail!("the kernel's release is `{}`", release.trim()),
    }
}

/// Loads each program. A refusal only says what is missing: whether it harms, the hooks show.
fn verify(out: &mut impl Write) -> Result<()> {
    let mut object = WatchObject::open(LoadOptions::new(LinkType::Ethernet))?;
    for program in WatchProgram::ALL {
        match object.load(program).map_err(anyhow::Error::from) {
            Ok(()) => match object.verified_instructions(program) {
                Some(verified) => writeln!(out, "{program}: {verified} instructions verified")?,
                None => writeln!(out, "{program}: verified")?,
            },
            Err(error) => writeln!(out, "{program}: missing here, {error:#}")?,
        }
    }
    Ok(())
}

/// Watches by one hook while frames go through. Returns the hooks in use.
fn watch(hook: &str) -> Result<String> {
    let mut natdiag = Command::new("natdiag")
        .args(["watch", "-i", WATCHED, "--hook", hook, "--output", "jsonl"])
        .stdout(Stdio::piped())
        .stderr(File::create(STDERR)?)
        .spawn()?;
    let stdout = natdiag.stdout.take().context("natdiag has no stdout")?;
    let mut reports = BufReader::new(stdout).lines();
    // The first report comes when all is attached.
    if reports.next().is_none() {
        natdiag.wait()?;
        anyhow::bail!("{}", fs::read_to_string(STDERR)?.trim());
    }
    let expected = traffic::send(WATCHED, FAR)?;
    for report in reports.by_ref().take(REPORTS) {
        if compare(&report?, &expected).is_ok() {
            break;
        }
    }
    kill(Pid::from_raw(natdiag.id().try_into()?), Signal::SIGINT)?;
    let last = reports.last().context("there is no last report")??;
    let status = natdiag.wait()?;
    ensure!(
        status.code().is_some_and(|code| code != 2),
        "natdiag ended with {status}: {}",
        fs::read_to_string(STDERR)?.trim()
    );
    compare(&last, &expected)
}

/// Compares a report with what was sent. Returns the hooks in use.
fn compare(report: &str, expected: &[(&str, u64)]) -> Result<String> {
    let report: Value = serde_json::from_str(report)?;
    let at = |path: &str| {
        report
            .pointer(path)
            .with_context(|| format!("no {path}: {report}"))
    };
    let server = SERVER.to_string();
    let remotes = at("/remotes")?.as_array().context("no list of remotes")?;
    let counters = remotes
        .iter()
        .find(|remote| remote.get("address").is_some_and(|it| *it == *server))
        .and_then(|remote| remote.get("counters"))
        .with_context(|| format!("no counters of {server}"))?;
    let missed = at("/totals/0/missed")?;
    ensure!(
        missed
            .as_object()
            .is_some_and(|missed| missed.values().all(|count| *count == 0)),
        "missed: {missed}"
    );
    for (name, count) in expected {
        let seen = counters.get(name).and_then(Value::as_u64);
        ensure!(seen == Some(*count), "{name} is {seen:?}, not {count}");
    }
    let hooks = at("/sources/0/hooks")?
        .as_array()
        .context("no list of hooks")?;
    let hooks: Vec<_> = hooks.iter().filter_map(Value::as_str).collect();
    Ok(hooks.join(", "))
}
