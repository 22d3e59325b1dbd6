use std::time::Duration;

use bytesize::ByteSize;

use super::*;

const LIMITS: Limits = Limits {
    size: ByteSize::b(20),
    age: Duration::from_mins(1),
    total: ByteSize::b(60),
};

fn at(second: u64) -> Timestamp {
    Timestamp((1_700_000_000 + second) * 1_000_000_000)
}

fn spool(folder: &Path) -> Spool {
    Spool::open(folder, ("items", "txt"), LIMITS, at(0)).unwrap()
}

/// The files of a folder, by name, and what they hold.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn contents(folder: &Path) -> Vec<String> {
    files(folder).into_iter().map(|(_, text)| text).collect()
}

#[test]
fn a_file_ends_at_its_size_and_gets_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = spool(folder.path());
    for second in 1..=3 {
        assert!(spool.write(b"0123456789\n", at(second)));
    }
    let files = files(folder.path());
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "items-20231114T221322.000000Z.txt",
            "items-20231114T221323.000000Z.txt",
            "items.txt"
        ]
    );
    assert!(files.iter().all(|(_, text)| text == "0123456789\n"));
}

#[test]
fn a_file_ends_at_its_age_unless_it_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = spool(folder.path());
    spool.turn(at(100));
    assert_eq!(contents(folder.path()), [""]);
    assert!(spool.write(b"a\n", at(101)));
    spool.turn(at(102));
    assert_eq!(contents(folder.path()), ["a\n", ""]);
    spool.turn(at(120));
    spool.turn(at(200));
    assert_eq!(contents(folder.path()), ["a\n", ""]);
}

#[test]
fn the_oldest_files_go() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = spool(folder.path());
    for second in 1..=9 {
        assert!(spool.write(format!("item {second}.....\n").as_bytes(), at(second)));
    }
    assert_eq!(
        contents(folder.path()),
        [
            "item 6.....\n",
            "item 7.....\n",
            "item 8.....\n",
            "item 9.....\n"
        ]
    );
}

#[test]
fn a_clock_that_was_set_back_overwrites_no_file() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["first\n", "second\n", "third\n"] {
        let mut spool = spool(folder.path());
        assert!(spool.write(text.as_bytes(), at(1)));
        spool.finish(at(2));
    }
    assert_eq!(contents(folder.path()), ["first\n", "second\n", "third\n"]);
}

#[test]
fn what_was_named_before_the_clock_was_set_back_is_the_oldest() {
    let folder = tempfile::tempdir().unwrap();
    let day = 86_400;
    let mut before = Spool::open(folder.path(), ("items", "txt"), LIMITS, at(2 * day)).unwrap();
    for item in 1..=3 {
        assert!(before.write(format!("before {item}...\n").as_bytes(), at(2 * day + item)));
    }
    before.finish(at(2 * day + 4));
    let mut after = spool(folder.path());
    for item in 1..=3 {
        assert!(after.write(format!("after {item}....\n").as_bytes(), at(item)));
    }
    assert_eq!(
        contents(folder.path()),
        [
            "after 1....\n",
            "after 2....\n",
            "before 3...\n",
            "after 3....\n"
        ]
    );
}

#[test]
fn what_an_earlier_run_was_writing_to_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = spool(folder.path());
    assert!(first.write(b"first\n", at(1)));
    drop(first);
    let mut second = spool(folder.path());
    assert!(second.write(b"second\n", at(2)));
    second.finish(at(3));
    assert_eq!(contents(folder.path()), ["first\n", "second\n"]);
    assert!(
        files(folder.path())
            .iter()
            .all(|(name, _)| name != "items.txt")
    );
}

#[test]
fn what_could_not_get_its_name_is_kept_for_later() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("inside");
    let mut spool = spool(&inside);
    assert!(spool.write(b"first....\n", at(1)));
    let away = folder.path().join("away");
    fs::rename(&inside, &away).unwrap();
    assert!(!spool.write(b"second....\n", at(2)));
    spool.finish(at(3));
    assert_eq!(contents(&away), ["first....\n"]);
    fs::rename(&away, &inside).unwrap();
    assert!(spool.write(b"third....\n", at(4)));
    assert_eq!(contents(&inside), ["first....\n", "third....\n"]);
}

#[test]
fn a_file_with_nothing_in_it_does_not_stay() {
    let folder = tempfile::tempdir().unwrap();
    spool(folder.path()).finish(at(1));
    assert_eq!(files(folder.path()), []);
}

#[test]
fn a_full_disk_loses_whole_items_and_writing_goes_on() {
    use nix::{
        mount::{MsFlags, mount},
        sched::{CloneFlags, unshare},
    };
    const NAME: &str = "a_full_disk_loses_whole_items_and_writing_goes_on";
    if !nix::unistd::geteuid().is_root() {
        println!("SKIP {NAME}: needs root");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    // The mount goes with the thread.
    std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        mount(
            none,
            &path,
            Some("tmpfs"),
            MsFlags::empty(),
            Some("size=64k"),
        )
        .unwrap();
        let limits = Limits {
            size: ByteSize::kib(512),
            age: Duration::from_hours(1),
            total: ByteSize::mib(1),
        };
        let mut spool = Spool::open(&path, ("items", "txt"), limits, at(0)).unwrap();
        let mut item = vec![b'x'; 4999];
        item.push(b'\n');
        let written = (0..20)
            .filter(|second| spool.write(&item, at(*second)))
            .count();
        assert!((10..14).contains(&written), "{written}");
        let text = fs::read_to_string(path.join("items.txt")).unwrap();
        assert_eq!(text.len(), written * item.len());
        assert!(text.ends_with('\n'));
        mount(none, &path, none, MsFlags::MS_REMOUNT, Some("size=256k")).unwrap();
        assert!(spool.write(&item, at(30)));
    })
    .join()
    .unwrap();
}

#[test]
fn it_is_known_to_which_file_an_item_would_go() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = spool(folder.path());
    let first = spool.file_of(11);
    assert!(spool.write(b"0123456789\n", at(1)));
    assert_eq!(spool.file_of(9), first);
    assert_eq!(spool.file_of(10), first + 1);
    assert!(spool.write(b"0123456789\n", at(2)));
    assert_eq!(spool.file_of(9), first + 1);
    spool.finish(at(3));
    assert_eq!(spool.file_of(1), first + 2);
}
