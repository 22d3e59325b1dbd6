//! Who holds a lock on a file (proc(5), `/proc/locks`).

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
};

use nix::sys::stat::{major, minor};

/// The process that holds a whole-file lock (flock(2)) on a file, as far as this process may know.
#[must_use]
pub fn holder(file: &Metadata) -> Option<u32> {
    let device = file.dev();
    let place = format!("{:02x}:{:02x}:{}", major(device), minor(device), file.ino());
    parse(&fs::read_to_string("/proc/locks").ok()?, &place)
}

/// `1: FLOCK  ADVISORY  WRITE 1234 00:1e:77 0 EOF`: number, kind, whether it binds, access, process, place, range.
fn parse(locks: &str, place: &str) -> Option<u32> {
    locks.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let kind = fields.next()?;
        let process = fields.nth(2)?;
        (kind == "FLOCK" && fields.next()? == place).then(|| process.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_lock_is_found_by_the_place_of_the_file() {
        let locks = "1: POSIX  ADVISORY  WRITE 11 00:1e:77 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 12 00:1e:78 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 13 00:1e:77 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 14 00:1e:77 0 EOF\n";
        assert_eq!(parse(locks, "00:1e:77"), Some(14));
        assert_eq!(parse(locks, "00:1e:79"), None);
    }

    #[test]
    fn a_lock_of_this_process_is_found() {
        let file = tempfile::tempfile().unwrap();
        file.lock().unwrap();
        assert_eq!(holder(&file.metadata().unwrap()), Some(std::process::id()));
    }
}
