//! Which processes hold a BPF program: those with a file of it, or of a link to it, open (`/proc/PID/fdinfo`, proc(5)).
//! Files of other users' processes take root to read.

use std::{collections::BTreeMap, fs};

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: String,
}

/// The processes that hold each of these programs.
#[must_use]
pub fn holders(program_ids: &[u32]) -> BTreeMap<u32, Vec<Process>> {
    let mut holders: BTreeMap<u32, Vec<Process>> = BTreeMap::new();
    if program_ids.is_empty() {
        return holders;
    }
    for pid in pids() {
        let mut held: Vec<u32> = files(pid)
            .filter_map(|text| program_id(&text))
            .filter(|id| program_ids.contains(id))
            .collect();
        held.sort_unstable();
        held.dedup();
        for id in held {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            let name = name.trim().to_owned();
            holders.entry(id).or_default().push(Process { pid, name });
        }
    }
    holders
}

fn pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

fn files(pid: u32) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fdinfo"));
    let entries = entries.into_iter().flatten().flatten();
    entries.filter_map(|entry| fs::read_to_string(entry.path()).ok())
}

/// The program that a file is about.
fn program_id(fdinfo: &str) -> Option<u32> {
    let line = fdinfo
        .lines()
        .find_map(|line| line.strip_prefix("prog_id:"))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_of_a_program_and_of_a_link_name_it() {
        for (fdinfo, want) in [
            (
                "pos:\t0\nprog_type:\t6\nprog_id:\t42\nrun_time_ns:\t0\n",
                Some(42),
            ),
            (
                "pos:\t0\nlink_type:\ttcx\nlink_id:\t3\nprog_tag:\tab\nprog_id:\t7\n",
                Some(7),
            ),
            ("pos:\t0\nflags:\t02\n", None),
            ("prog_id:\tx\n", None),
        ] {
            assert_eq!(program_id(fdinfo), want, "{fdinfo}");
        }
    }

    #[test]
    fn nobody_is_asked_about_nothing() {
        assert!(holders(&[]).is_empty());
    }
}
