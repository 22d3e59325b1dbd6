use natdiag_common::{Address, counter::RemoteCounts};

use super::*;
use crate::{
    analysis::timeline::{Client, MS},
    event::{Event, Timestamp},
    report::fixture,
};

/// CRC-32 of what the sample below is saved as.
const SAMPLE: u32 = 0x282a_fae8;

fn events() -> Vec<Event> {
    let mut events = Client::new(1).closed_by_server(0, 9000);
    events.extend(Client::new(2).blocked(1000, Some(100)));
    events.extend([Client::new(3).syn(1500, None), Client::new(3).refused(1501)]);
    events.extend(Client::new(4).blocked(2000, Some(9500)));
    events.push(Client::new(5).syn(2500, Some(9600)));
    events.sort_by_key(|event| event.time);
    events
}

fn observe(analysis: &mut Analysis, events: &[Event]) {
    for event in events {
        let mut counts = RemoteCounts::ZERO;
        counts.words[0] = 1;
        analysis.count(Address::from(event.remote()), &counts, event.time);
        analysis.observe(event);
    }
}

fn saved_and_read(analysis: &Analysis) -> Analysis {
    let octets = postcard::to_stdvec(analysis).unwrap();
    let mut read: Analysis = postcard::from_bytes(&octets).unwrap();
    read.restore(None);
    assert_eq!(postcard::to_stdvec(&read).unwrap(), octets);
    read
}

#[test]
fn an_analysis_that_was_saved_in_the_middle_ends_as_any_other() {
    let events = events();
    let end = Timestamp(20_000 * MS);
    let mut uninterrupted = Analysis::default();
    observe(&mut uninterrupted, &events);
    uninterrupted.advance(end);
    let expected = uninterrupted.diagnose(end, 10);
    assert!(expected.remotes[0].counters.syn_predicted_drop_dropped > 0);
    for split in 0..events.len() {
        let (before, after) = events.split_at(split);
        let mut analysis = Analysis::default();
        observe(&mut analysis, before);
        let mut analysis = saved_and_read(&analysis);
        observe(&mut analysis, after);
        analysis.advance(end);
        let diagnosis = analysis.diagnose(end, 10);
        assert_eq!(diagnosis.remotes[0].counters, expected.remotes[0].counters);
        assert_eq!(diagnosis.remotes[0].close_up, expected.remotes[0].close_up);
    }
}

#[test]
fn what_became_of_a_syn_in_a_gap_is_not_known() {
    let mut analysis = Analysis::default();
    observe(&mut analysis, &[Client::new(1).syn(0, Some(100))]);
    analysis.restore(Some((Timestamp(100 * MS), Timestamp(400 * MS))));
    let end = Timestamp(20_000 * MS);
    analysis.advance(end);
    let counters = analysis.diagnose(end, 10).remotes[0].counters;
    assert_eq!(
        (counters.syn_undecided, counters.syn_predicted_pass_dropped),
        (1, 0)
    );
}

#[test]
fn a_saved_type_that_changes_needs_another_version() {
    let mut analysis = Analysis::default();
    observe(&mut analysis, &events());
    let mut changes = Changes::default();
    changes.compare(&fixture::tw_recycle(), u64::MAX);
    let sample = postcard::to_stdvec(&(analysis, changes)).unwrap();
    let found = crc32fast::hash(&sample);
    assert_eq!(
        found, SAMPLE,
        "raise VERSION and set SAMPLE, unless only the sample has changed"
    );
}

#[test]
fn a_file_is_whole_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(read(folder.path()).unwrap().is_none());
    let changes = Changes::default();
    let current = Saved {
        engine: SavedEngine::empty(Timestamp(7)),
        changes: &changes,
        events_lost: 3,
    };
    let len = write(folder.path(), &current).unwrap();
    assert_eq!(read(folder.path()).unwrap().unwrap().events_lost, 3);
    let file = folder.path().join(NAME);
    let whole = fs::read(&file).unwrap();
    assert_eq!(whole.len() as u64, len);
    for cut in 0..whole.len() {
        fs::write(&file, &whole[..cut]).unwrap();
        assert!(read(folder.path()).is_err(), "cut to {cut} octets");
    }
    for place in 0..whole.len() {
        let mut octets = whole.clone();
        octets[place] ^= 0x10;
        fs::write(&file, octets).unwrap();
        assert!(read(folder.path()).is_err(), "octet {place} is another");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
