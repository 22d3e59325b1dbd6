//! Plays packets to natdiag as a capture in a file.

use std::{
    fs, io,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use natdiag::{
    analysis::{
        diagnosis::{Cause, Severity},
        filter::Filter,
    },
    command::replay::replay,
    config::ReplayConfig,
    report::view::View,
    survey::Survey,
    value::top::Top,
};
use natdiag_common::testkit::pcap;
use tempfile::NamedTempFile;

use crate::packet::{Packet, write};

/// Calls `each` for all items, on all CPUs. The results come in the order of the items.
pub(crate) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    each: impl Fn(usize, &T) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let workers = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(place) else { break };
                    let result = each(place, item);
                    results.lock().unwrap().push((place, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap();
    results.sort_unstable_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

/// What is named about anything in a capture of these packets, but for what is allowed. What harms nobody (`info`) is
/// no accusation: some of these servers have no timestamps, and that is said of them.
pub(crate) fn named(packets: &[Packet]) -> Vec<Cause> {
    let survey = play(packets);
    let diagnoses = survey.sources.iter().map(|source| &source.diagnosis);
    diagnoses
        .flat_map(|diagnosis| {
            let of_remotes = diagnosis.remotes.iter().flat_map(|remote| &remote.findings);
            diagnosis.findings.iter().chain(of_remotes)
        })
        .filter(|finding| finding.severity > Severity::Info)
        .map(|finding| finding.cause)
        .filter(|cause| !matches!(cause, Cause::Blind | Cause::InsufficientEvidence))
        .collect()
}

/// SYNs that were sent in a capture of these packets, and those of them that were answered.
pub(crate) fn handshakes(packets: &[Packet]) -> (u64, u64) {
    let survey = play(packets);
    let remotes = survey
        .sources
        .iter()
        .flat_map(|source| &source.diagnosis.remotes);
    remotes.fold((0, 0), |(sent, answered), remote| {
        let counters = remote.counters;
        let fates = counters.syn_predicted_drop_answered
            + counters.syn_predicted_pass_answered
            + counters.syn_without_timestamps_answered
            + counters.syn_ambiguous;
        (sent + counters.syn_sent, answered + fates)
    })
}

/// Keeps packets of which something was named wrongly.
pub(crate) fn keep(mutation: &str, cause: &str, packets: &[Packet]) {
    let directory = pcap::directory().join("mutations");
    fs::create_dir_all(&directory).unwrap();
    let name = format!("{mutation} {cause}").replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    write(&directory.join(name).with_extension("pcap"), packets);
}

fn play(packets: &[Packet]) -> Survey {
    let file = NamedTempFile::new().unwrap();
    write(file.path(), packets);
    replay(&config(file.path()), &mut Silent).unwrap()
}

fn config(file: &Path) -> ReplayConfig {
    ReplayConfig {
        names: false,
        filter: Filter::default(),
        files: vec![file.to_owned()],
        local: Vec::new(),
        interval: None,
        top: Top::All,
    }
}

/// Shows nothing.
struct Silent;

impl View for Silent {
    fn interim(&mut self, _survey: Survey) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _survey: &Survey) -> io::Result<()> {
        Ok(())
    }
}
