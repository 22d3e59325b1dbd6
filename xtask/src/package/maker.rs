//! Who makes a package: whoever runs the command, not whoever wrote natdiag.

use std::{env, fs, path::Path, process::Command};

use anyhow::{Context as _, Result};

use crate::exec;

/// Who makes a package, as `NAME <ADDRESS>`.
pub(super) struct Maker(String);

impl Maker {
    /// Whom Debian's tools would take: `DEBFULLNAME` and `DEBEMAIL`, else whom git knows.
    ///
    /// # Errors
    /// When neither tells.
    pub(super) fn from_environment() -> Result<Self> {
        let told = |variable: &str, setting: &str| {
            let told = env::var(variable).ok();
            told.or_else(|| git(&["config", setting]).ok())
                .filter(|told| !told.is_empty())
                .with_context(|| {
                    format!(
                        "a package names who made it: set {variable}, or `git config {setting}`"
                    )
                })
        };
        let name = told("DEBFULLNAME", "user.name")?;
        let address = told("DEBEMAIL", "user.email")?;
        Ok(Self(format!("{name} <{address}>")))
    }

    /// As a control file has it.
    pub(super) fn name(&self) -> &str {
        &self.0
    }

    /// Writes the changelog of the package: one entry, of the time of what is checked out.
    ///
    /// # Errors
    /// When git does not tell that time, or the file cannot be written.
    pub(super) fn write_changelog(&self, file: &Path) -> Result<()> {
        let time = git(&["log", "-1", "--format=%cD"])?;
        let entry = entry(env!("CARGO_PKG_VERSION"), &self.0, &time);
        fs::write(file, entry).with_context(|| format!("cannot write {}", file.display()))
    }
}

/// An entry of a changelog: Debian Policy 4.4.
fn entry(version: &str, maker: &str, time: &str) -> String {
    // Git writes a day of one digit as such.
    let time = match time.split_once(", ") {
        Some((weekday, rest)) if rest.find(' ') == Some(1) => format!("{weekday}, 0{rest}"),
        _ => time.to_owned(),
    };
    format!(
        "natdiag ({version}-1) unstable; urgency=medium\n\n  \
         * What is new stands in CHANGELOG.md of the sources.\n\n \
         -- {maker}  {time}\n"
    )
}

fn git(arguments: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    git.current_dir(exec::checkout()).args(arguments);
    Ok(exec::read(&mut git)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_is_of_the_form_that_debian_reads() {
        let entry = entry("0.1.0", "A B <a@b.org>", "Wed, 5 Nov 2026 12:00:00 +0000");
        let lines: Vec<_> = entry.lines().collect();
        assert_eq!(lines[0], "natdiag (0.1.0-1) unstable; urgency=medium");
        assert_eq!(
            lines[4],
            " -- A B <a@b.org>  Wed, 05 Nov 2026 12:00:00 +0000"
        );
    }
}
