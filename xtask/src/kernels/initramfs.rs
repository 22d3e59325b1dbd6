//! The root file system of a machine, packed in memory: busybox, ip, natdiag, this program, their libraries, and the
//! kernel's modules. A machine has no disk.

use std::{collections::BTreeSet, env, fs, path::Path, process::Command};

use anyhow::{Context as _, Result};

use super::image::{Image, MODULES};
use crate::exec;

/// The first process.
const INIT: &[u8] = include_bytes!("init.sh");

/// File types and rights of an entry (`include/uapi/linux/stat.h`).
const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;

/// The initramfs for a kernel.
pub(crate) fn build(image: &Image, natdiag: &Path) -> Result<Vec<u8>> {
    let mut archive = Cpio::default();
    let busybox = exec::find("busybox").context("busybox is not in PATH")?;
    // Busybox's own knows no namespaces.
    let ip = exec::find("ip").context("ip is not in PATH")?;
    let xtask = env::current_exe().context("the path of this xtask is unknown")?;
    archive.program("bin/busybox", &busybox)?;
    archive.program("bin/ip", &ip)?;
    archive.program("bin/natdiag", natdiag)?;
    archive.program("bin/xtask", &xtask)?;
    for (place, name) in MODULES.iter().enumerate() {
        if let Some(file) = image.module(name) {
            archive.file(&format!("modules/{place}-{name}.ko"), &fs::read(file)?);
        }
    }
    archive.file("init", INIT);
    Ok(archive.finish())
}

/// An archive in the format `newc` (Documentation/driver-api/early-userspace/buffer-format.rst).
#[derive(Default)]
struct Cpio {
    octets: Vec<u8>,
    names: BTreeSet<String>,
}

impl Cpio {
    /// Adds a program and the libraries that it loads.
    fn program(&mut self, name: &str, file: &Path) -> Result<()> {
        let octets = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        self.file(name, &octets);
        // Fails for a program that loads none.
        let libraries = exec::read(Command::new("ldd").arg(file)).unwrap_or_default();
        for library in libraries
            .split_whitespace()
            .filter(|word| word.starts_with('/'))
        {
            self.file(library.trim_start_matches('/'), &fs::read(library)?);
        }
        Ok(())
    }

    /// Adds a file and the folders that it is in.
    fn file(&mut self, name: &str, octets: &[u8]) {
        let folders = name
            .match_indices('/')
            .filter_map(|(end, _)| name.get(..end));
        for folder in folders {
            self.entry(folder, FOLDER, &[]);
        }
        self.entry(name, PROGRAM, octets);
    }

    fn entry(&mut self, name: &str, mode: u32, octets: &[u8]) {
        if !self.names.insert(name.to_owned()) {
            return;
        }
        let inode = self.names.len();
        let (len, name_len) = (octets.len(), name.len() + 1);
        let header = format!(
            "070701{inode:08X}{mode:08X}{zero:08X}{zero:08X}{links:08X}{zero:08X}{len:08X}\
             {zero:08X}{zero:08X}{zero:08X}{zero:08X}{name_len:08X}{zero:08X}{name}\0",
            zero = 0,
            links = 1,
        );
        self.octets.extend(header.as_bytes());
        self.pad();
        self.octets.extend(octets);
        self.pad();
    }

    fn pad(&mut self) {
        self.octets.resize(self.octets.len().next_multiple_of(4), 0);
    }

    fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.octets
    }
}
