//! A kernel in the cache: the kernel itself and the modules that natdiag's traffic needs, all unpacked.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use super::archive::{Archive, Kernel};
use crate::exec;

/// Modules that a machine loads, in this order. They need no others.
pub(crate) const MODULES: [&str; 3] = ["veth", "sch_ingress", "cls_bpf"];
/// The kernel's file.
const KERNEL: &str = "vmlinuz";

/// A kernel in the cache.
#[derive(Debug)]
pub(crate) struct Image {
    /// As `uname -r` says it.
    pub(crate) release: String,
    folder: PathBuf,
}

impl Image {
    /// Brings a kernel into the cache, unless one of its series is there. `None` if the archive has none.
    pub(crate) fn fetch(
        kernel: &Kernel,
        cache: &Path,
        archive: &mut Archive,
    ) -> Result<Option<Self>> {
        let folder = cache.join(kernel.name);
        // Written last.
        let marker = folder.join("release");
        if let Ok(release) = fs::read_to_string(&marker) {
            return Ok(Some(Self { release, folder }));
        }
        let Some(release) = archive.newest(kernel)? else {
            return Ok(None);
        };
        fs::create_dir_all(&folder)?;
        let scratch = tempfile::tempdir_in(&folder)?;
        archive.download(&release, scratch.path())?;
        let packages = files_below(scratch.path())?;
        for package in packages {
            exec::run(
                Command::new("dpkg-deb")
                    .arg("-x")
                    .args([&package, scratch.path()]),
            )?;
        }
        keep(scratch.path(), &folder)?;
        fs::write(marker, &release.name)?;
        let release = release.name;
        Ok(Some(Self { release, folder }))
    }

    /// The kernel.
    pub(crate) fn kernel(&self) -> PathBuf {
        self.folder.join(KERNEL)
    }

    /// One of [`MODULES`]; `None` if it is built in.
    pub(crate) fn module(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.join(format!("{name}.ko"))).filter(|file| file.exists())
    }
}

/// Moves the kernel and the modules out of what the packages brought.
fn keep(unpacked: &Path, folder: &Path) -> Result<()> {
    for file in files_below(unpacked)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let (module, compressed) = match name.split_once(".ko") {
            Some((module, suffix)) => (module.replace('-', "_"), suffix == ".xz"),
            None if name.starts_with(KERNEL) => {
                fs::rename(&file, folder.join(KERNEL))?;
                continue;
            }
            None => continue,
        };
        if !MODULES.contains(&module.as_str()) {
            continue;
        }
        if compressed {
            exec::run(Command::new("xz").arg("-d").arg(&file))?;
        }
        fs::rename(
            file.with_extension(if compressed { "" } else { "ko" }),
            folder.join(format!("{module}.ko")),
        )?;
    }
    let kernel = folder.join(KERNEL);
    ensure!(kernel.exists(), "the packages bring no {KERNEL}");
    Ok(())
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files.extend(files_below(&entry.path())?);
        } else {
            files.push(entry.path());
        }
    }
    Ok(files)
}
