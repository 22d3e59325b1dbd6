//! `cargo xtask dist`: natdiag as one static program, which asks the system for nothing but a kernel. On a host with an
//! old libc, or with none, `natdiag check server`, `replay` and `probe` then run as well as anywhere.

use std::{env::consts, fs, process::ExitCode};

use anyhow::{Context as _, Result, ensure};

use crate::{
    exec::{self, Profile},
    setup::{self, Purpose},
};

/// `e_phoff`, `e_phentsize` and `e_phnum` of a 64-bit ELF header, and `p_type` of what loads another program first
/// (elf(5)).
const PROGRAM_HEADERS_AT: usize = 32;
const PROGRAM_HEADER_LEN_AT: usize = 54;
const PROGRAM_HEADER_COUNT_AT: usize = 56;
const PT_INTERP: u32 = 3;

/// Runs `cargo xtask dist`.
///
/// # Errors
/// When something that is needed cannot be installed or built, or the program is not static.
pub(crate) fn run() -> Result<ExitCode> {
    setup::ensure(Purpose::Build)?;
    let target = format!("{}-unknown-linux-gnu", consts::ARCH);
    exec::run(
        exec::cargo()
            .args(["build", "--package", "natdiag", "--bin", "natdiag"])
            .args(["--profile", Profile::Release.name(), "--target", &target])
            .arg("--config")
            .arg(format!(
                "target.{target}.rustflags = [\"-C\", \"target-feature=+crt-static\"]"
            )),
    )?;
    let program = exec::built_for("natdiag", Profile::Release, &target)?;
    let octets = fs::read(&program)
        .with_context(|| format!("cannot read what was built at {}", program.display()))?;
    ensure!(
        is_static(&octets).context("what was built is no program")?,
        "{} needs a loader; is the static libc there (Debian: libc6-dev)?",
        program.display()
    );
    exec::say(format_args!(
        "{}: static, {} MB",
        program.display(),
        octets.len() / 1_000_000
    ));
    Ok(ExitCode::SUCCESS)
}

/// Whether a 64-bit ELF program of this byte order runs without a loader. `None` if it is no such program.
fn is_static(elf: &[u8]) -> Option<bool> {
    let u16_at = |at: usize| {
        let octets = elf.get(at..)?.first_chunk()?;
        Some(usize::from(u16::from_ne_bytes(*octets)))
    };
    elf.starts_with(b"\x7fELF\x02").then_some(())?;
    let headers = elf.get(PROGRAM_HEADERS_AT..)?.first_chunk()?;
    let headers = usize::try_from(u64::from_ne_bytes(*headers)).ok()?;
    let (len, number) = (
        u16_at(PROGRAM_HEADER_LEN_AT)?,
        u16_at(PROGRAM_HEADER_COUNT_AT)?,
    );
    let mut is_static = true;
    for place in 0..number {
        let header_type = elf.get(headers + place * len..)?.first_chunk()?;
        is_static &= u32::from_ne_bytes(*header_type) != PT_INTERP;
    }
    Some(is_static)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_needs_a_loader_and_a_text_is_no_program() {
        let this = fs::read("/proc/self/exe").unwrap();
        assert_eq!(is_static(&this), Some(false));
        assert_eq!(is_static(b"#!/bin/sh\n"), None);
        assert_eq!(is_static(b"\x7fELF\x02"), None);
    }
}
