//! What an ELF program says about what it needs.

use std::fmt;

use object::{
    Endianness,
    elf::{ELF_NOTE_GNU, FileHeader64, NT_GNU_ABI_TAG, PT_INTERP},
    read::elf::{FileHeader as _, ProgramHeader as _},
};

/// What a program needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Traits {
    /// Whether nothing else must be loaded first.
    pub(crate) is_static: bool,
    /// Version of Linux, in three parts, from which on its libc works.
    oldest_kernel: Option<[u32; 3]>,
}

impl Traits {
    /// Those of a 64-bit program; `None` if it is no such program.
    pub(crate) fn of(octets: &[u8]) -> Option<Self> {
        let header = FileHeader64::<Endianness>::parse(octets).ok()?;
        let endian = header.endian().ok()?;
        let mut traits = Self {
            is_static: true,
            oldest_kernel: None,
        };
        for segment in header.program_headers(endian, octets).ok()? {
            traits.is_static &= segment.p_type(endian) != PT_INTERP;
            let Some(mut notes) = segment.notes(endian, octets).ok()? else {
                continue;
            };
            while let Some(note) = notes.next().ok()? {
                if note.name() == ELF_NOTE_GNU && note.n_type(endian) == NT_GNU_ABI_TAG {
                    traits.oldest_kernel = kernel(note.desc());
                }
            }
        }
        Some(traits)
    }
}

/// The version in a note: the number of the system (0 for Linux) and three parts, each of four octets.
fn kernel(note: &[u8]) -> Option<[u32; 3]> {
    let (words, _) = note.as_chunks::<4>();
    let &[[0, 0, 0, 0], major, minor, patch] = words else {
        return None;
    };
    Some([major, minor, patch].map(u32::from_ne_bytes))
}

impl fmt::Display for Traits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.oldest_kernel {
            Some([major, minor, patch]) => write!(f, "for Linux {major}.{minor}.{patch} and newer"),
            None => f.write_str("for a kernel that it does not tell"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn this_test_needs_a_loader_and_tells_its_kernel() {
        let this = fs::read("/proc/self/exe").unwrap();
        let traits = Traits::of(&this).unwrap();
        assert!(!traits.is_static);
        assert!(traits.oldest_kernel.is_some(), "{traits:?}");
    }

    #[test]
    fn text_and_half_a_header_are_no_programs() {
        assert_eq!(Traits::of(b"#!/bin/sh\n"), None);
        assert_eq!(Traits::of(b"\x7fELF\x02"), None);
    }

    #[test]
    fn version_stands_behind_the_number_of_linux() {
        let words = |words: [u32; 4]| words.map(u32::to_ne_bytes).concat();
        assert_eq!(kernel(&words([0, 3, 2, 0])), Some([3, 2, 0]));
        // GNU Hurd.
        assert_eq!(kernel(&words([1, 3, 2, 0])), None);
        assert_eq!(kernel(b"\0\0\0\0"), None);
    }
}
