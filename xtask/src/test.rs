//! All tests in one command, which is also what CI runs. Lints and the test network come first and cargo's
//! tests last, so that their own summary closes the output, right after the list of what could not run.

mod stream;

use std::{
    env, io,
    io::IsTerminal as _,
    process::{Command, ExitCode},
};

use anyhow::Result;
use stream::Stream;

use crate::{
    exec::{self, Profile, say},
    programs,
    setup::{
        self, Purpose,
        checkers::{self, CARGO_DENY, KUBERNETES_VALIDATE},
    },
};

/// The crates of this machine's target. The programs of natdiag-ebpf are linted apart: together with these,
/// natdiag-common would get features that they cannot have.
const HOST_CRATES: [&str; 6] = ["-p", "natdiag-common", "-p", "natdiag", "-p", "xtask"];
/// The features that everything in those crates is behind.
const FEATURES: [&str; 2] = ["--features", "xtask/programs"];
/// How the reason of a SKIP begins that no privilege and no package can remove.
const BEYOND_SETUP: &str = ": this kernel ";
/// Those that are shipped, but for the one that only kustomize reads.
const MANIFESTS: [&str; 3] = ["namespace.yaml", "serviceaccount.yaml", "daemonset.yaml"];
/// Has cargo's tests go on after a failure.
const RUN_ALL: &str = "--no-fail-fast";
/// Has tests that pass show what they print, which may be a SKIP.
const SHOW_PASSED: [&str; 2] = ["--", "--show-output"];

/// Runs `cargo xtask test`.
///
/// # Errors
/// When something that is needed cannot be installed, or a command cannot be started.
pub(crate) fn run() -> Result<ExitCode> {
    setup::ensure(Purpose::Test)?;
    let mut tests = Tests::default();
    tests.stage("format", cargo(&["fmt", "--all", "--check"]))?;
    tests.stage("lints", lints())?;
    tests.stage("lints of xtask before setup", lints_before_setup())?;
    tests.stage("lints of the BPF programs", lints_of_programs())?;
    tests.stage("lints with the log of the BPF programs", lints_with_log())?;
    tests.stage("documentation", documentation())?;
    tests.dependencies()?;
    tests.manifests()?;
    let mut network = programs::command("lab", Profile::Dev)?;
    network.args(["--again", "1", "--evidence"]);
    tests.stage("test network", network)?;
    let mut active = programs::command("probe", Profile::Dev)?;
    active.args(["--brief", "--again", "--jobs", "8"]);
    tests.stage("active tests", active)?;
    let mut screens = programs::command("screens", Profile::Dev)?;
    screens.arg("--check");
    tests.stage("screens", screens)?;
    for hook in ["auto", "clsact"] {
        let mut killed = programs::command("probe", Profile::Dev)?;
        killed.args(["recycle-4.11", "--brief", "--kill", "--hook", hook]);
        killed.args(["--seeds", "2", "--again", "--jobs", "8"]);
        tests.stage("active tests that are killed", killed)?;
    }
    tests.stage("documentation tests", documentation_tests())?;
    tests.stage("tests", unit_and_integration_tests())?;
    Ok(tests.finish())
}

fn lints() -> Command {
    let mut clippy = cargo(&["clippy", "--all-targets"]);
    clippy.args(HOST_CRATES).args(FEATURES);
    clippy.args(["--", "--deny", "warnings"]);
    clippy
}

fn lints_before_setup() -> Command {
    cargo(&["clippy", "-p", "xtask", "--", "--deny", "warnings"])
}

fn lints_of_programs() -> Command {
    let mut clippy = cargo(&["clippy", "-p", "natdiag-ebpf", "--bins"]);
    clippy.args(["--", "--deny", "warnings"]);
    // This machine's target would unwind, which takes std.
    clippy.env("CARGO_PROFILE_DEV_PANIC", "abort");
    clippy
}

/// Builds the programs once more, with what nobody else builds.
fn lints_with_log() -> Command {
    let mut clippy = cargo(&["clippy", "-p", "natdiag", "--lib"]);
    clippy.args(["--features", "bpf-log", "--", "--deny", "warnings"]);
    clippy
}

fn documentation() -> Command {
    let mut doc = cargo(&["doc", "--no-deps", "--document-private-items"]);
    doc.args(HOST_CRATES).args(FEATURES);
    doc.env("RUSTDOCFLAGS", "--deny warnings");
    doc
}

fn documentation_tests() -> Command {
    let mut test = cargo(&["test", "--doc", RUN_ALL]);
    test.args(FEATURES).args(SHOW_PASSED);
    test
}

fn unit_and_integration_tests() -> Command {
    let mut test = cargo(&["test", "--lib", "--bins", "--tests", RUN_ALL]);
    test.args(FEATURES).args(SHOW_PASSED);
    test
}

fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = exec::cargo();
    cargo.args(arguments);
    if io::stdout().is_terminal() {
        cargo.env("CARGO_TERM_COLOR", "always");
    }
    cargo
}

/// What has run so far.
#[derive(Default)]
struct Tests {
    stream: Stream,
    failed: Vec<&'static str>,
    /// What is left out where its checker cannot be had.
    left_out: Vec<String>,
}

impl Tests {
    /// Runs one part; a failure does not keep the others from running.
    fn stage(&mut self, name: &'static str, mut command: Command) -> Result<()> {
        say(format_args!("{name}: {}", exec::describe(&command)));
        if !self.stream.run(&mut command)? {
            self.failed.push(name);
        }
        Ok(())
    }

    /// Checks licences and sources of the dependencies. Known flaws are in a repository that is fetched by git, and
    /// left out.
    fn dependencies(&mut self) -> Result<()> {
        self.checked("dependencies", CARGO_DENY, |deny| {
            deny.current_dir(exec::checkout());
            deny.args(["check", "bans", "licenses", "sources"]);
        })
    }

    /// Checks the manifests for Kubernetes against its schemas.
    fn manifests(&mut self) -> Result<()> {
        self.checked("manifests", KUBERNETES_VALIDATE, |validate| {
            validate.current_dir(exec::checkout().join("deploy/kubernetes"));
            validate.arg("--strict").args(MANIFESTS);
        })
    }

    /// A stage by a checker, or a line that says that it is left out.
    fn checked(
        &mut self,
        name: &'static str,
        checker: &str,
        ask: impl FnOnce(&mut Command),
    ) -> Result<()> {
        let Some(program) = checkers::find(checker) else {
            let reason = format!("SKIP {name}: {checker} is not installed");
            self.left_out.push(reason);
            return Ok(());
        };
        let mut command = Command::new(program);
        ask(&mut command);
        self.stage(name, command)
    }

    /// Prints what could not run and what failed, and lets the last summary of cargo's tests close the output.
    fn finish(mut self) -> ExitCode {
        let skipped = self.stream.skipped();
        let mut closing = self.left_out;
        closing.extend(skipped.iter().cloned());
        let must_run = skipped.iter().any(|skip| !skip.contains(BEYOND_SETUP));
        if must_run && env::var_os("CI").is_some_and(|value| value == "true") {
            self.failed.push("tests that must not be skipped in CI");
        }
        for name in &self.failed {
            closing.push(format!("FAILED {name}"));
        }
        self.stream.close(&closing);
        ExitCode::from(u8::from(!self.failed.is_empty()))
    }
}
