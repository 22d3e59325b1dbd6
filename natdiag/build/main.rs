//! Builds the BPF programs, so that the library can carry their objects.

mod toolchain;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use aya_build::{Package, Toolchain, build_ebpf};

const EBPF_PACKAGE: &str = "natdiag-ebpf";

fn main() -> Result<()> {
    println!("cargo::rerun-if-env-changed={}", toolchain::OVERRIDE);
    if which::which("bpf-linker").is_err() {
        bail!("bpf-linker is not in PATH; run `cargo xtask setup`");
    }
    let toolchain = toolchain::find().map_err(anyhow::Error::msg)?;
    let root = PathBuf::from(
        std::env::var_os("CARGO_MANIFEST_DIR").context("CARGO_MANIFEST_DIR is not set")?,
    )
    .join("..")
    .join(EBPF_PACKAGE);
    let root_dir = root
        .to_str()
        .context("the path of the checkout is not UTF-8")?;
    build_ebpf(
        [Package {
            name: EBPF_PACKAGE,
            root_dir,
            no_default_features: false,
            features: &[],
        }],
        Toolchain::Custom(&toolchain),
    )
}
