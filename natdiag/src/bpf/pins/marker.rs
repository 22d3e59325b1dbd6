//! What a pinned state is marked with: everything that must be the same for another natdiag to read on.

use std::{fs, io};

use natdiag_common::{
    abi::ABI_VERSION,
    counter::Totals,
    record::Record,
    slot::{RemoteSlot, SLOTS, Spill},
};

use crate::{bpf::program::LoadOptions, host::link::Link};

/// The mark of what is pinned for an interface: version and layout, and which interface of which network namespace it
/// is.
pub(super) fn text(link: &Link, options: LoadOptions) -> io::Result<String> {
    Ok(format!(
        "abi={ABI_VERSION} totals={} slots={SLOTS}*{} spill={} record={} rings={}+{} link={:?} interface={} of={}",
        size_of::<Totals>(),
        size_of::<RemoteSlot>(),
        size_of::<Spill>(),
        size_of::<Record>(),
        options.spills_octets,
        options.records_octets,
        options.link_type,
        link.index,
        network_namespace()?,
    ))
}

/// A name that no other pinned state has.
pub(super) fn generation() -> io::Result<String> {
    let uuid = fs::read_to_string("/proc/sys/kernel/random/uuid")?;
    Ok(uuid.trim().to_owned())
}

/// The interface that a mark names, if it is one of this network namespace.
pub(super) fn interface(mark: &str) -> Option<u32> {
    let (rest, namespace) = mark.rsplit_once(" of=")?;
    let (_, index) = rest.rsplit_once(" interface=")?;
    (namespace == network_namespace().ok()?).then(|| index.parse().ok())?
}

/// In what two marks differ, in words; the first is the one that was found.
pub(super) fn difference(found: &str, wanted: &str) -> String {
    let wanted: Vec<_> = wanted.split(' ').collect();
    let differences: Vec<_> = found
        .split(' ')
        .filter(|field| !wanted.contains(field))
        .collect();
    match differences.as_slice() {
        [] => "its mark is incomplete".to_owned(),
        differences => format!("it is of another kind: {}", differences.join(", ")),
    }
}

fn network_namespace() -> io::Result<String> {
    // That of this thread: tests have several.
    let name = fs::read_link("/proc/thread-self/ns/net")?;
    Ok(name.display().to_string())
}

#[cfg(test)]
mod tests;
