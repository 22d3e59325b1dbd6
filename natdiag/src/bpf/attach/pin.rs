//! Makes what is attached stay when the process ends, and takes over what has stayed.

use std::mem;

use aya::programs::{Program, ProgramInfo, SchedClassifier, Xdp, links::PinnedLink};
use aya_obj::programs::XdpAttachType;
use natdiag_common::Direction;

use super::{
    AttachError, Attaching, Attachment, Hook,
    classifier::{Guard, attach_type},
};
use crate::{
    bpf::{
        filter::{self, Owner},
        ladder::{Rung, ladder},
        load::Programs,
        load::WatchObject,
        pins::{MAPS, PinError, PinFolder, hook_name, program_name},
    },
    host::link::{self, Link},
    value::hook::HookChoice,
};

/// Attaches, and pins maps and hooks. On an error something may be pinned.
pub(super) fn attach(
    object: &mut WatchObject,
    link: &Link,
    choice: HookChoice,
    folder: &PinFolder,
) -> Result<(Attachment, String), AttachError> {
    for map in MAPS {
        object
            .pin_map(map, &folder.place(map))
            .map_err(|why| at(map, why))?;
    }
    let mut attachment = Attaching::new(object, link, true).attach(choice)?;
    attachment.ingress = pin(attachment.ingress, object, folder)?;
    attachment.egress = pin(attachment.egress, object, folder)?;
    let generation = folder.complete(link, object.options())?;
    Ok((attachment, generation))
}

fn pin(hook: Hook, object: &mut WatchObject, folder: &PinFolder) -> Result<Hook, AttachError> {
    let program = program_name(hook.rung, hook.direction);
    object
        .program(hook.rung.program(hook.direction))?
        .pin(folder.place(&program))
        .map_err(|why| at(&program, why))?;
    let guard = match hook.guard {
        Guard::Link(link) => {
            let name = hook_name(hook.rung, hook.direction);
            let pinned = link.pin(folder.place(&name));
            Guard::PinnedLink(pinned.map_err(|why| at(&name, why))?)
        }
        Guard::Filter(link, owner) => {
            // Dropping it would take the filter away.
            mem::forget(link);
            Guard::KeptFilter(owner)
        }
        kept @ (Guard::PinnedLink(_) | Guard::KeptFilter(_)) => kept,
    };
    Ok(Hook { guard, ..hook })
}

/// The hooks that are pinned, if they are still attached and allowed by the choice.
pub(super) fn hooks(
    link: &Link,
    choice: HookChoice,
    folder: &PinFolder,
    [ingress, egress]: [Rung; 2],
) -> Result<[Hook; 2], PinError> {
    let hook = |rung, direction| hook(link, choice, folder, rung, direction);
    Ok([
        hook(ingress, Direction::Ingress)?,
        hook(egress, Direction::Egress)?,
    ])
}

/// The programs that are pinned.
pub(super) fn programs(
    folder: &PinFolder,
    [ingress, egress]: [Rung; 2],
) -> Result<Programs, PinError> {
    let program = |rung: Rung, direction| {
        let name = program_name(rung, direction);
        let place = folder.place(&name);
        let program = match rung {
            Rung::Tcx | Rung::Clsact => {
                SchedClassifier::from_pin(place).map(Program::SchedClassifier)
            }
            Rung::XdpNativeFrags | Rung::XdpNative | Rung::XdpGeneric => {
                Xdp::from_pin(place, XdpAttachType::Interface).map(Program::Xdp)
            }
        };
        let program = program.map_err(|why| at(&name, why))?;
        Ok((rung.program(direction).name(), program))
    };
    Ok(Programs::Pinned(vec![
        program(ingress, Direction::Ingress)?,
        program(egress, Direction::Egress)?,
    ]))
}

fn hook(
    link: &Link,
    choice: HookChoice,
    folder: &PinFolder,
    rung: Rung,
    direction: Direction,
) -> Result<Hook, PinError> {
    let name = hook_name(rung, direction);
    if !ladder(choice, direction, link).contains(&rung) {
        let hook = rung.as_str();
        return Err(PinError::Foreign(format!(
            "it uses {hook}, which is not wanted any more"
        )));
    }
    let place = folder.place(&name);
    let (program, guard) = if rung == Rung::Clsact {
        let program = ProgramInfo::from_pin(&place).map_err(|why| at(&name, why))?;
        let owner = Owner::claim(program.id()).map_err(|why| at(&name, why))?;
        (program.id(), Guard::KeptFilter(owner))
    } else {
        let pinned = PinnedLink::from_pin(&place).map_err(|why| at(&name, why))?;
        let pinned = aya::programs::links::FdLink::from(pinned);
        let program = pinned.info().map_err(|why| at(&name, why))?.program_id();
        (program, Guard::Link(pinned))
    };
    if !is_attached(program, link, rung, direction) {
        return Err(PinError::Foreign(format!(
            "{} {} was detached",
            rung.as_str(),
            direction.as_str()
        )));
    }
    Ok(Hook {
        rung,
        direction,
        guard,
    })
}

/// Whether a program is still where it was attached. Where this process may not know, it is.
fn is_attached(program: u32, link: &Link, rung: Rung, direction: Direction) -> bool {
    match rung {
        Rung::Tcx => SchedClassifier::query_tcx(&link.name, attach_type(direction))
            .map_or(true, |(_, programs)| {
                programs.iter().any(|attached| attached.id() == program)
            }),
        Rung::Clsact => filter::all(link.index, direction).map_or(true, |filters| {
            filters.iter().any(|filter| filter.program_id == program)
        }),
        Rung::XdpNativeFrags | Rung::XdpNative | Rung::XdpGeneric => {
            let link = link::by_index(link.index).ok().flatten();
            link.is_none_or(|link| link.xdp_program_ids.contains(&program))
        }
    }
}

fn at(name: &str, why: impl std::fmt::Display) -> PinError {
    PinError::Object {
        name: name.to_owned(),
        why: why.to_string(),
    }
}
