//! Builds the BPF programs, so that the library can carry their objects.
#![expect(
    clippy::print_stdout,
    reason = "cargo reads what a build script prints"
)]

mod remap;
mod toolchain;

use std::{env, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, bail};
use aya_build::{Package, Toolchain, build_ebpf};

/// The package with the BPF programs, and its folder beside this one.
const EBPF_PACKAGE: &str = "natdiag-ebpf";
/// What a user's environment may hold for other builds and the cargo that builds for BPF must not see.
const FOREIGN: [&str; 6] = [
    "CARGO_BUILD_RUSTC",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "RUSTC",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
];
/// Where cargo keeps what it needs only while it builds.
const BUILD_DIR: &str = "CARGO_BUILD_BUILD_DIR";

fn main() -> ExitCode {
    if let Some(compiled) = remap::called_for_compiler() {
        return compiled;
    }
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // An error that cargo shows as one line, without the trace of the build script.
            println!("cargo::error={error:#}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<()> {
    for variable in [toolchain::OVERRIDE, "PATH"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    if which::which("bpf-linker").is_err() {
        bail!("bpf-linker is not in PATH; run `cargo xtask setup`");
    }
    let toolchain = match toolchain::find() {
        Ok(toolchain) => toolchain,
        Err(why) => bail!(
            "{why}; run `cargo xtask setup`, or set {}",
            toolchain::OVERRIDE
        ),
    };
    let package = folder_from("CARGO_MANIFEST_DIR")?
        .join("..")
        .join(EBPF_PACKAGE);
    let root_dir = package
        .to_str()
        .context("the path of the checkout is not UTF-8")?;
    shield(&folder_from("OUT_DIR")?.join("aya-build").join("build"));
    let features: &[&str] = if env::var_os("CARGO_FEATURE_BPF_LOG").is_some() {
        &["bpf-log"]
    } else {
        &[]
    };
    build_ebpf(
        [Package {
            name: EBPF_PACKAGE,
            root_dir,
            no_default_features: false,
            features,
        }],
        Toolchain::Custom(&toolchain),
    )
}

/// Gives the cargo that builds for BPF an environment of its own. A build folder shared with the cargo that runs
/// this script would make the two wait for each other for ever.
fn shield(build_dir: &std::path::Path) {
    for variable in FOREIGN {
        // SAFETY: this process has one thread until `build_ebpf` starts others.
        unsafe { env::remove_var(variable) };
    }
    // SAFETY: as above.
    unsafe { env::set_var(BUILD_DIR, build_dir) };
    remap::prepare();
}

fn folder_from(variable: &str) -> Result<PathBuf> {
    let folder = env::var_os(variable).with_context(|| format!("{variable} is not set"))?;
    Ok(PathBuf::from(folder))
}
