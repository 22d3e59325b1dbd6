//! The package on trial: a Debian of its own is made once, boots under systemd in namespaces, installs the package,
//! runs its services and removes it again.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    dist,
    exec::{self, say},
};

/// What is done inside.
const SCRIPT: &str = include_str!("trial.sh");
/// The unit that does it, and turns everything off afterwards.
const UNIT: &str = "\
[Unit]
Description=Trial of the package
SuccessAction=poweroff-force
FailureAction=poweroff-force

[Service]
Type=oneshot
ExecStart=/bin/sh /trial/trial.sh
StandardOutput=file:/trial/said
StandardError=file:/trial/said
TimeoutStartSec=4min
";
/// What the script says at its end.
const WELL: &str = "trial: all is well";
/// Which Debian. The systemd of later ones does not boot where control groups are of the first version.
const SUITE: &str = "bookworm";
/// What the Debian needs beyond its base.
const PACKAGES: &str = "--include=systemd,systemd-sysv,dbus,iproute2,procps,bpftool";

/// Tries a package.
///
/// # Errors
/// A program is missing, the Debian cannot be made or booted, or the package does not do what it promises.
pub(super) fn run(package: &Path) -> Result<()> {
    ensure!(exec::is_root(), "only root may boot a Debian in namespaces");
    for (program, brought_by) in [
        ("debootstrap", "debootstrap"),
        ("systemd-nspawn", "systemd-container"),
    ] {
        ensure!(
            exec::find(program).is_some(),
            "a trial needs {program}: install Debian's package {brought_by}"
        );
    }
    let root = root()?;
    let folder = root.join("trial");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("cannot remove what the last trial left")?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::copy(package, folder.join("natdiag.deb")).context("cannot copy the package")?;
    fs::write(folder.join("trial.sh"), SCRIPT).context("cannot write the script")?;
    let unit = root.join("etc/systemd/system/natdiag-trial.service");
    fs::write(&unit, UNIT).with_context(|| format!("cannot write {}", unit.display()))?;
    exec::run(
        Command::new("systemd-nspawn")
            .args([
                "--quiet",
                "--boot",
                "--volatile=overlay",
                "--register=no",
                "--keep-unit",
            ])
            // The other end of its interface is in this network namespace, has no address, and goes with it.
            .args([
                "--network-veth",
                "--machine=natdiag-trial",
                "--console=pipe",
            ])
            // eBPF is of the whole kernel: systemd-nspawn keeps it from its guests unless told otherwise.
            .args([
                "--capability=all",
                "--system-call-filter=bpf perf_event_open",
            ])
            .arg(format!("--bind={}:/trial", folder.display()))
            .arg("--directory")
            .arg(&root)
            .args([
                "systemd.unit=natdiag-trial.service",
                "systemd.show_status=no",
            ]),
    )?;
    let said = fs::read_to_string(folder.join("said")).context("the Debian said nothing")?;
    for line in said.lines() {
        say(line);
    }
    ensure!(
        said.trim_end().ends_with(WELL),
        "the trial of {} failed",
        package.display()
    );
    Ok(())
}

/// A Debian, made at the first call.
fn root() -> Result<PathBuf> {
    let root = dist::folder()?.join(SUITE);
    let is_complete = root.join("etc/debian_version");
    if !is_complete.exists() {
        say("making a Debian to try the package in; this takes some minutes, once");
        exec::run(
            Command::new("debootstrap")
                .args(["--variant=minbase", PACKAGES, SUITE])
                .arg(&root),
        )?;
    }
    Ok(root)
}
