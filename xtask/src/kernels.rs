//! `cargo xtask kernels`: boots Debian's kernels in QEMU, and lets natdiag load, attach and count in each. The traffic
//! is made of single frames, so that every count is known beforehand.

mod archive;
mod guest;
mod image;
mod initramfs;
mod machine;
mod probing;
mod traffic;

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result};

use self::{
    archive::{Archive, Kernel},
    image::Image,
    machine::Verdict,
};
use crate::{
    exec::{self, Profile, say},
    setup::apt,
};

/// A program that is needed here, and Debian's package with it.
const PROGRAMS: [(&str, &str); 5] = [
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("busybox", "busybox-static"),
    ("dpkg-deb", "dpkg"),
    ("ip", "iproute2"),
    ("xz", "xz-utils"),
];

/// What `cargo xtask kernels` is asked.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Kernels to try, with commas: 5.10, 6.1, 6.12, 6.18, newest
    #[arg(
        short,
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "6.1,6.12,newest"
    )]
    kernels: Vec<String>,
    /// Folder that keeps the kernels; what is in it is not fetched again [default: target/kernels]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Passes over a kernel that the package sources no longer have
    #[arg(long)]
    allow_missing: bool,
    /// Seconds that one machine may take
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout: u64,
    /// Runs the checks on this kernel: for the inside of a machine
    #[arg(long, hide = true)]
    inside: bool,
}

/// Tries natdiag on each kernel. Fails where one does not load, attach or count as it must.
///
/// # Errors
/// A kernel cannot be fetched, or natdiag cannot be built.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    if args.inside {
        return guest::run();
    }
    let kernels: Vec<&Kernel> = args
        .kernels
        .iter()
        .map(|name| archive::kernel(name))
        .collect::<Result<_>>()?;
    let missing: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, _)| exec::find(program).is_none())
        .map(|&(_, package)| package)
        .collect();
    if !missing.is_empty() {
        apt::install("virtual machines", &missing)?;
    }
    // Built together with this xtask.
    let natdiag = exec::built("natdiag", Profile::Dev)?;
    let cache = match args.cache {
        Some(cache) => cache,
        None => default_cache(&natdiag)?,
    };
    let mut archive = Archive::new(cache.join("apt"));
    let mut failed = false;
    for kernel in kernels {
        let Some(image) = Image::fetch(kernel, &cache, &mut archive)? else {
            let name = kernel.name;
            say(format_args!(
                "{name}: the package sources have no such kernel"
            ));
            failed |= !args.allow_missing;
            continue;
        };
        say(format_args!("{}: booting {}", kernel.name, image.release));
        let initramfs = initramfs::build(&image, &natdiag)?;
        let verdict = machine::boot(&image, &initramfs, Duration::from_secs(args.timeout))?;
        failed |= !verdict.passed();
        show(kernel, &image, &verdict)?;
    }
    Ok(ExitCode::from(u8::from(failed)))
}

fn show(kernel: &Kernel, image: &Image, verdict: &Verdict) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    let outcome = if verdict.passed() { "passed" } else { "FAILED" };
    let seconds = verdict.duration.as_secs();
    writeln!(
        stdout,
        "{} ({}): {outcome} in {seconds} s",
        kernel.name, image.release
    )?;
    for line in verdict.told() {
        writeln!(stdout, "  {line}")?;
    }
    Ok(())
}

/// The folder for kernels among what cargo has built.
fn default_cache(natdiag: &Path) -> Result<PathBuf> {
    let target = natdiag.ancestors().nth(2);
    Ok(target.context("natdiag lies in no folder")?.join("kernels"))
}
