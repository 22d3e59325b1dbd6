//! `natdiag detach`: takes away what `natdiag daemon` has left in the kernel.

use std::io::{self, Write};

use thiserror::Error;

use crate::{
    bpf::pins::{self, PinError, PinRoot, Removed},
    cli::detach::DetachArgs,
    host::link::{self, Link},
    report::exit_code::ExitStatus,
};

/// Why something is left.
#[derive(Debug, Error)]
pub enum DetachError {
    /// An interface is neither there nor known.
    #[error("there is no interface `{name}`, and nothing is pinned for it{}", there_are(.there))]
    Unknown {
        /// The name.
        name: String,
        /// The interfaces that are there.
        there: Vec<String>,
    },
    /// The kernel does not say which interfaces there are.
    #[error("cannot ask the kernel for interfaces")]
    Links(#[source] io::Error),
    /// What is pinned cannot be listed.
    #[error("cannot read the folder of pins")]
    List(#[source] io::Error),
    /// What is pinned stays.
    #[error(transparent)]
    Pins(#[from] PinError),
    /// Filters stay.
    #[error("cannot remove the filters of `{interface}`")]
    Filters {
        /// The interface.
        interface: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What was removed cannot be told.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
}

/// Detaches from interfaces, and tells what was removed. Where one fails the others are tried all the same.
///
/// # Errors
/// An interface is not known, a natdiag that runs is in charge of it, or the kernel refuses.
pub fn detach(args: &DetachArgs, out: &mut impl Write) -> Result<ExitStatus, DetachError> {
    let links = link::all().map_err(DetachError::Links)?;
    let root = PinRoot::existing(&args.pin)?;
    let pinned = root.as_ref().map(PinRoot::interfaces).transpose();
    let pinned = pinned.map_err(DetachError::List)?.unwrap_or_default();
    let names = if args.all {
        let gone = pinned
            .iter()
            .filter(|name| links.iter().all(|link| link.name != **name));
        let there = links.iter().map(|link| &link.name);
        there.chain(gone).cloned().collect()
    } else {
        args.interfaces.clone()
    };
    let mut failed = None;
    let mut is_anything_removed = false;
    for name in names {
        let link = links.iter().find(|link| link.name == name);
        let root = root.as_ref().filter(|_| pinned.contains(&name));
        match remove(&name, link, root) {
            Ok(removed) => {
                is_anything_removed |= !removed.is_empty();
                tell(&name, &removed, out).map_err(DetachError::Output)?;
            }
            Err(DetachError::Unknown { name, .. }) => {
                let there = links.iter().map(|link| link.name.clone()).collect();
                failed.get_or_insert(DetachError::Unknown { name, there });
            }
            Err(error) => {
                failed.get_or_insert(error);
            }
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    if !is_anything_removed {
        writeln!(out, "nothing of natdiag was left").map_err(DetachError::Output)?;
    }
    out.flush().map_err(DetachError::Output)?;
    Ok(ExitStatus::Clear)
}

/// Removes what is pinned for an interface, and its filters that no natdiag holds. Returns what that was, in words.
fn remove(
    name: &str,
    link: Option<&Link>,
    root: Option<&PinRoot>,
) -> Result<Vec<String>, DetachError> {
    if link.is_none() && root.is_none() {
        return Err(DetachError::Unknown {
            name: name.to_owned(),
            there: Vec::new(),
        });
    }
    let mut removed = Vec::new();
    if let Some(root) = root {
        let Removed { hooks, maps } = root.of_interface(name)?.remove()?;
        removed.extend(hooks);
        match maps {
            0 => {}
            1 => removed.push("1 map".to_owned()),
            maps => removed.push(format!("{maps} maps")),
        }
    }
    if let Some(link) = link {
        let filters = pins::remove_filters_left(link).map_err(|source| DetachError::Filters {
            interface: name.to_owned(),
            source,
        })?;
        match filters {
            0 => {}
            1 => removed.push("1 clsact filter left behind".to_owned()),
            filters => removed.push(format!("{filters} clsact filters left behind")),
        }
    }
    Ok(removed)
}

fn tell(name: &str, removed: &[String], out: &mut impl Write) -> io::Result<()> {
    if removed.is_empty() {
        return Ok(());
    }
    writeln!(out, "{name}: removed {}", removed.join(", "))
}

fn there_are(there: &[String]) -> String {
    if there.is_empty() {
        String::new()
    } else {
        format!("; there are: {}", there.join(", "))
    }
}
