//! bpf-linker: which version is needed, whether the one in PATH can read what a toolchain writes, and
//! how to install one that can. A linker reads bitcode of its own LLVM's major version and of older ones.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, anyhow, bail};

use super::{apt, toolchain};
use crate::exec::{self, say};

/// The program's name.
pub(crate) const PROGRAM: &str = "bpf-linker";
/// The version that is installed, and the oldest that is accepted.
const VERSION: Version = Version(0, 13, 0);

/// A version of bpf-linker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32, u32);

/// Whether the bpf-linker in PATH fits a toolchain.
///
/// # Errors
/// The message says what is wrong with it.
pub(crate) fn check(toolchain: &str) -> Result<(), String> {
    let file = exec::find(PROGRAM).ok_or("bpf-linker is not in PATH")?;
    let shown = file.display();
    let answer = exec::read(Command::new(&file).arg("--version"))
        .map_err(|error| format!("bpf-linker does not start: {error:#}"))?;
    match version(&answer) {
        Some(version) if version >= VERSION => {}
        _ => {
            return Err(format!(
                "{shown} is {}, and {} or newer is needed",
                answer.trim(),
                dotted(VERSION)
            ));
        }
    }
    let wanted = llvm_major(toolchain).map_err(|error| format!("{error:#}"))?;
    match linked_llvm(&file) {
        Some(major) if major < wanted => Err(format!(
            "{shown} has LLVM {major}, and the toolchain {toolchain} writes the bitcode of LLVM {wanted}"
        )),
        // A linker with LLVM inside tells no version; the build shows whether it fits.
        Some(_) | None => Ok(()),
    }
}

/// Installs a bpf-linker that fits a toolchain, unless there is one.
///
/// # Errors
/// When none can be had, or one that does not fit stands before it in PATH.
pub(crate) fn install(toolchain: &str) -> Result<()> {
    let Err(why) = check(toolchain) else {
        return Ok(());
    };
    let major = llvm_major(toolchain)?;
    let prefix = match apt::llvm_prefix(major) {
        Some(prefix) => Some(prefix),
        None => install_llvm(major)?,
    };
    match prefix {
        Some(prefix) => {
            say(format_args!(
                "building bpf-linker {} with {prefix}, about a minute, because {why}",
                dotted(VERSION)
            ));
            build(major, &prefix)?;
        }
        None if exec::find("cargo-binstall").is_some() => {
            say(format_args!(
                "installing a ready-made bpf-linker {}, because {why}",
                dotted(VERSION)
            ));
            let package = format!("{PROGRAM}@{}", dotted(VERSION));
            exec::run(exec::cargo().args(["binstall", "--no-confirm", "--force", &package]))?;
        }
        None => bail!(
            "no bpf-linker for LLVM {major} can be had: there is no package llvm-{major}-dev, and cargo-binstall, \
             which brings a ready-made one, is not installed"
        ),
    }
    check(toolchain).map_err(|why| {
        anyhow!(
            "{why}, after the installation: remove what stands before cargo's own folder in PATH"
        )
    })
}

/// Installs Debian's LLVM of a major version and returns its place, or `None` where there is no such package.
fn install_llvm(major: u32) -> Result<Option<String>> {
    let package = format!("llvm-{major}-dev");
    if !apt::offers(&package)? {
        return Ok(None);
    }
    apt::install("building bpf-linker", &[&package])?;
    Ok(apt::llvm_prefix(major))
}

/// Builds bpf-linker from source with an LLVM of the system.
fn build(major: u32, prefix: &str) -> Result<()> {
    let feature = format!("llvm-{major}");
    exec::run(
        exec::cargo()
            .args(["install", "--locked", "--force", PROGRAM, "--version"])
            .args([&dotted(VERSION), "--no-default-features", "--features"])
            .arg(feature)
            .env("LLVM_PREFIX", prefix)
            // It links as fast as an optimised one, in a tenth of the space.
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env_remove("RUSTC_BOOTSTRAP"),
    )
    .with_context(|| format!("bpf-linker cannot be built with {prefix}"))
}

/// The major version of the LLVM in a toolchain's compiler.
fn llvm_major(toolchain: &str) -> Result<u32> {
    let output = toolchain::rustc(toolchain, &["-vV"])
        .filter(|output| output.status.success())
        .with_context(|| format!("the toolchain {toolchain} has no rustc that runs"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    named_major(&text, "LLVM version: ")
        .with_context(|| format!("the rustc of the toolchain {toolchain} does not name its LLVM"))
}

/// The major version of the LLVM that a linker loads, or `None` if it has LLVM inside.
fn linked_llvm(linker: &Path) -> Option<u32> {
    let libraries = exec::read(Command::new("ldd").arg(linker)).ok()?;
    named_major(&libraries, "libLLVM.so.").or_else(|| named_major(&libraries, "libLLVM-"))
}

/// The number right after a word.
fn named_major(text: &str, word: &str) -> Option<u32> {
    let (_, rest) = text.split_once(word)?;
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    rest.get(..end)?.parse().ok()
}

/// The version in an answer such as `bpf-linker 0.13.0`.
fn version(answer: &str) -> Option<Version> {
    let mut parts = answer.split_whitespace().nth(1)?.splitn(3, '.');
    let mut number = || parts.next()?.parse().ok();
    Some(Version(number()?, number()?, number()?))
}

/// A version as cargo writes it.
fn dotted(Version(major, minor, patch): Version) -> String {
    format!("{major}.{minor}.{patch}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llvm_major_is_read_from_what_rustc_says() {
        let answer = "host: x86_64-unknown-linux-gnu\nrelease: 1.96.0\nLLVM version: 22.1.8\n";
        assert_eq!(named_major(answer, "LLVM version: "), Some(22));
    }

    #[test]
    fn compiler_without_llvm_names_no_major() {
        assert_eq!(named_major("release: 1.96.0\n", "LLVM version: "), None);
    }

    #[test]
    fn llvm_major_is_read_from_the_library_that_the_linker_loads() {
        let libraries = "\tlibLLVM.so.22.1 => /lib/libLLVM.so.22.1 (0x00007f0000000000)\n";
        assert_eq!(named_major(libraries, "libLLVM.so."), Some(22));
    }

    #[test]
    fn older_linker_is_refused_and_newer_one_accepted() {
        assert!(version("bpf-linker 0.9.15\n") < Some(VERSION));
        assert!(version("bpf-linker 0.13.0\n") >= Some(VERSION));
        assert!(version("bpf-linker 1.0.0\n") >= Some(VERSION));
    }

    #[test]
    fn answer_that_is_no_version_is_refused() {
        assert!(version("bpf-linker unknown") < Some(VERSION));
    }
}
