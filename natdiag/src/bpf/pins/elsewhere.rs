//! Folders of pins that nobody has named: every BPF file system that is mounted is searched for marks.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::{MARK, marker};

/// Folders below a mount that are looked into.
const DEPTH: usize = 4;

/// The folders under which something is pinned for interfaces of this network namespace.
#[must_use]
pub fn roots() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut roots = BTreeSet::new();
    for mount in bpf_mounts(&mounts) {
        search(&mount, DEPTH, &mut roots);
    }
    roots.into_iter().collect()
}

/// The places of the BPF file systems in a list of mounts (fstab(5)).
fn bpf_mounts(mounts: &str) -> Vec<PathBuf> {
    let place = |line: &str| {
        let mut fields = line.split(' ').skip(1);
        let (place, kind) = (fields.next()?, fields.next()?);
        (kind == "bpf").then(|| PathBuf::from(place.replace("\\040", " ")))
    };
    mounts.lines().filter_map(place).collect()
}

fn search(folder: &Path, depth: usize, roots: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let path = entry.path();
        match fs::read_link(path.join(MARK)) {
            Ok(mark) if marker::interface(&mark.to_string_lossy()).is_some() => {
                roots.insert(folder.to_owned());
            }
            Err(_) if depth > 0 => search(&path, depth - 1, roots),
            Ok(_) | Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_of_bpf_are_found() {
        let mounts = "proc /proc proc rw 0 0\nbpf /sys/fs/bpf bpf rw,mode=700 0 0\n\
                      bpf /run/a\\040b bpf rw 0 0\ntmpfs /bpf tmpfs rw 0 0\n";
        let want = ["/sys/fs/bpf", "/run/a b"].map(PathBuf::from);
        assert_eq!(bpf_mounts(mounts), want);
    }
}
