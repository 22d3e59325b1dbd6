//! What `sysctl.conf` and the files of `sysctl.d` set, and which of them wins (sysctl.conf(5), sysctl.d(5)).
//!
//! Files are read in the order of their names, whatever their folder; of two with one name, that in the folder with
//! precedence hides the other. `/etc/sysctl.conf` comes last, as `sysctl --system` takes it.

use std::collections::BTreeMap;

use super::Setting;

/// The folders of `sysctl.d`, by precedence.
pub const FOLDERS: [&str; 5] = [
    "etc/sysctl.d",
    "run/sysctl.d",
    "usr/local/lib/sysctl.d",
    "usr/lib/sysctl.d",
    "lib/sysctl.d",
];

/// The file that comes last.
pub const LAST: &str = "etc/sysctl.conf";

/// A line that sets one of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Which.
    pub setting: Setting,
    /// The file, from the root on.
    pub file: String,
    /// Number of the line.
    pub line: usize,
    /// What it sets.
    pub value: String,
    /// The file of the same name that hides this one.
    pub hidden_by: Option<String>,
}

/// A configuration file: its path without the leading slash, and its text.
#[derive(Clone, Debug)]
pub struct File {
    /// Where it is, such as `etc/sysctl.d/10-network.conf`.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// All assignments of these files, in the order in which they take effect.
#[must_use]
pub fn assignments(files: &[File]) -> Vec<Assignment> {
    let mut by_name: BTreeMap<&str, Vec<(usize, &File)>> = BTreeMap::new();
    for file in files {
        if let Some((folder, name)) = file.path.rsplit_once('/')
            && let Some(rank) = FOLDERS.iter().position(|known| *known == folder)
        {
            by_name.entry(name).or_default().push((rank, file));
        }
    }
    let mut all = Vec::new();
    for same_name in by_name.values_mut() {
        same_name.sort_by_key(|(rank, _)| *rank);
        let winner = same_name.first().map(|(_, file)| format!("/{}", file.path));
        for (place, (_, file)) in same_name.iter().enumerate() {
            let hidden_by = winner.clone().filter(|_| place > 0);
            all.extend(of_file(file, hidden_by.as_ref()));
        }
    }
    let last = files.iter().find(|file| file.path == LAST);
    all.extend(last.into_iter().flat_map(|file| of_file(file, None)));
    all
}

fn of_file<'a>(
    file: &'a File,
    hidden_by: Option<&'a String>,
) -> impl Iterator<Item = Assignment> + use<'a> {
    file.text
        .lines()
        .enumerate()
        .filter_map(move |(index, line)| {
            let (setting, value) = parse_line(line)?;
            Some(Assignment {
                setting,
                file: format!("/{}", file.path),
                line: index + 1,
                value: value.to_owned(),
                hidden_by: hidden_by.cloned(),
            })
        })
}

/// Reads `key = value`. `#` and `;` lead a comment, `-` says that errors do not matter, and the parts of the key are
/// parted by dots or slashes.
fn parse_line(line: &str) -> Option<(Setting, &str)> {
    let line = line.trim();
    if line.starts_with(['#', ';']) {
        return None;
    }
    let (key, value) = line.strip_prefix('-').unwrap_or(line).split_once('=')?;
    let key = key.trim().replace('/', ".");
    let name = key.strip_prefix("net.ipv4.")?;
    let setting = Setting::ALL
        .into_iter()
        .find(|setting| setting.as_str() == name)?;
    Some((setting, value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn line_sets_in_every_spelling_and_a_comment_does_not() {
        for (line, want) in [
            ("net.ipv4.tcp_tw_recycle=1", Some((Setting::TwRecycle, "1"))),
            (
                "  net.ipv4.tcp_tw_reuse = 2 ",
                Some((Setting::TwReuse, "2")),
            ),
            (
                "net/ipv4/tcp_timestamps = 0",
                Some((Setting::Timestamps, "0")),
            ),
            (
                "-net.ipv4.tcp_tw_recycle = 1",
                Some((Setting::TwRecycle, "1")),
            ),
            ("# net.ipv4.tcp_tw_recycle = 1", None),
            (";net.ipv4.tcp_tw_recycle = 1", None),
            ("net.ipv4.tcp_tw_recycle", None),
            ("net.ipv4.tcp_tw_recycled = 1", None),
            ("net.ipv6.tcp_tw_recycle = 1", None),
            ("", None),
        ] {
            assert_eq!(parse_line(line), want, "{line}");
        }
    }

    #[test]
    fn files_take_effect_by_name_and_sysctl_conf_last() {
        let line = |value: u32| format!("#\nnet.ipv4.tcp_tw_recycle = {value}\n");
        let found = assignments(&[
            file("etc/sysctl.conf", &line(1)),
            file("etc/sysctl.d/90-late.conf", &line(2)),
            file("usr/lib/sysctl.d/10-early.conf", &line(3)),
            file("usr/lib/sysctl.d/90-late.conf", &line(4)),
            file("run/sysctl.d/90-late.conf", &line(5)),
        ]);
        let told: Vec<_> = found
            .iter()
            .map(|found| (found.value.as_str(), found.line, found.hidden_by.as_deref()))
            .collect();
        let hider = Some("/etc/sysctl.d/90-late.conf");
        assert_eq!(
            told,
            [
                ("3", 2, None),
                ("2", 2, None),
                ("5", 2, hider),
                ("4", 2, hider),
                ("1", 2, None)
            ]
        );
    }

    #[test]
    fn empty_file_hides_one_of_its_name() {
        let found = assignments(&[
            file("etc/sysctl.d/50-x.conf", ""),
            file("usr/lib/sysctl.d/50-x.conf", "net.ipv4.tcp_tw_recycle=1\n"),
        ]);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].hidden_by.as_deref(),
            Some("/etc/sysctl.d/50-x.conf")
        );
    }
}
