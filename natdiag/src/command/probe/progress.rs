//! One line on the terminal that says how far a test has come. It goes when the test ends, however that is.

use std::net::SocketAddr;

use console::{Term, truncate_str};

use crate::probe::{
    connection::{Fate, Record},
    fragments::{Ending, FragmentsRecord},
};

/// A pause that is spoken of.
const LONG_PAUSE_NS: u64 = 5 * NS_PER_SEC;
const NS_PER_SEC: u64 = 1_000_000_000;

/// The line.
pub(super) struct Progress {
    /// Absent where standard error is no terminal.
    term: Option<Term>,
    addresses: usize,
    begun: Vec<SocketAddr>,
}

impl Progress {
    /// Nothing is shown yet of a test of so many addresses.
    pub(super) fn start(addresses: usize) -> Self {
        Self {
            term: Some(Term::stderr()).filter(Term::is_term),
            addresses,
            begun: Vec::new(),
        }
    }

    /// Says of an address how its test stands.
    pub(super) fn say(&mut self, remote: SocketAddr, stand: &str) {
        let Some(term) = &self.term else { return };
        if !self.begun.contains(&remote) {
            self.begun.push(remote);
        }
        let line = line(remote, (self.begun.len(), self.addresses), stand);
        let (_, columns) = term.size();
        // A line that the terminal breaks could not be taken back.
        let line = truncate_str(&line, usize::from(columns).saturating_sub(1), "");
        // Nobody is left to be told where this fails.
        let _ = term.clear_line().and_then(|()| term.write_str(&line));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(term) = self.term.as_ref().filter(|_| !self.begun.is_empty()) {
            let _ = term.clear_line();
        }
    }
}

fn line(remote: SocketAddr, (place, addresses): (usize, usize), stand: &str) -> String {
    if addresses == 1 {
        format!("{remote}: {stand}")
    } else {
        format!("{remote} ({place} of {addresses}): {stand}")
    }
}

/// How a test of timestamps stands before the next connection, which is made after a pause.
pub(super) fn of_timestamps(record: &Record, most: usize, pause_ns: u64) -> String {
    let made = record.connections.len();
    let dropped = record.total(Fate::Dropped);
    let wait = if pause_ns > LONG_PAUSE_NS {
        format!("; quiet for {} s", pause_ns / NS_PER_SEC)
    } else {
        String::new()
    };
    format!("{made} of at most {most} connections, {dropped} unanswered{wait}")
}

/// How a test of fragments stands before the next response, which comes in segments of at most `mss` octets.
pub(super) fn of_fragments(record: &FragmentsRecord, mss: Option<u16>) -> String {
    let asked = record.responses.len();
    let came = record
        .responses
        .iter()
        .filter(|response| response.ending == Ending::Complete);
    let next = mss.map_or_else(
        || "the usual MSS".to_owned(),
        |mss| format!("an MSS of {mss} octets"),
    );
    format!(
        "{} of {asked} responses whole, next with {next}",
        came.count()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::fragments::Response;

    fn response(ending: Ending) -> Response {
        Response {
            mss: None,
            octets: 0,
            ending,
            fragments: 0,
            largest_fragment_octets: 0,
        }
    }

    #[test]
    fn numbers_stand_with_what_they_are_of() {
        let address = "192.0.2.80".parse().unwrap();
        let record = Record {
            address,
            connections: Vec::new(),
        };
        assert_eq!(
            of_timestamps(&record, 60, 62 * NS_PER_SEC),
            "0 of at most 60 connections, 0 unanswered; quiet for 62 s"
        );
        let record = FragmentsRecord {
            address,
            responses: vec![response(Ending::Complete), response(Ending::Stalled)],
        };
        assert_eq!(
            of_fragments(&record, Some(536)),
            "1 of 2 responses whole, next with an MSS of 536 octets"
        );
    }

    #[test]
    fn one_address_of_several_is_named_as_such() {
        let remote = "192.0.2.80:443".parse().unwrap();
        assert_eq!(line(remote, (1, 1), "x"), "192.0.2.80:443: x");
        assert_eq!(line(remote, (2, 3), "x"), "192.0.2.80:443 (2 of 3): x");
    }
}
