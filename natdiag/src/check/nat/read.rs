//! Reads [`Facts`] of this host, or of a folder that the collecting script wrote. What cannot be read is a fact too.

mod tool;

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use thiserror::Error;

use super::{
    COUNT, Facts, SETTINGS,
    link::{Link, names, routes},
    rules::Rules,
    sample::{LOSSES, REVERSE_PATH, RING, Sample, TCP},
    usage::{Count, Usage},
};
use crate::{
    check::{root::Root, server::counters::Counters},
    clock::Clock,
    event::Timestamp,
    host::{conntrack, link},
};

/// Destinations and clients that are shown.
const TOP: usize = 10;
/// The connections, as root may read them.
const CONNECTIONS: &str = "proc/net/nf_conntrack";

/// Why nothing is known about a host.
#[derive(Debug, Error)]
pub enum ReadError {
    /// There is no such folder, or nothing of a host in it.
    #[error("there is no `proc` in `{}`; name the root of a system, or the folder that `check nat --script` wrote", .root.display())]
    NoProc {
        /// The folder.
        root: PathBuf,
    },
    /// An interface was named that is not there.
    #[error("there is no interface `{0}`")]
    NoInterface(String),
}

/// Reads a root; where it is this host's, the counters again after `duration`. The interfaces that were `chosen` lead out.
///
/// # Errors
/// There is nothing to read, or an interface is not there.
pub fn read(path: &Path, duration: Duration, chosen: &[String]) -> Result<Facts, ReadError> {
    let root = Root::new(path);
    if !root.has("proc") {
        return Err(ReadError::NoProc {
            root: path.to_owned(),
        });
    }
    let is_here = path == Path::new("/");
    let clock = Clock::start();
    let mut facts = Facts {
        root: path.display().to_string(),
        chosen: chosen.to_vec(),
        start: clock.now(),
        links: links(&root, is_here),
        ..Facts::default()
    };
    for name in chosen {
        if facts.links.iter().all(|link| link.name != *name) {
            return Err(ReadError::NoInterface(name.clone()));
        }
    }
    facts.before = sample(&root, "", &facts.links, is_here);
    if is_here {
        let began_ns = clock.monotonic_ns();
        thread::sleep(duration);
        let after = sample(&root, "", &facts.links, true);
        let elapsed_ns = clock.monotonic_ns().saturating_sub(began_ns);
        facts.after = Some((after, Duration::from_nanos(elapsed_ns).as_secs_f64()));
        facts.end = facts.start.plus(elapsed_ns);
    } else {
        facts.start = collected_at(&root).unwrap_or(facts.start);
        facts.end = facts.start;
        let seconds = root.text("later/seconds").ok();
        if let Some(seconds) = seconds.and_then(|text| text.trim().parse::<u32>().ok()) {
            let after = sample(&root, "later/", &facts.links, false);
            facts.after = Some((after, f64::from(seconds)));
            facts.end = facts.start.plus(u64::from(seconds) * 1_000_000_000);
        }
    }
    facts.kernel = root.text("proc/sys/kernel/osrelease").ok();
    facts.kernel = facts.kernel.map(|release| release.trim().to_owned());
    for name in SETTINGS {
        if let Ok(text) = root.text(&format!("proc/sys/{}", name.replace('.', "/"))) {
            let words: Vec<_> = text.split_whitespace().collect();
            facts.settings.insert(name, words.join(" "));
        }
    }
    if let Ok(text) = root.text("proc/net/route") {
        facts.routes = routes(&text);
    }
    facts.rules = rules(&root, is_here, &mut facts.unread);
    facts.usage = usage(&root, is_here, &mut facts.unread);
    Ok(facts)
}

/// When the collecting script ran.
fn collected_at(root: &Root) -> Option<Timestamp> {
    let time: jiff::Timestamp = root.text("collected").ok()?.trim().parse().ok()?;
    u64::try_from(time.as_nanosecond()).ok().map(Timestamp)
}

fn links(root: &Root, is_here: bool) -> Vec<Link> {
    let known = is_here.then(|| link::all().ok()).flatten();
    let names = names(&root.text("proc/net/dev").unwrap_or_default());
    let link = |name: String| {
        let rp_filter = format!(
            "proc/sys/net/ipv4/conf/{}/rp_filter",
            name.replace('/', ".")
        );
        // Of a network namespace that /sys does not show, rtnetlink tells all the same.
        let mtu = known.as_ref().map_or_else(
            || number(root, &format!("sys/class/net/{name}/mtu")),
            |all| {
                let found = all.iter().find(|link| link.name == name)?;
                Some(u64::from(found.mtu))
            },
        );
        Link {
            mtu,
            rp_filter: number(root, &rp_filter),
            name,
        }
    };
    names.into_iter().map(link).collect()
}

fn number(root: &Root, path: &str) -> Option<u64> {
    root.text(path).ok()?.trim().parse().ok()
}

/// The counters, of files that begin with `place`.
fn sample(root: &Root, place: &str, links: &[Link], is_here: bool) -> Sample {
    let text = |path: &str| root.text(&format!("{place}{path}"));
    let mut sample = Sample {
        tracked: number(
            root,
            &format!("{place}proc/sys/{}", COUNT.replace('.', "/")),
        ),
        ..Sample::default()
    };
    if let Ok(text) = text("proc/net/stat/nf_conntrack") {
        sample.read_tracking(&text);
    }
    if let Ok(text) = text("proc/net/softnet_stat") {
        sample.read_softnet(&text);
    }
    if let Ok(text) = text("proc/net/netstat") {
        let mut counters = Counters::default();
        counters.read_tables(&text);
        if let Some(dropped) = counters.named(&format!("{TCP}{REVERSE_PATH}")) {
            sample.set(TCP, REVERSE_PATH, dropped);
        }
    }
    let here = if is_here { link::all().ok() } else { None };
    for link in links {
        let folder = format!("sys/class/net/{}", link.name);
        let index = here.as_ref().and_then(|all| {
            let found = all.iter().find(|found| found.name == link.name)?;
            Some(u64::from(found.index))
        });
        // Another network namespace may have an interface of this name.
        if is_here && number(root, &format!("{folder}/ifindex")) != index {
            continue;
        }
        for name in RING.into_iter().chain(LOSSES) {
            let path = format!("{place}{folder}/statistics/{name}");
            if let Some(value) = number(root, &path) {
                sample.set(&link.name, name, value);
            }
        }
        let of_driver = if is_here && root.has(&format!("{folder}/device")) {
            tool::run("ethtool", &["-S", &link.name]).ok()
        } else {
            text(&format!("ethtool/{}", link.name)).ok()
        };
        if let Some(text) = of_driver {
            sample.read_ethtool(&link.name, &text);
        }
    }
    sample
}

fn rules(root: &Root, is_here: bool, unread: &mut Vec<String>) -> Option<Rules> {
    let ask = |file: &str, program: &str, arguments: &[&str]| {
        if is_here {
            tool::run(program, arguments)
        } else {
            root.text(file).map_err(|error| error.to_string())
        }
    };
    let nft = ask("nft.json", "nft", &["-j", "list", "ruleset"]);
    let all: Vec<_> = ["iptables", "iptables-legacy"]
        .map(|program| {
            let save = format!("{program}-save");
            ask(&save, &save, &[]).map(|text| (program.to_owned(), text))
        })
        .into();
    if let Err(why) = &nft {
        unread.push(format!("the rules of nftables: {why}"));
        // nft shows those of iptables as well, though not their details.
        if let Some(Err(why)) = all.first() {
            unread.push(format!("the rules of iptables: {why}"));
        }
    }
    let iptables: Vec<_> = all.into_iter().flatten().collect();
    (nft.is_ok() || !iptables.is_empty()).then(|| Rules::parse(nft.ok().as_deref(), &iptables))
}

fn usage(root: &Root, is_here: bool, unread: &mut Vec<String>) -> Option<Usage> {
    let mut count = Count::default();
    if is_here && conntrack::for_each(&mut |entry| count.add(&entry)).is_ok() {
        return Some(count.into_usage(TOP));
    }
    let mut count = Count::default();
    match read_connections(root, &mut count) {
        Ok(()) => Some(count.into_usage(TOP)),
        Err(error) => {
            unread.push(format!(
                "ports in use: the connections cannot be read: {error}; root may"
            ));
            None
        }
    }
}

fn read_connections(root: &Root, count: &mut Count) -> io::Result<()> {
    let mut file = BufReader::new(File::open(root.path(CONNECTIONS)?)?);
    let mut line = String::new();
    while file.read_line(&mut line)? > 0 {
        if let Some(entry) = conntrack::parse_line(&line) {
            count.add(&entry);
        }
        line.clear();
    }
    Ok(())
}
