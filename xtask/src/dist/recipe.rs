//! How the static program is built so that it is the same whoever builds it, in whatever folder: no path of the machine
//! gets into it.

use std::{
    env::consts,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

use crate::exec;

/// The profile in `Cargo.toml`, and the folder that cargo puts its programs into.
const PROFILE: &str = "dist";
/// What stands between flags in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\u{1f}";

/// Builds natdiag from the sources in one folder, in another.
///
/// # Errors
/// When cargo fails.
pub(super) fn build(sources: &Path, target: &Path) -> Result<PathBuf> {
    let platform = format!("{}-unknown-linux-gnu", consts::ARCH);
    // The folder of the registry has a name of its own on each machine, and is there once something was fetched.
    exec::run(
        exec::cargo()
            .current_dir(sources)
            .args(["fetch", "--locked", "--target", &platform]),
    )?;
    let mut flags = vec!["-Ctarget-feature=+crt-static".to_owned()];
    let mut remap = |from: &Path, to: &str| {
        flags.push(format!("--remap-path-prefix={}={to}", from.display()));
    };
    remap(sources, "/usr/src/natdiag");
    // Of several that fit, the last one counts: what build scripts make lies in the folder of sources as well.
    remap(target, "/usr/src/made");
    let mut map_c = Vec::new();
    for registry in registries() {
        remap(&registry, "/usr/src/registry");
        map_c.push(format!(
            "-ffile-prefix-map={}=/usr/src/registry",
            registry.display()
        ));
    }
    map_c.push(format!(
        "-ffile-prefix-map={}=/usr/src/made",
        target.display()
    ));
    exec::run(
        exec::cargo()
            .current_dir(sources)
            .args([
                "build",
                "--locked",
                "--package",
                "natdiag",
                "--bin",
                "natdiag",
            ])
            .args(["--profile", PROFILE, "--target", &platform, "--target-dir"])
            .arg(target)
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join(SEPARATOR))
            // What the crate `cc` gives to the C compiler.
            .env("CFLAGS", map_c.join(" ")),
    )?;
    Ok(target.join(platform).join(PROFILE).join("natdiag"))
}

/// The folders that cargo unpacks packages into.
fn registries() -> Vec<PathBuf> {
    let home = exec::cargo_bin().and_then(|bin| Some(bin.parent()?.join("registry/src")));
    let folders = home.and_then(|sources| fs::read_dir(sources).ok());
    let folders = folders.into_iter().flatten().flatten();
    let mut folders: Vec<_> = folders.map(|folder| folder.path()).collect();
    folders.sort();
    folders
}
