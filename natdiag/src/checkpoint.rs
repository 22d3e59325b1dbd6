//! What a run of the daemon knows, written to a file for the next one. It is of use only as long as what is pinned in
//! the kernel, which does not outlive the kernel: so it is written whole or not at all, but need not be on the disk.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{analysis::Analysis, changes::Changes, engine::SavedEngine, host::regular};

/// What a file begins with.
const MAGIC: &[u8; 16] = b"natdiag state\r\n\0";
/// Version of what is in it. It must be raised with every change of a type that is saved: a test finds out.
const VERSION: u32 = 6;
/// Octets of a file before what is saved: the above, the length of what is saved and its CRC-32.
const HEADER_LEN: usize = MAGIC.len() + 4 + 8 + 4;
/// Octets written at once.
const PIECE_LEN: usize = 1 << 16;
/// Name of the file in its folder.
const NAME: &str = "state";
/// Others have no business with what is known here.
const FILE_MODE: u32 = 0o600;

/// What is saved of a run; `A` is its analysis, borrowed to be written and owned when it was read.
#[derive(Debug, Serialize, Deserialize)]
pub struct Saved<A, C> {
    /// What is watched.
    pub engine: SavedEngine<A>,
    /// The findings that last.
    pub changes: C,
    /// Events that could not be written.
    pub events_lost: u64,
}

/// What was saved of an earlier run.
pub type Earlier = Saved<Analysis, Changes>;
/// What is to be saved of this one.
pub type Current<'a> = Saved<&'a Analysis, &'a Changes>;

/// Why what was saved cannot be read.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The file cannot be read or written.
    #[error("cannot use `{}`", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is of another natdiag.
    #[error("`{}` is of version {found}, and this natdiag reads version {VERSION}", .path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The file is not what natdiag has written.
    #[error("`{}` is damaged: {why}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: &'static str,
    },
    /// What is known cannot be saved beside everything else.
    #[error("cannot start a thread to save what is known")]
    Thread(#[source] io::Error),
    /// What is known has no form.
    #[error("what is known cannot be written down")]
    Form(#[source] postcard::Error),
}

/// Reads what an earlier run has saved in a folder, if one has.
pub fn read(folder: &Path) -> Result<Option<Earlier>, CheckpointError> {
    let path = folder.join(NAME);
    let octets = match regular::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(|source| CheckpointError::File {
            path: path.clone(),
            source,
        })?,
    };
    let damaged = |why| CheckpointError::Damaged {
        path: path.clone(),
        why,
    };
    let (header, rest) = octets
        .split_at_checked(HEADER_LEN)
        .ok_or_else(|| damaged("it is too short"))?;
    let rest_of_header = header
        .strip_prefix(MAGIC)
        .ok_or_else(|| damaged("it does not begin as such a file does"))?;
    let mut fields = Fields(rest_of_header);
    let found = u32::from_le_bytes(fields.next());
    if found != VERSION {
        return Err(CheckpointError::Version { path, found });
    }
    let len = u64::from_le_bytes(fields.next());
    if rest.len() as u64 != len {
        return Err(damaged("it has another length than it says"));
    }
    if crc32fast::hash(rest) != u32::from_le_bytes(fields.next()) {
        return Err(damaged("its checksum is wrong"));
    }
    let saved = postcard::from_bytes(rest).map_err(|_| damaged("its content makes no sense"))?;
    Ok(Some(saved))
}

/// Saves what is known in a folder, in the place of what was saved there before. Returns how many octets it is.
pub fn write(folder: &Path, current: &Current<'_>) -> Result<u64, CheckpointError> {
    let path = folder.join(NAME);
    let new = folder.join(format!("{NAME}.new"));
    let written = write_whole(&new, current).and_then(|len| {
        fs::rename(&new, &path).map_err(Unwritten::File)?;
        Ok(len)
    });
    written.map_err(|why| {
        // What is half written takes up room on a disk that is full.
        let _ = fs::remove_file(&new);
        match why {
            Unwritten::File(source) => CheckpointError::File { path, source },
            Unwritten::Form(source) => CheckpointError::Form(source),
        }
    })
}

/// Why a file was not written.
enum Unwritten {
    File(io::Error),
    Form(postcard::Error),
}

/// Writes piece by piece, so that what is known is in memory once; the header, which tells how much it is, comes last.
fn write_whole(path: &Path, current: &Current<'_>) -> Result<u64, Unwritten> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(FILE_MODE)
        .open(path)
        .map_err(Unwritten::File)?;
    file.write_all(&[0; HEADER_LEN]).map_err(Unwritten::File)?;
    let mut summed = Summed::of(&file);
    let encoded = postcard::to_io(current, BufWriter::with_capacity(PIECE_LEN, &mut summed));
    let flushed = encoded.map(|mut buffered| buffered.flush());
    // The encoder does not tell why nothing could be written.
    if let Some(source) = summed.failed.take() {
        return Err(Unwritten::File(source));
    }
    flushed.map_err(Unwritten::Form)?.map_err(Unwritten::File)?;
    let fields = [
        MAGIC.as_slice(),
        &VERSION.to_le_bytes(),
        &summed.len.to_le_bytes(),
        &summed.sum.finalize().to_le_bytes(),
    ];
    file.write_all_at(&fields.concat(), 0)
        .map_err(Unwritten::File)?;
    Ok(HEADER_LEN as u64 + summed.len)
}

/// Writes to a file, and sums up what it writes.
struct Summed<'a> {
    file: &'a File,
    len: u64,
    sum: crc32fast::Hasher,
    failed: Option<io::Error>,
}

impl<'a> Summed<'a> {
    fn of(file: &'a File) -> Self {
        Self {
            file,
            len: 0,
            sum: crc32fast::Hasher::new(),
            failed: None,
        }
    }
}

impl Write for Summed<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self.file.write_all(octets) {
            Ok(()) => {
                self.sum.update(octets);
                self.len += octets.len() as u64;
                Ok(octets.len())
            }
            Err(error) => {
                let kind = error.kind();
                self.failed = Some(error);
                Err(kind.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The fields of a header, one after the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// The next one; zeros where there are not enough octets, which [`HEADER_LEN`] rules out.
    fn next<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_first_chunk().unwrap_or((&[0; N], &[]));
        self.0 = rest;
        *field
    }
}

#[cfg(test)]
mod tests;
