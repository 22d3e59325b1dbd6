//! Has the compiler of the BPF programs write the same paths on every machine. They stand in the type information that
//! the programs carry, so that two builds in different folders would differ.
//!
//! aya-build takes no flags for the compiler, so this build script puts itself between cargo and the compiler.

use std::{
    env,
    ffi::{OsStr, OsString},
    io::{self, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, ExitCode},
};

/// The variable by which cargo is told what to call instead of the compiler, with the compiler as first argument.
const WRAPPER: &str = "RUSTC_WRAPPER";
/// Where sources seem to lie.
const SOURCES: &str = "/usr/src";

/// Has the cargo that is started from here call this program for the compiler.
pub(crate) fn prepare() {
    if let Ok(this) = env::current_exe() {
        // SAFETY: this process has one thread until `build_ebpf` starts others.
        unsafe { env::set_var(WRAPPER, this) };
    }
}

/// Becomes the compiler if cargo has called this program for it: then it has arguments, and a build script has none.
pub(crate) fn called_for_compiler() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    let mut compiler = Command::new(arguments.next()?);
    compiler.args(arguments);
    // The sources of each package lie beside those of the others, or in a folder of the registry.
    if let Some(package) = env::var_os("CARGO_MANIFEST_DIR")
        && let Some(folder) = Path::new(&package).parent()
    {
        compiler.arg(flag(folder.as_os_str()));
    }
    let error = compiler.exec();
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(
        io::stderr(),
        "cannot start {}: {error}",
        compiler.get_program().display()
    );
    Some(ExitCode::FAILURE)
}

/// Tells the compiler to write [`SOURCES`] for a folder.
fn flag(folder: &OsStr) -> OsString {
    let mut flag = OsString::from("--remap-path-prefix=");
    flag.push(folder);
    flag.push("=");
    flag.push(SOURCES);
    flag
}
