//! Where the events of unattended operation go: a line of JSON each, to a spool of files or to standard output.

use std::io::{self, Write};

use crate::{
    event::Timestamp,
    report::event::{Happening, Line},
    spool::Spool,
};

/// Takes events.
#[derive(Debug)]
pub struct Journal {
    spool: Option<Spool>,
    lost: u64,
    /// Those lost that the journal itself does not tell of yet.
    untold: u64,
}

impl Journal {
    /// Writes events to files, or to standard output.
    #[must_use]
    pub const fn new(spool: Option<Spool>) -> Self {
        Self {
            spool,
            lost: 0,
            untold: 0,
        }
    }

    /// Writes what happened. Where that fails it is counted, and told as soon as something can be written again.
    pub fn tell(&mut self, happening: &Happening<'_>, now: Timestamp) {
        if self.untold > 0 {
            let lost = Happening::Lost {
                events: self.untold,
            };
            if self.write(&lost, now) {
                self.untold = 0;
            }
        }
        if !self.write(happening, now) {
            self.lost += 1;
            self.untold += 1;
        }
    }

    /// Counts on from what an earlier run has lost.
    pub const fn resume(&mut self, lost: u64) {
        self.lost = lost;
    }

    /// Events that could not be written.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// The files, if it writes to files.
    #[must_use]
    pub const fn spool(&self) -> Option<&Spool> {
        self.spool.as_ref()
    }

    /// The files, to be changed, if it writes to files.
    pub const fn spool_mut(&mut self) -> Option<&mut Spool> {
        self.spool.as_mut()
    }

    fn write(&mut self, happening: &Happening<'_>, now: Timestamp) -> bool {
        let mut line = match serde_json::to_vec(&Line::new(happening, now)) {
            Ok(line) => line,
            Err(error) => {
                tracing::error!(%error, "an event has no form");
                return false;
            }
        };
        line.push(b'\n');
        match &mut self.spool {
            Some(spool) => spool.write(&line, now),
            None => print(&line).is_ok(),
        }
    }
}

fn print(line: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(line)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use bytesize::ByteSize;

    use super::*;
    use crate::value::limits::Limits;

    #[test]
    fn what_was_lost_is_told_as_soon_as_it_can_be() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("findings");
        let limits = Limits {
            size: ByteSize::b(1),
            age: Duration::from_hours(1),
            total: ByteSize::kib(10),
        };
        let now = |second: u64| Timestamp(second * 1_000_000_000);
        let name = ("findings", "jsonl");
        let spool = Spool::open(&inside, name, limits, now(0)).unwrap();
        let mut journal = Journal::new(Some(spool));
        let stopped = Happening::Stopped;
        journal.tell(&stopped, now(1));
        // Each event is a file, and there is no folder for it any more.
        fs::remove_dir_all(&inside).unwrap();
        journal.tell(&stopped, now(2));
        journal.tell(&stopped, now(3));
        assert_eq!(journal.lost(), 2);
        fs::create_dir(&inside).unwrap();
        journal.tell(&stopped, now(4));
        assert_eq!(journal.lost(), 2);
        let mut lines: Vec<_> = fs::read_dir(&inside)
            .unwrap()
            .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect();
        lines.sort();
        let [lost, stopped] = lines.as_slice() else {
            panic!("{lines:?}")
        };
        assert!(lost.contains("\"event\":\"lost\",\"events\":2"), "{lost}");
        assert!(stopped.contains("\"event\":\"stopped\""), "{stopped}");
    }
}
