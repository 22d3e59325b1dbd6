//! A root folder: `/`, that of a container, or what the collecting script has written. Links that begin with a slash
//! lead back into it.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};

/// As many links as Linux follows before it gives up (`MAXSYMLINKS`, `include/linux/namei.h`).
const MAX_LINKS: usize = 40;

/// A root folder.
#[derive(Clone, Debug)]
pub(in crate::check) struct Root(PathBuf);

impl Root {
    pub(in crate::check) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The text of a file; what is no UTF-8 in it is replaced.
    pub(in crate::check) fn text(&self, path: &str) -> io::Result<String> {
        let octets = fs::read(self.resolve(Path::new(path))?)?;
        Ok(String::from_utf8_lossy(&octets).into_owned())
    }

    /// Where a file is.
    pub(in crate::check) fn path(&self, path: &str) -> io::Result<PathBuf> {
        self.resolve(Path::new(path))
    }

    /// Where a link leads, or the text of a file that stands for it.
    pub(in crate::check) fn link(&self, path: &str) -> io::Result<String> {
        match fs::read_link(self.0.join(path)) {
            Ok(target) => Ok(target.display().to_string()),
            Err(_) => Ok(self.text(path)?.trim().to_owned()),
        }
    }

    /// Names in a folder, sorted; none where there is no such folder.
    pub(in crate::check) fn names(&self, path: &str) -> Vec<String> {
        let entries = self.resolve(Path::new(path)).and_then(fs::read_dir);
        let mut names: Vec<_> = entries
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// Whether there is such a file or folder.
    pub(in crate::check) fn has(&self, path: &str) -> bool {
        self.resolve(Path::new(path))
            .is_ok_and(|path| path.exists())
    }

    /// Whether a path is another one, by links.
    pub(in crate::check) fn is_same(&self, path: &str, other: &str) -> bool {
        match (
            self.resolve(Path::new(path)),
            self.resolve(Path::new(other)),
        ) {
            (Ok(path), Ok(other)) => path == other,
            _ => false,
        }
    }

    /// Whether `proc` is the kernel's, so that looking again shows something new.
    pub(in crate::check) fn is_live(&self) -> bool {
        statfs(&self.0.join("proc")).is_ok_and(|fs| fs.filesystem_type() == PROC_SUPER_MAGIC)
    }

    /// Follows the links of a path, each inside this root.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let mut left: Vec<PathBuf> = vec![path.to_owned()];
        let mut inside = PathBuf::new();
        let mut links = 0;
        while let Some(path) = left.pop() {
            let mut components = path.components();
            let Some(first) = components.next() else {
                continue;
            };
            left.push(components.as_path().to_owned());
            match first {
                Component::RootDir => inside = PathBuf::new(),
                Component::ParentDir => {
                    inside.pop();
                }
                Component::CurDir | Component::Prefix(_) => {}
                Component::Normal(name) => {
                    let next = inside.join(name);
                    // Links of proc are the kernel's own business.
                    match fs::read_link(self.0.join(&next)) {
                        Ok(target) if !inside.starts_with("proc") => {
                            links += 1;
                            if links > MAX_LINKS {
                                return Err(io::Error::from_raw_os_error(libc::ELOOP));
                            }
                            left.push(target);
                        }
                        _ => inside = next,
                    }
                }
            }
        }
        Ok(self.0.join(inside))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_lead_back_into_the_root() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        fs::create_dir_all(folder.path().join("etc/sysctl.d")).unwrap();
        fs::write(folder.path().join("etc/hostname"), "inside\n").unwrap();
        symlink("/etc", folder.path().join("absolute")).unwrap();
        symlink(
            "../../../etc/hostname",
            folder.path().join("etc/sysctl.d/up"),
        )
        .unwrap();
        symlink("/loop", folder.path().join("loop")).unwrap();
        assert_eq!(root.text("absolute/hostname").unwrap(), "inside\n");
        assert_eq!(root.text("etc/sysctl.d/up").unwrap(), "inside\n");
        assert!(root.text("loop").is_err());
        assert_eq!(root.names("absolute"), ["hostname", "sysctl.d"]);
        assert!(!root.is_live());
    }

    #[test]
    fn running_system_is_live() {
        assert!(Root::new(Path::new("/")).is_live());
    }
}
