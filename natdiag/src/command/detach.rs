//! `natdiag detach`: takes away what `natdiag daemon` has left in the kernel.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    thread,
    time::Duration,
};

use thiserror::Error;

use crate::{
    bpf::{
        inspect::{self, AttachedProgram},
        pins::{self, PinError, PinRoot, Removed, elsewhere},
    },
    cli::detach::DetachArgs,
    host::{
        holder,
        link::{self, Link},
    },
    privilege::{self, MissingPrivileges},
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
    /// This process may not detach anything.
    #[error(transparent)]
    Privileges(#[from] MissingPrivileges),
    /// Programs are attached still.
    #[error("natdiag is still attached: {}", .programs.join("; "))]
    Left {
        /// Where each is, and who has it.
        programs: Vec<String>,
    },
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
/// This process may not, an interface is not known, a natdiag that runs is in charge of it, or the kernel refuses.
pub fn detach(args: &DetachArgs, out: &mut impl Write) -> Result<ExitStatus, DetachError> {
    privilege::check("detach")?;
    let links = link::all().map_err(DetachError::Links)?;
    let mut roots: Vec<_> = PinRoot::existing(&args.pin)?.into_iter().collect();
    if args.all {
        let others = elsewhere::roots().into_iter();
        for folder in others.filter(|folder| *folder != args.pin) {
            roots.extend(PinRoot::existing(&folder)?);
        }
    }
    let mut pinned = Vec::new();
    for root in &roots {
        let names = root.interfaces().map_err(DetachError::List)?;
        pinned.extend(names.into_iter().map(|name| (root, name)));
    }
    let names: BTreeSet<String> = if args.all {
        let there = links.iter().map(|link| &link.name);
        there
            .chain(pinned.iter().map(|(_, name)| name))
            .cloned()
            .collect()
    } else {
        args.interfaces.iter().cloned().collect()
    };
    let mut failed = None;
    let mut is_anything_removed = false;
    for name in names {
        let link = links.iter().find(|link| link.name == name);
        let roots = pinned.iter().filter(|(_, pinned)| *pinned == name);
        match remove(&name, link, roots.map(|(root, _)| *root)) {
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
    if args.all {
        look_for_others()?;
    }
    if !is_anything_removed {
        writeln!(out, "nothing of natdiag was left").map_err(DetachError::Output)?;
    }
    out.flush().map_err(DetachError::Output)?;
    Ok(ExitStatus::Clear)
}

/// Makes sure that no program of natdiag is attached any more.
fn look_for_others() -> Result<(), DetachError> {
    /// A process that has just ended, or a fork of it, keeps its links for a moment: it is looked again so often, after
    /// so long.
    const LOOKS: usize = 20;
    const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
    let links = link::all().map_err(DetachError::Links)?;
    let mut left = attached(&links);
    for _ in 0..LOOKS {
        if left.is_empty() {
            return Ok(());
        }
        thread::sleep(BETWEEN_LOOKS);
        left = attached(&links);
    }
    let ids: Vec<_> = left.iter().map(|(_, program)| program.id).collect();
    let holders = holder::holders(&ids);
    let programs: Vec<_> = left
        .iter()
        .map(|(interface, program)| {
            let held = holders.get(&program.id).and_then(|by| by.first());
            let who = held.map_or_else(
                || "pinned where this process does not see it".to_owned(),
                |process| format!("held by {} (process {})", process.name, process.pid),
            );
            let direction = program.direction.as_str();
            format!("{interface}: {} {direction}, {who}", program.hook)
        })
        .collect();
    if programs.is_empty() {
        Ok(())
    } else {
        Err(DetachError::Left { programs })
    }
}

/// Programs of natdiag on these interfaces, each with the interface's name.
fn attached(links: &[Link]) -> Vec<(String, AttachedProgram)> {
    let of_link = |link: &Link| {
        let programs = inspect::attached(link).into_iter();
        programs
            .filter(AttachedProgram::is_ours)
            .map(|program| (link.name.clone(), program))
            .collect::<Vec<_>>()
    };
    links.iter().flat_map(of_link).collect()
}

/// Removes what is pinned for an interface, and its filters that no natdiag holds. Returns what that was, in words.
fn remove<'a>(
    name: &str,
    link: Option<&Link>,
    roots: impl Iterator<Item = &'a PinRoot>,
) -> Result<Vec<String>, DetachError> {
    let mut roots = roots.peekable();
    if link.is_none() && roots.peek().is_none() {
        return Err(DetachError::Unknown {
            name: name.to_owned(),
            there: Vec::new(),
        });
    }
    let mut removed = Vec::new();
    for root in roots {
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
