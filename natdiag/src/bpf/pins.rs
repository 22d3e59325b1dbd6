//! What outlives the process: the maps and links of an interface, pinned in a BPF file system, so that the kernel
//! counts on while natdiag is being replaced.
//!
//! `ROOT/INTERFACE/` holds the maps by their names; `ingress-HOOK` and `egress-HOOK`, each the link of that hook, or
//! for clsact its program, whose filter stays by itself; `ingress-program` and `egress-program` beside links; and two
//! symbolic links whose texts say what this is: `mark` and, made last, `generation`. Whoever has the folder locked is
//! in charge of it.

pub mod elsewhere;
mod folder;
mod marker;
mod root;

use std::{
    io,
    path::{Path, PathBuf},
};

use natdiag_common::{Direction, names};
use thiserror::Error;

pub use self::{
    folder::{PinFolder, Removed},
    root::PinRoot,
};
use super::{filter, ladder::Rung};
use crate::host::link::Link;

/// Nobody else has any business there.
const FOLDER_MODE: u32 = 0o700;
const MARK: &str = "mark";
/// The maps that userspace reads, and those that it writes.
pub(super) const MAPS: [&str; 9] = [
    names::MAP_TOTALS,
    names::MAP_REMOTE_SLOTS,
    names::MAP_SPILLS,
    names::MAP_RECORDS,
    names::MAP_SAMPLE_ONE_IN,
    names::MAP_SAMPLER_XDP,
    names::MAP_SAMPLER_XDP_FRAGS,
    names::MAP_SAMPLER_INGRESS,
    names::MAP_SAMPLER_EGRESS,
];

/// Why something cannot be pinned, or what is pinned cannot be used.
#[derive(Debug, Error)]
pub enum PinError {
    /// The folder would not be on a BPF file system.
    #[error(
        "`{}` is on no BPF file system; `mount -t bpf -o mode=700 bpf {}` makes one", .folder.display(), mount_point(.folder).display()
    )]
    NoBpfFileSystem {
        /// The folder.
        folder: PathBuf,
    },
    /// Another natdiag is in charge of the folder.
    #[error("`{}` belongs to a natdiag that runs{}", .folder.display(), process(*.holder))]
    Held {
        /// The folder.
        folder: PathBuf,
        /// Its process, where that can be known.
        holder: Option<u32>,
    },
    /// A folder or file cannot be made, read or removed.
    #[error("cannot use `{}`", .path.display())]
    Files {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The kernel does not pin or give back an object.
    #[error("cannot use the pinned `{name}`: {why}")]
    Object {
        /// Which.
        name: String,
        /// Why.
        why: String,
    },
    /// What is there is not what this natdiag could read on.
    #[error("{0}")]
    Foreign(String),
}

/// Removes the clsact filters of an interface that no natdiag holds, also those that were to outlive theirs. Returns
/// how many there were.
pub fn remove_filters_left(link: &Link) -> io::Result<usize> {
    filter::delete_all_left(link.index)
}

/// Name of the file of a hook. Both kinds of native XDP have one name.
pub(super) fn hook_name(rung: Rung, direction: Direction) -> String {
    format!("{}-{}", direction.as_str(), rung.as_str())
}

/// Name of the file of a program.
pub(super) fn program_name(rung: Rung, direction: Direction) -> String {
    if rung == Rung::Clsact {
        hook_name(rung, direction)
    } else {
        program_beside_link(direction)
    }
}

/// Name of the file of a program whose hook is a link.
fn program_beside_link(direction: Direction) -> String {
    format!("{}-program", direction.as_str())
}

/// Where to mount a BPF file system for a folder.
fn mount_point(folder: &Path) -> &Path {
    let usual = Path::new("/sys/fs/bpf");
    if folder.starts_with(usual) {
        usual
    } else {
        folder
    }
}

fn process(holder: Option<u32>) -> String {
    holder.map_or_else(String::new, |holder| format!(" (process {holder})"))
}
