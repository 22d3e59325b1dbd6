//! The release of a kernel, as `/proc/sys/kernel/osrelease` and `uname -r` print it.

use std::fmt;

/// A release such as `4.4.0-210-generic`. Compared by its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelRelease {
    text: String,
    version: (u32, u32),
}

impl KernelRelease {
    /// Reads a release. `None` where no two numbers lead it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (major, rest) = text.split_once('.')?;
        let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some(Self {
            version: (major.parse().ok()?, minor.parse().ok()?),
            text: text.to_owned(),
        })
    }

    /// Whether it is this version or newer.
    #[must_use]
    pub fn is_at_least(&self, major: u32, minor: u32) -> bool {
        self.version >= (major, minor)
    }

    /// As the kernel prints it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for KernelRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_their_numbers() {
        for (text, is_4_12) in [
            ("2.6.32-754.el6.x86_64", false),
            ("3.10.0-1160.el7.x86_64\n", false),
            ("4.9.115", false),
            ("4.11.12-100.fc24", false),
            ("4.12.0", true),
            ("4.18.0-553.el8_10.x86_64", true),
            ("6.18.44", true),
            ("7.3-rc1", true),
            ("10.0", true),
        ] {
            let release = KernelRelease::parse(text).unwrap();
            assert_eq!(release.is_at_least(4, 12), is_4_12, "{text}");
            assert_eq!(release.as_str(), text.trim());
        }
    }

    #[test]
    fn what_is_no_release_is_none() {
        for text in ["", "6", "linux", "4.x", "-1.2", "99999999999.1"] {
            assert_eq!(KernelRelease::parse(text), None, "{text}");
        }
    }
}
