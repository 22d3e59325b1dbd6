//! Debian's packages: which are needed, which are there, and how to install them.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};

use crate::{
    elf::Traits,
    exec::{self, say},
};

/// The toolchain for BPF: a stable compiler with `core` for BPF ready-made.
/// The packages are those of Debian's browsers and move with the security updates.
pub(crate) const TOOLCHAIN: [&str; 3] = ["rustc-web", "cargo-web", "libstd-rust-web-dev-bpf"];

/// A program that the tests call, and the package that brings it.
const TEST_PROGRAMS: [(&str, &str); 13] = [
    ("bpftool", "bpftool"),
    ("capinfos", "wireshark-common"),
    ("ethtool", "ethtool"),
    ("ip", "iproute2"),
    ("iperf3", "iperf3"),
    ("iptables", "iptables"),
    ("nft", "nftables"),
    ("nsenter", "util-linux"),
    ("prometheus", "prometheus"),
    ("sysctl", "procps"),
    ("systemd-analyze", "systemd"),
    ("tcpdump", "tcpdump"),
    ("tshark", "tshark"),
];

/// The program that `cargo xtask kernels` takes along into its machines, where there are no libraries for it, and the
/// package that brings it.
const STATIC_PROGRAM: (&str, &str) = ("busybox", "busybox-static");
/// A file with the names of protocols, by which nft knows them, and the package that brings it.
const PROTOCOL_NAMES: (&str, &str) = ("/etc/protocols", "netbase");

/// The packages of what the tests need and is not there.
pub(crate) fn missing_for_tests() -> Vec<&'static str> {
    let (names, package) = PROTOCOL_NAMES;
    let names = (!Path::new(names).exists()).then_some(package);
    let programs = TEST_PROGRAMS
        .iter()
        .filter(|(program, _)| exec::find(program).is_none())
        .map(|&(_, package)| package);
    let (program, package) = STATIC_PROGRAM;
    let busybox = (!is_static(program)).then_some(package);
    programs.chain(names).chain(busybox).collect()
}

/// Whether a program is there that needs no library. Debian has one of the same name that does.
fn is_static(program: &str) -> bool {
    let octets = exec::find(program).and_then(|file| fs::read(file).ok());
    octets.is_some_and(|octets| Traits::of(&octets).is_some_and(|traits| traits.is_static))
}

/// Whether the package sources have a package; reads their lists anew before it says no.
///
/// # Errors
/// When apt-get fails.
pub(crate) fn offers(package: &str) -> Result<bool> {
    if exec::find("apt-get").is_none() {
        return Ok(false);
    }
    if !is_listed(package) {
        update()?;
    }
    Ok(is_listed(package))
}

fn is_listed(package: &str) -> bool {
    exec::read(Command::new("apt-cache").args(["show", package]))
        .is_ok_and(|description| !description.is_empty())
}

/// Installs packages, for the purpose named.
///
/// # Errors
/// When this is no Debian, or apt-get fails.
pub(crate) fn install(purpose: &str, packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    ensure!(
        exec::find("apt-get").is_some(),
        "{purpose} needs {list} (the names of Debian's packages), and there is no apt-get here to install them: \
         install what your system calls them"
    );
    say(format_args!("installing for {purpose}: {list}"));
    update()?;
    exec::run(
        apt_get()
            .args(["install", "--quiet=2", "--yes", "--no-install-recommends"])
            .args(packages),
    )
    .context("see apt-get's message above; an unknown package means that the sources in /etc/apt lack a suite (bookworm-security is needed)")
}

/// Reads the lists of the package sources anew.
///
/// # Errors
/// When apt-get fails.
fn update() -> Result<()> {
    exec::run(apt_get().args(["update", "--quiet=2"])).context(
        "see apt-get's message above; is the network up, and are the sources in /etc/apt right?",
    )
}

/// Apt-get as root, without questions.
fn apt_get() -> Command {
    let mut command = exec::as_root("env");
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    // One line for a package, instead of a progress bar that fills a log.
    command.args(["-o", "Dpkg::Use-Pty=0", "-o", "APT::Color=0"]);
    command
}

/// Where Debian keeps an LLVM for development, if it is installed.
pub(crate) fn llvm_prefix(major: u32) -> Option<String> {
    let prefix = format!("/usr/lib/llvm-{major}");
    Path::new(&prefix)
        .join("bin/llvm-config")
        .exists()
        .then_some(prefix)
}
