//! Finds a Rust toolchain that can build for BPF. Shared by the build script and by xtask.
//!
//! Debian's comes first. It is the one that the programs are tested with, and the verifier judges what a compiler
//! makes of them; its compiler and the LLVM of its bpf-linker move together; and it brings `core` ready-made.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Environment variable that names the toolchain: a rustup name or an absolute path.
pub(crate) const OVERRIDE: &str = "NATDIAG_EBPF_TOOLCHAIN";
/// The toolchain of rustup that can build `core` from its sources.
pub(crate) const NIGHTLY: &str = "nightly";
/// Where Debian installs its toolchain.
pub(crate) const DEBIAN: &str = "/usr";

/// The name or path of a toolchain that can build for BPF, as `rustup run` takes it.
///
/// # Errors
/// The message says why each candidate was refused.
pub(crate) fn find() -> Result<String, String> {
    if let Some(chosen) = env::var_os(OVERRIDE) {
        return chosen
            .into_string()
            .map_err(|name| format!("{OVERRIDE}={} is not UTF-8", name.display()));
    }
    let no_debian = match debian() {
        Ok(()) => return Ok(DEBIAN.to_owned()),
        Err(why) => why,
    };
    match nightly() {
        Ok(()) => Ok(NIGHTLY.to_owned()),
        Err(why) => Err(format!(
            "no Rust toolchain here can build for BPF: {no_debian}; {why}"
        )),
    }
}

/// Whether Debian's toolchain is complete; it brings `core` for BPF ready-made.
///
/// # Errors
/// The message says what it lacks.
pub(crate) fn debian() -> Result<(), String> {
    let root = Path::new(DEBIAN);
    for program in ["bin/cargo", "bin/rustc"] {
        if !root.join(program).exists() {
            return Err(format!("Debian's {DEBIAN}/{program} is not installed"));
        }
    }
    let libraries = root.join("lib/rustlib/bpfel-unknown-none/lib");
    let is_core = |name: &[u8]| name.starts_with(b"libcore-");
    libraries
        .read_dir()
        .is_ok_and(|entries| {
            entries
                .flatten()
                .any(|entry| is_core(entry.file_name().as_encoded_bytes()))
        })
        .then_some(())
        .ok_or_else(|| "Debian's package libstd-rust-web-dev-bpf is not installed".to_owned())
}

/// Whether rustup's nightly is complete; it builds `core` for BPF from its sources.
///
/// # Errors
/// The message says what it lacks.
pub(crate) fn nightly() -> Result<(), String> {
    let output = rustc(NIGHTLY, &["--print", "sysroot"])
        .filter(|output| output.status.success())
        .ok_or("rustup has no nightly toolchain")?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if sysroot.join("lib/rustlib/src/rust/library/core").is_dir() {
        Ok(())
    } else {
        Err("rustup's nightly lacks the component rust-src".to_owned())
    }
}

/// What a toolchain's compiler answers, or `None` if there is none.
pub(crate) fn rustc(toolchain: &str, arguments: &[&str]) -> Option<Output> {
    let mut command = if Path::new(toolchain).is_absolute() {
        Command::new(Path::new(toolchain).join("bin/rustc"))
    } else {
        let mut rustup = Command::new("rustup");
        rustup.args(["run", toolchain, "rustc"]);
        rustup
    };
    command
        .args(arguments)
        // The cargo that runs a build script or xtask sets these for its own toolchain.
        .env_remove("RUSTC")
        .env_remove("RUSTUP_TOOLCHAIN")
        // To ask is not to install.
        .env("RUSTUP_AUTO_INSTALL", "0")
        .output()
        .ok()
}
