//! Active tests inside a machine: natdiag tests a server of a namespace of its own, by each hook, with and without
//! `tcp_tw_recycle` there, and is killed where its programs stay.

use std::{
    io::Write,
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use natdiag::{bpf::inspect, host::link};
use serde_json::Value;

use crate::{
    exec,
    lab::{
        mechanism::{self, Era},
        namespace::Namespace,
        probe::service::{Kind, Service},
    },
};

/// The interface of the test, and the server's.
const TESTED: &str = "tested";
const ETH0: &str = "eth0";
/// Addresses of both, and the server's port.
const HERE: &str = "198.51.100.1/24";
const SERVER: &str = "198.51.100.80";
const PORT: u16 = 4280;
/// What a server with `tcp_tw_recycle` is called.
const RECYCLES: &str = "tw-recycle, 3.17 to 4.11";
/// Time for a test to begin before it is killed.
const UNDER_WAY: Duration = Duration::from_secs(4);
/// What is said of filters that a killed natdiag has left.
const LEFT_BEHIND: &str = "left behind when it was killed";
/// The kernel from which on TCX is there.
const TCX_SINCE: [u32; 2] = [6, 6];

/// Makes all checks on a kernel. Says what it has seen.
pub(super) fn check(out: &mut impl Write, kernel: [u32; 2]) -> Result<()> {
    let server = Namespace::create("kernels", "server", false)?;
    exec::read(Command::new("ip").args([
        "link",
        "add",
        TESTED,
        "type",
        "veth",
        "peer",
        "name",
        ETH0,
        "netns",
        server.name(),
    ]))?;
    exec::read(Command::new("ip").args(["addr", "add", HERE, "dev", TESTED]))?;
    exec::read(Command::new("ip").args(["link", "set", TESTED, "up"]))?;
    server.ip(&[
        format!("addr add {SERVER}/24 dev {ETH0}"),
        format!("link set {ETH0} up"),
    ])?;
    let _service = Service::start(&server, PORT, Kind::Closes)?;
    let (said, hooks) = Said::of(&[])?;
    ensure!(said.cause == "nothing", "of a sound server: {}", said.cause);
    writeln!(out, "probe: {hooks}; a sound server is called sound")?;
    let _painted = mechanism::paint_recycle(&server, Era::From317)?;
    let has_tcx = kernel >= TCX_SINCE;
    for hook in ["clsact", "tcx"]
        .into_iter()
        .filter(|hook| has_tcx || *hook != "tcx")
    {
        let (said, hooks) = Said::of(&["--hook", hook])?;
        ensure!(said.cause == RECYCLES, "of tcp_tw_recycle: {}", said.cause);
        ensure!(hooks.starts_with(hook), "not by {hook}: {hooks}");
        writeln!(out, "probe: {hooks}; {}", said.cause)?;
    }
    kill(out)
}

/// Kills a test, and has the next one find what is left.
fn kill(out: &mut impl Write) -> Result<()> {
    let mut child = probe(&["--hook", "clsact"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    sleep(UNDER_WAY);
    child.kill()?;
    child.wait()?;
    let left = traces()?;
    ensure!(!left.is_empty(), "nothing is left of a killed test");
    let (said, _) = Said::of(&["--hook", "clsact", "--max-connections", "1"])?;
    ensure!(
        said.notes.iter().any(|note| note.contains(LEFT_BEHIND)),
        "what is left is not named: {:?}",
        said.notes
    );
    let stays = traces()?;
    ensure!(stays.is_empty(), "still there: {}", stays.join(", "));
    writeln!(
        out,
        "probe: killed on clsact; named and removed by the next: {}",
        left.join(", ")
    )?;
    Ok(())
}

/// What natdiag says of the server.
struct Said {
    /// Cause, and kernel where one is told.
    cause: String,
    notes: Vec<String>,
}

impl Said {
    /// Tests the server. Returns the hooks in use as well.
    fn of(arguments: &[&str]) -> Result<(Self, String)> {
        let output = probe(arguments).output().context("cannot run natdiag")?;
        let report: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).trim().to_owned())?;
        let text = |path: &str| report.pointer(path).and_then(Value::as_str);
        let cause = text("/remotes/0/findings/0/cause").unwrap_or("nothing");
        let era = text("/remotes/0/findings/0/evidence/server_kernel");
        let said = Self {
            cause: era.map_or_else(|| cause.to_owned(), |era| format!("{cause}, {era}")),
            notes: texts(&report, "/sources/0/notes"),
        };
        Ok((said, texts(&report, "/sources/0/hooks").join(", ")))
    }
}

fn texts(report: &Value, path: &str) -> Vec<String> {
    let list = report.pointer(path).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

fn probe(arguments: &[&str]) -> Command {
    let mut probe = Command::new("natdiag");
    probe
        .args(["probe", "timestamps", &format!("{SERVER}:{PORT}")])
        .args(["--output", "json"])
        .args(arguments);
    probe
}

/// What is on the interface of the test.
fn traces() -> Result<Vec<String>> {
    let links = link::all()?;
    let tested = links.iter().find(|link| link.name == TESTED);
    let tested = tested.with_context(|| format!("there is no {TESTED}"))?;
    let qdisc = inspect::qdisc_in_place(tested)?.map(|kind| format!("qdisc {kind}"));
    let programs = inspect::attached(tested).into_iter().map(|program| {
        let name = program.name.unwrap_or_else(|| program.id.to_string());
        format!("{} {name}", program.hook)
    });
    Ok(qdisc.into_iter().chain(programs).collect())
}
