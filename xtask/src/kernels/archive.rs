//! Debian's archive, asked through apt with sources, lists and cache of its own: neither the machine's sources nor its
//! packages are touched. The addresses are those that the machine uses.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::exec::{self, say};

/// Signs all suites.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// Kernels without drivers for hardware: small, and all alike.
const FLAVOUR: &str = "-cloud-amd64";

/// A series of kernels. Exact versions leave the archive within months, so the newest of a series is taken.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// What it is called here.
    pub(crate) name: &'static str,
    suite: &'static str,
    series: &'static str,
}

/// Kernels that can be tried.
pub(crate) const KERNELS: [Kernel; 5] = [
    Kernel::new("5.10", "bullseye-security", "5.10."),
    Kernel::new("6.1", "bookworm-security", "6.1."),
    Kernel::new("6.12", "bookworm-security", "6.12."),
    Kernel::new("6.18", "trixie-backports", "6.18."),
    Kernel::new("newest", "trixie-backports", ""),
];

impl Kernel {
    const fn new(name: &'static str, suite: &'static str, series: &'static str) -> Self {
        Self {
            name,
            suite,
            series,
        }
    }
}

/// The kernel of this name.
pub(crate) fn kernel(name: &str) -> Result<&'static Kernel> {
    let found = KERNELS.iter().find(|kernel| kernel.name == name);
    found.with_context(|| {
        let names = KERNELS.each_ref().map(|kernel| kernel.name);
        format!(
            "no kernel is called `{name}`; there are: {}",
            names.join(", ")
        )
    })
}

/// A kernel in the archive.
#[derive(Debug)]
pub(crate) struct Release {
    /// As `uname -r` says it.
    pub(crate) name: String,
    packages: Vec<String>,
}

/// The archive.
#[derive(Debug)]
pub(crate) struct Archive {
    folder: PathBuf,
    is_updated: bool,
}

impl Archive {
    /// The archive, which is asked only when something is wanted of it.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            is_updated: false,
        }
    }

    /// The newest release of a kernel that is there with its modules.
    pub(crate) fn newest(&mut self, kernel: &Kernel) -> Result<Option<Release>> {
        if !self.is_updated {
            self.update()?;
            self.is_updated = true;
        }
        let listed = exec::read(self.apt("apt-cache").args(["pkgnames", "linux-"]))?;
        let names: Vec<&str> = listed.lines().collect();
        let newest = names
            .iter()
            .filter_map(|name| name.strip_prefix("linux-image-"))
            .filter(|release| release.starts_with(kernel.series) && release.ends_with(FLAVOUR))
            .filter_map(|release| Release::complete(release, &names))
            .max_by_key(|release| numbers(&release.name));
        Ok(newest)
    }

    /// Puts the packages of a release into a folder.
    pub(crate) fn download(&self, release: &Release, into: &Path) -> Result<()> {
        say(format_args!("fetching {}", release.packages.join(", ")));
        let mut download = self.apt("apt-get");
        download.arg("download").args(&release.packages);
        exec::run(download.current_dir(into))
    }

    fn update(&self) -> Result<()> {
        for folder in [
            "etc/preferences.d",
            "state/lists/partial",
            "cache/archives/partial",
        ] {
            fs::create_dir_all(self.folder.join(folder))?;
        }
        let listed = exec::read(Command::new("apt-get").args([
            "indextargets",
            "--format",
            "$(REPO_URI)",
            "Created-By: Packages",
        ]))?;
        let mut sources = String::new();
        for kernel in &KERNELS {
            let archive = if kernel.suite.ends_with("-security") {
                "debian-security"
            } else {
                "debian"
            };
            let address = listed
                .lines()
                .find(|address| {
                    address
                        .trim_end_matches('/')
                        .ends_with(&format!("/{archive}"))
                })
                .with_context(|| format!("the package sources of this machine lack {archive}"))?;
            let line = format!(
                "deb [signed-by={KEYRING}] {address} {} main\n",
                kernel.suite
            );
            if !sources.contains(&line) {
                sources.push_str(&line);
            }
        }
        fs::write(self.folder.join("etc/sources.list"), sources)?;
        // Fails when one suite is gone; the others are read all the same.
        if let Err(error) = exec::run(self.apt("apt-get").args(["update", "--quiet=2"])) {
            say(format_args!("{error:#}"));
        }
        Ok(())
    }

    /// Apt or one of its tools, in a world of its own.
    fn apt(&self, tool: &str) -> Command {
        let mut command = Command::new(tool);
        let mut set = |name: &str, value: &Path| {
            command.arg("-o").arg(format!("{name}={}", value.display()));
        };
        set("Dir::Etc", &self.folder.join("etc"));
        set(
            "Dir::Etc::sourcelist",
            &self.folder.join("etc/sources.list"),
        );
        set("Dir::Etc::sourceparts", Path::new("/dev/null"));
        set("Dir::State", &self.folder.join("state"));
        set("Dir::State::status", Path::new("/dev/null"));
        set("Dir::Cache", &self.folder.join("cache"));
        command.args(["-o", "APT::Architecture=amd64"]);
        command.args(["-o", "APT::Sandbox::User=root"]);
        command.args(["-o", "Acquire::Languages=none"]);
        command.args(["-o", "Acquire::Retries=3"]);
        command
    }
}

impl Release {
    /// The release with its packages, unless one is gone. Since 6.19 the kernel and its modules are apart, and the
    /// package `linux-image` is empty.
    fn complete(release: &str, names: &[&str]) -> Option<Self> {
        let package = |part: &str| {
            let name = format!("linux-{part}-{release}");
            names.contains(&name.as_str()).then_some(name)
        };
        let packages = match package("binary") {
            Some(binary) => vec![binary, package("modules")?],
            None => vec![package("image")?],
        };
        Some(Self {
            name: release.to_owned(),
            packages,
        })
    }
}

/// The numbers in a release, by which it can be compared.
fn numbers(release: &str) -> Vec<u32> {
    let parts = release.split(|c: char| !c.is_ascii_digit());
    parts.filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_release_has_greater_numbers() {
        assert!(numbers("6.1.0-56-cloud-amd64") > numbers("6.1.0-9-cloud-amd64"));
        assert!(numbers("6.12.117+deb12-cloud-amd64") > numbers("6.12.95+deb12-cloud-amd64"));
    }

    #[test]
    fn kernel_whose_modules_are_gone_is_no_release() {
        let names = [
            "linux-image-7.0-cloud-amd64",
            "linux-binary-7.0-cloud-amd64",
        ];
        assert!(Release::complete("7.0-cloud-amd64", &names).is_none());
    }

    #[test]
    fn old_kernel_is_one_package() {
        let release = Release::complete("6.1-cloud-amd64", &["linux-image-6.1-cloud-amd64"]);
        assert_eq!(release.unwrap().packages, ["linux-image-6.1-cloud-amd64"]);
    }
}
