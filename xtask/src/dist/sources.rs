//! A copy of the sources, as git knows them.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result};

use crate::exec;

/// Copies everything that git tracks, or would, to a folder.
///
/// # Errors
/// When this is no checkout of git, or the folder cannot be written.
pub(super) fn copy_to(folder: &Path) -> Result<()> {
    let checkout = exec::checkout();
    let names = exec::read(Command::new("git").current_dir(checkout).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    let files = names.split_terminator('\0');
    // One that is deleted stands in the index until that is committed.
    for name in files.filter(|name| checkout.join(name).is_file()) {
        let (from, to) = (checkout.join(name), folder.join(name));
        let parent = to.parent().unwrap_or(folder);
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        fs::copy(&from, &to).with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(())
}
