//! A folder of files that are written one after the other: one begins where the last has its size or its age, and the
//! oldest goes where all together are too large. A finished file is on the disk before it gets its final name, so that
//! a name with a time stands for a whole file.
//!
//! A disk that is full ends nothing: no item is half written, and the next is tried again.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown},
    path::{Path, PathBuf},
};

use crate::{event::Timestamp, value::limits::Limits};

/// Others have no business with what is found here.
const FOLDER_MODE: u32 = 0o750;
const FILE_MODE: u32 = 0o640;
/// What names tell apart.
const NS_PER_MICRO: u64 = 1_000;
/// A file that is named later than this from now was finished before the clock was set back. A clock that is only
/// corrected moves less.
const TO_COME_NS: u64 = 60_000_000_000;

/// A folder of files.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    stem: &'static str,
    extension: &'static str,
    limits: Limits,
    current: Option<Current>,
    /// Counts the files of a run.
    begun: u64,
    is_failing: bool,
}

/// The file that is written to.
#[derive(Debug)]
struct Current {
    file: File,
    len: u64,
    since: Timestamp,
}

impl Spool {
    /// Files `STEM-TIME.EXTENSION` in a folder, which is made where it is missing. A file that an earlier run was
    /// writing to is finished.
    ///
    /// # Errors
    /// The folder cannot be made or written to.
    pub fn open(
        folder: &Path,
        (stem, extension): (&'static str, &'static str),
        limits: Limits,
        now: Timestamp,
    ) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(folder)?;
        let mut spool = Self {
            folder: folder.to_owned(),
            stem,
            extension,
            limits,
            current: None,
            begun: 0,
            is_failing: false,
        };
        spool.begin(now)?;
        Ok(spool)
    }

    /// Gives the folder and the file that is written to to another user, as whom this process goes on.
    ///
    /// # Errors
    /// This process may not.
    pub fn give_to(&self, user: u32, group: u32) -> io::Result<()> {
        chown(&self.folder, Some(user), Some(group))?;
        chown(self.current_path(), Some(user), Some(group))
    }

    /// Makes sure that the folder can be reached.
    ///
    /// # Errors
    /// It cannot, for instance because this process is another user than it was.
    pub fn check(&self) -> io::Result<()> {
        self.finished().map(drop)
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the names of its files begin with.
    #[must_use]
    pub const fn stem(&self) -> &'static str {
        self.stem
    }

    /// How files are bounded from here on.
    pub const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Writes a whole item, or nothing of it. Returns whether it is written.
    pub fn write(&mut self, item: &[u8], now: Timestamp) -> bool {
        let written = self.try_write(item, now);
        if written.is_ok() && std::mem::take(&mut self.is_failing) {
            tracing::warn!(folder = %self.folder.display(), "can write again");
        }
        self.note(written)
    }

    /// Begins a new file where this one has its age. To be called now and then.
    pub fn turn(&mut self, now: Timestamp) {
        let age_ns = u64::try_from(self.limits.age.as_nanos()).unwrap_or(u64::MAX);
        let is_due = |current: &Current| current.len > 0 && now.since(current.since) >= age_ns;
        if self.current.as_ref().is_some_and(is_due) {
            let rotated = self.rotate(now);
            self.note(rotated);
        }
    }

    /// Finishes the file that is written to.
    pub fn finish(&mut self, now: Timestamp) {
        let finished = match self.current.take() {
            None => Ok(()),
            Some(current) if current.len == 0 => remove(&self.current_path()),
            Some(current) => self.give_name(&current.file, now),
        };
        self.note(finished);
    }

    /// Says what went wrong, once until something is written again. Returns whether it went well.
    fn note(&mut self, outcome: io::Result<()>) -> bool {
        let Err(error) = outcome else {
            return true;
        };
        if !std::mem::replace(&mut self.is_failing, true) {
            let folder = self.folder.display();
            tracing::error!(%folder, %error, "cannot write; it is tried again with what comes next");
        }
        false
    }

    /// The number, among the files of a run, of the one that an item of this length would be written to.
    #[must_use]
    pub fn file_of(&self, len: usize) -> u64 {
        let goes_on = |current: &Current| !self.is_full(current, len);
        let has_file = self.current.as_ref().is_some_and(goes_on);
        self.begun + u64::from(!has_file)
    }

    /// Whether an item of this length no longer fits.
    fn is_full(&self, current: &Current, len: usize) -> bool {
        current.len > 0 && current.len + len as u64 > self.limits.size.as_u64()
    }

    fn try_write(&mut self, item: &[u8], now: Timestamp) -> io::Result<()> {
        let is_full = |current: &Current| self.is_full(current, item.len());
        if self.current.as_ref().is_some_and(is_full) {
            self.rotate(now)?;
        }
        if self.current.is_none() {
            self.begin(now)?;
        }
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        if let Err(error) = current.file.write_all(item) {
            // Half an item would spoil those that come after it.
            current.file.set_len(current.len)?;
            return Err(error);
        }
        current.len += item.len() as u64;
        Ok(())
    }

    fn rotate(&mut self, now: Timestamp) -> io::Result<()> {
        if let Some(current) = self.current.take() {
            self.give_name(&current.file, now)?;
        }
        self.begin(now)
    }

    fn begin(&mut self, now: Timestamp) -> io::Result<()> {
        let path = self.current_path();
        // An earlier run was writing to it, or it could not be given its name.
        if path.exists() {
            self.give_name(&File::open(&path)?, now)?;
        }
        self.make_room(now)?;
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(&path)?;
        self.begun += 1;
        self.current = Some(Current {
            file,
            len: 0,
            since: now,
        });
        Ok(())
    }

    /// Gives the file that was written to its final name, which no other has: a clock that was set back comes to the
    /// same time again.
    fn give_name(&self, file: &File, now: Timestamp) -> io::Result<()> {
        file.sync_all()?;
        let mut time = now;
        let mut path = self.folder.join(self.name(time));
        while path.try_exists()? {
            time = time.plus(NS_PER_MICRO);
            path = self.folder.join(self.name(time));
        }
        fs::rename(self.current_path(), path)?;
        File::open(&self.folder)?.sync_all()
    }

    /// The name of a file that is finished at a time.
    fn name(&self, time: Timestamp) -> OsString {
        let time = i64::try_from(time.0)
            .ok()
            .and_then(|ns| jiff::Timestamp::from_nanosecond(ns.into()).ok())
            .unwrap_or_default()
            .strftime("%Y%m%dT%H%M%S%.6fZ");
        format!("{}-{time}.{}", self.stem, self.extension).into()
    }

    /// Removes the oldest files until there is room for one more.
    fn make_room(&self, now: Timestamp) -> io::Result<()> {
        let mut finished = self.finished()?;
        let mut total: u64 = finished.iter().map(|(_, len)| len).sum();
        // Names with a time are in the order of their times, but those of a time to come are older than what is
        // finished now.
        let newest = self.name(now.plus(TO_COME_NS));
        finished.sort_by(|(a, _), (b, _)| (*a <= newest, a).cmp(&(*b <= newest, b)));
        for (name, len) in finished {
            if total + self.limits.size.as_u64() <= self.limits.total.as_u64() {
                break;
            }
            remove(&self.folder.join(name))?;
            total -= len;
        }
        Ok(())
    }

    /// The finished files, and their sizes.
    fn finished(&self) -> io::Result<Vec<(OsString, u64)>> {
        let (begin, end) = (format!("{}-", self.stem), format!(".{}", self.extension));
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let is_ours = name
                .to_str()
                .is_some_and(|name| name.starts_with(&begin) && name.ends_with(&end));
            if is_ours {
                files.push((name, entry.metadata()?.len()));
            }
        }
        Ok(files)
    }

    fn current_path(&self) -> PathBuf {
        self.folder
            .join(format!("{}.{}", self.stem, self.extension))
    }
}

/// Removes a file that may be gone already.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
