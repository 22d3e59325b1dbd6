//! Finds a Rust toolchain that can build for BPF. Shared by the build script and by xtask.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Environment variable that names the toolchain: a rustup name or an absolute path.
pub const OVERRIDE: &str = "NATDIAG_EBPF_TOOLCHAIN";
/// Where Debian installs its toolchain.
const DEBIAN: &str = "/usr";

/// The name or path of a toolchain that can build for BPF, as `rustup run` takes it.
///
/// # Errors
/// There is none; the message says why each candidate was refused.
pub fn find() -> Result<String, String> {
    if let Some(chosen) = env::var_os(OVERRIDE) {
        return chosen
            .into_string()
            .map_err(|name| format!("{OVERRIDE}={} is not UTF-8", name.display()));
    }
    let refused = match nightly() {
        Ok(name) => return Ok(name),
        Err(why) => why,
    };
    match debian() {
        Ok(name) => Ok(name),
        Err(why) => Err(format!(
            "no toolchain can build for BPF ({refused}; {why}); run `cargo xtask setup`, or set {OVERRIDE}"
        )),
    }
}

/// Rustup's nightly, which builds `core` for BPF from its sources.
fn nightly() -> Result<String, String> {
    let sysroot = sysroot("nightly").ok_or("rustup has no nightly toolchain")?;
    if sysroot.join("lib/rustlib/src/rust/library/core").is_dir() {
        Ok("nightly".to_owned())
    } else {
        Err("rustup's nightly lacks the component rust-src".to_owned())
    }
}

/// Debian's toolchain, which brings `core` for BPF ready-made.
fn debian() -> Result<String, String> {
    let libraries = Path::new(DEBIAN).join("lib/rustlib/bpfel-unknown-none/lib");
    let has_core = libraries.read_dir().is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(b"libcore-")
        })
    });
    if has_core {
        Ok(DEBIAN.to_owned())
    } else {
        Err("Debian's package libstd-rust-web-dev-bpf is not installed".to_owned())
    }
}

/// Where rustup keeps a toolchain, if it has it.
fn sysroot(toolchain: &str) -> Option<PathBuf> {
    let output = Command::new("rustup")
        .args(["run", toolchain, "rustc", "--print", "sysroot"])
        // The cargo that runs a build script sets these for its own toolchain.
        .env_remove("RUSTC")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env("RUSTUP_AUTO_INSTALL", "0")
        .output()
        .ok()?;
    let path = output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).ok())??;
    Some(PathBuf::from(path.trim()))
}
