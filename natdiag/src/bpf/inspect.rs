//! Looks at an interface without attaching anything: whose programs are on it, and what it would take. Programs are
//! loaded to see whether the verifier takes them, and go again at once.

use std::io;

use aya::{
    programs::{ProgramError, SchedClassifier, loaded_programs},
    sys::SyscallError,
};
use natdiag_common::{Direction, LinkType, names};

use super::{
    attach::classifier::attach_type,
    filter,
    load::{LoadError, WatchObject},
    program::{LoadOptions, WatchProgram},
};
use crate::host::link::Link;

/// What aya calls the question which programs there are.
const QUERY: &str = "bpf_prog_query";

/// A program that somebody has attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedProgram {
    /// Where: `xdp`, `tcx` or `clsact`.
    pub hook: &'static str,
    /// Which way the packets go that it sees.
    pub direction: Direction,
    /// Its number.
    pub id: u32,
    /// Its name, where this process may ask for it.
    pub name: Option<String>,
}

impl AttachedProgram {
    /// Whether it is one of natdiag's.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        let name = self.name.as_deref();
        name.is_some_and(|name| name.starts_with(names::PROGRAM_PREFIX))
    }
}

/// What TCX says about one direction of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tcx {
    /// It is there.
    There,
    /// The kernel's answer to the question.
    Refused(i32),
}

/// The programs on an interface.
#[must_use]
pub fn attached(link: &Link) -> Vec<AttachedProgram> {
    let names = all_names();
    let name = |id: u32| {
        let found = names.iter().find(|(known, _)| *known == id);
        found.map(|(_, name)| name.clone())
    };
    let of = |hook, direction, id| AttachedProgram {
        hook,
        direction,
        id,
        name: name(id),
    };
    let xdp = link.xdp_program_ids.iter();
    let mut attached: Vec<_> = xdp.map(|id| of("xdp", Direction::Ingress, *id)).collect();
    for direction in [Direction::Ingress, Direction::Egress] {
        if let Ok((_, programs)) = SchedClassifier::query_tcx(&link.name, attach_type(direction)) {
            attached.extend(
                programs
                    .iter()
                    .map(|program| of("tcx", direction, program.id())),
            );
        }
        // Without a clsact qdisc there are no filters to list.
        for filter in filter::all(link.index, direction).unwrap_or_default() {
            let mut program = of("clsact", direction, filter.program_id);
            program.name = program.name.or(Some(filter.name));
            attached.push(program);
        }
    }
    attached
}

/// Whether the kernel has TCX. It takes `CAP_NET_ADMIN` to ask.
#[must_use]
pub fn tcx(link: &Link, direction: Direction) -> Tcx {
    match SchedClassifier::query_tcx(&link.name, attach_type(direction)) {
        Err(ProgramError::SyscallError(SyscallError { call, io_error })) if call == QUERY => {
            Tcx::Refused(io_error.raw_os_error().unwrap_or(0))
        }
        // An error means that this process may not ask which programs there are: that takes CAP_SYS_ADMIN.
        Ok(_) | Err(_) => Tcx::There,
    }
}

/// The qdisc in the place of clsact, if there is one.
///
/// # Errors
/// The kernel does not answer.
pub fn qdisc_in_place(link: &Link) -> io::Result<Option<String>> {
    filter::qdisc_in_place(link.index)
}

/// Loads each program once and lets it go. Returns those that the kernel does not take.
///
/// # Errors
/// The maps cannot be made.
pub fn refused(link_type: LinkType) -> Result<Vec<(WatchProgram, LoadError)>, LoadError> {
    let mut object = WatchObject::open(LoadOptions::new(link_type))?;
    let refusal = |program| object.load(program).err().map(|error| (program, error));
    Ok(WatchProgram::ALL.into_iter().filter_map(refusal).collect())
}

/// Numbers and names of all programs, as far as this process may ask.
fn all_names() -> Vec<(u32, String)> {
    loaded_programs()
        .flatten()
        .map(|program| {
            let name = String::from_utf8_lossy(program.name()).into_owned();
            (program.id(), name)
        })
        .collect()
}
