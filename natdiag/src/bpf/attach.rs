//! Attaches the programs to an interface, by the first hook of the ladder that works, and detaches them when dropped.
//!
//! Nobody else's program is ever replaced. XDP and TCX are links that go with the process even when it is killed;
//! clsact filters are not, see `bpf::filter`.

pub(super) mod classifier;
mod pin;

use aya::programs::{SchedClassifier, XdpMode, links::FdLink, loaded_programs};
use natdiag_common::Direction;
use thiserror::Error;

use self::classifier::{Failure, Guard, Place, attach_type};
use super::{
    filter::{self, AddedQdisc},
    ladder::{self, Circumstances, Refusal, Rung, ladder},
    load::Programs,
    load::{LoadError, WatchObject},
    pins::{PinError, PinFolder},
    program::WatchProgram,
};
use crate::{
    host::link::{self, Link},
    value::hook::HookChoice,
};

/// Why nothing is attached.
#[derive(Debug, Error)]
pub enum AttachError {
    /// Every hook was refused.
    #[error("cannot attach to {direction} of `{interface}`: {}{}", list(.refusals), remedy(.refusals))]
    Refused {
        /// The interface.
        interface: String,
        /// `ingress` or `egress`.
        direction: &'static str,
        /// Why, for each hook.
        refusals: Vec<Refusal>,
    },
    /// The kernel does not take the programs.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// What is attached cannot be pinned, or what is pinned not be taken over.
    #[error(transparent)]
    Pin(#[from] PinError),
}

/// The programs on an interface. They are detached when this is dropped, unless they are pinned.
#[derive(Debug)]
pub struct Attachment {
    // Dropped in this order: filters before their qdisc.
    ingress: Hook,
    egress: Hook,
    _qdisc: Option<AddedQdisc>,
    choice_note: Option<String>,
    notes: Vec<String>,
    pins: Option<PinFolder>,
}

/// One program on one hook.
#[derive(Debug)]
struct Hook {
    rung: Rung,
    direction: Direction,
    guard: Guard,
}

impl Attachment {
    /// The hooks in use, such as `tcx ingress`.
    #[must_use]
    pub fn hooks(&self) -> Vec<String> {
        [&self.ingress, &self.egress]
            .map(|hook| format!("{} {}", hook.rung.as_str(), hook.direction.as_str()))
            .to_vec()
    }

    /// The programs at the hooks: for received packets, and for sent ones.
    #[must_use]
    pub fn programs(&self) -> [WatchProgram; 2] {
        [&self.ingress, &self.egress].map(|hook| hook.rung.program(hook.direction))
    }

    /// Why these hooks, for whom may choose others by `--hook`.
    #[must_use]
    pub fn choice_note(&self) -> Option<&str> {
        self.choice_note.as_deref()
    }

    /// What was refused, who else is attached, what was found left behind: one sentence each.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Takes charge of the folder in which it is pinned.
    #[must_use]
    pub fn pinned_in(self, folder: PinFolder) -> Self {
        Self {
            pins: Some(folder),
            ..self
        }
    }

    /// Whether it stays when this process ends.
    #[must_use]
    pub const fn is_pinned(&self) -> bool {
        self.pins.is_some()
    }

    /// Detaches, also what is pinned.
    pub fn detach(self) -> Result<(), PinError> {
        self.pins.map_or(Ok(()), |pins| pins.remove().map(drop))
    }
}

/// Attaches the object's programs to an interface, for both directions or none.
pub fn attach(
    object: &mut WatchObject,
    link: &Link,
    choice: HookChoice,
) -> Result<Attachment, AttachError> {
    Attaching::new(object, link, false).attach(choice)
}

/// Attaches the object's programs to an interface, and pins them and the object's maps in a folder that is empty: they
/// stay when this process is gone. Returns the name that no other pinned state has as well.
pub fn attach_and_pin(
    object: &mut WatchObject,
    link: &Link,
    choice: HookChoice,
    folder: &PinFolder,
) -> Result<(Attachment, String), AttachError> {
    let pinned = pin::attach(object, link, choice, folder);
    if pinned.is_err()
        && let Err(error) = folder.clear()
    {
        tracing::warn!(%error, "cannot remove what was pinned in part");
    }
    pinned
}

/// Takes over the hooks that another natdiag has pinned.
pub fn take_over(
    link: &Link,
    choice: HookChoice,
    folder: &PinFolder,
    rungs: [Rung; 2],
) -> Result<(Attachment, Programs), PinError> {
    let [ingress, egress] = pin::hooks(link, choice, folder, rungs)?;
    let programs = pin::programs(folder, rungs)?;
    let attachment = Attachment {
        ingress,
        egress,
        _qdisc: None,
        choice_note: None,
        notes: Vec::new(),
        pins: None,
    };
    Ok((attachment, programs))
}

struct Attaching<'a> {
    object: &'a mut WatchObject,
    link: &'a Link,
    /// Whether it is to outlive this process.
    is_kept: bool,
    qdisc: Option<AddedQdisc>,
    choice_note: Option<String>,
    notes: Vec<String>,
}

impl<'a> Attaching<'a> {
    const fn new(object: &'a mut WatchObject, link: &'a Link, is_kept: bool) -> Self {
        Self {
            object,
            link,
            is_kept,
            qdisc: None,
            choice_note: None,
            notes: Vec::new(),
        }
    }

    fn attach(mut self, choice: HookChoice) -> Result<Attachment, AttachError> {
        self.notes.extend(filter::tidy_up(self.link.index));
        let ingress = self.climb(choice, Direction::Ingress)?;
        let egress = self.climb(choice, Direction::Egress)?;
        self.note_company(&ingress);
        self.note_company(&egress);
        Ok(Attachment {
            ingress,
            egress,
            _qdisc: self.qdisc,
            choice_note: self.choice_note,
            notes: self.notes,
            pins: None,
        })
    }

    /// Tries the hooks in their order.
    fn climb(&mut self, choice: HookChoice, direction: Direction) -> Result<Hook, AttachError> {
        let mut refusals = Vec::new();
        for rung in ladder(choice, direction, self.link) {
            let failure = match self.try_rung(*rung, direction) {
                Ok(guard) => {
                    self.note_choice(choice, *rung, direction, &refusals);
                    return Ok(Hook {
                        rung: *rung,
                        direction,
                        guard,
                    });
                }
                Err(failure) => failure,
            };
            refusals.push(match failure {
                Failure::Errno(errno) => Refusal::explain(*rung, errno, &self.circumstances()),
                Failure::Reason(reason) => Refusal {
                    rung: *rung,
                    reason,
                },
                Failure::Load(error) => return Err(error.into()),
            });
        }
        Err(AttachError::Refused {
            interface: self.link.name.clone(),
            direction: direction.as_str(),
            refusals,
        })
    }

    fn try_rung(&mut self, rung: Rung, direction: Direction) -> Result<Guard, Failure> {
        match rung {
            Rung::XdpNativeFrags | Rung::XdpNative => self.xdp(rung, direction, XdpMode::Driver),
            Rung::XdpGeneric => self.xdp(rung, direction, XdpMode::Skb),
            Rung::Tcx => {
                self.object.load(rung.program(direction))?;
                classifier::tcx(
                    self.object.tc(rung.program(direction))?,
                    self.link,
                    direction,
                    Place::First,
                )
            }
            Rung::Clsact => {
                if self.qdisc.is_none() {
                    self.qdisc = classifier::add_qdisc(self.link)?;
                }
                self.object.load(rung.program(direction))?;
                let tc = self.object.tc(rung.program(direction))?;
                let handle = filter::handle(self.is_kept, self.qdisc.is_some());
                classifier::clsact(tc, self.link, direction, Place::First, handle)
            }
        }
    }

    fn xdp(&mut self, rung: Rung, direction: Direction, mode: XdpMode) -> Result<Guard, Failure> {
        let program = rung.program(direction);
        match self.object.load(program) {
            // A kernel older than 5.18 does not know the flag of such programs.
            Err(LoadError::Refused { source, .. }) if rung == Rung::XdpNativeFrags => {
                return Err(Failure::Errno(source.raw_os_error().unwrap_or(0)));
            }
            loaded => loaded?,
        }
        let xdp = self.object.xdp(program)?;
        let link = xdp.attach_to_if_index(self.link.index, mode)?;
        let link = xdp.take_link(link)?;
        // Without a link of its own the program would outlive a killed natdiag.
        let link = FdLink::try_from(link)
            .map_err(|_| Failure::Reason("this kernel has no links for XDP".to_owned()))?;
        Ok(Guard::Link(link))
    }

    fn circumstances(&self) -> Circumstances {
        // They may have changed since the start: somebody else has just taken the slot.
        let link = link::by_index(self.link.index).ok().flatten();
        let link = link.as_ref().unwrap_or(self.link);
        Circumstances {
            mtu: link.mtu,
            xdp_programs: xdp_programs(link),
        }
    }

    fn note_choice(
        &mut self,
        choice: HookChoice,
        rung: Rung,
        direction: Direction,
        refusals: &[Refusal],
    ) {
        let asked_for_xdp = direction == Direction::Ingress && choice == HookChoice::Auto;
        if asked_for_xdp && rung == Rung::Tcx && ladder::xdp_costs_offloads(self.link) {
            let kind = self.link.kind.as_deref().unwrap_or("this device");
            self.choice_note = Some(format!(
                "native XDP would cost {kind} its segmentation offload; `--hook xdp` forces it"
            ));
        }
        for refusal in refusals {
            self.notes.push(format!("{refusal}; going on with {rung}"));
        }
    }

    /// Says who else sees the packets of a hook, as far as the kernel tells.
    fn note_company(&mut self, hook: &Hook) {
        if hook.rung == Rung::Tcx {
            let others = self.others_on_tcx(hook.direction);
            if !others.is_empty() {
                self.notes.push(format!(
                    "behind natdiag on tcx {}: {}",
                    hook.direction.as_str(),
                    others.join(", ")
                ));
            }
        }
        let is_behind_xdp =
            hook.direction == Direction::Ingress && matches!(hook.rung, Rung::Tcx | Rung::Clsact);
        let xdp = xdp_programs(self.link);
        if is_behind_xdp && !xdp.is_empty() {
            self.notes.push(format!(
                "XDP program {} comes before natdiag and may hide packets from it",
                xdp.join(" and ")
            ));
        }
    }

    /// The other TCX programs, where this process may ask for them: it takes `CAP_SYS_ADMIN`.
    fn others_on_tcx(&mut self, direction: Direction) -> Vec<String> {
        let ours = self
            .object
            .tc(Rung::Tcx.program(direction))
            .ok()
            .and_then(|program| program.info().ok())
            .map(|program| program.id());
        let attached = SchedClassifier::query_tcx(&self.link.name, attach_type(direction));
        attached
            .map(|(_, programs)| programs)
            .unwrap_or_default()
            .iter()
            .filter(|program| Some(program.id()) != ours)
            .map(|program| describe(program.id(), program.name()))
            .collect()
    }
}

/// The programs in the XDP slots of an interface.
fn xdp_programs(link: &Link) -> Vec<String> {
    let ids = link.xdp_program_ids.iter();
    ids.map(|id| {
        // Names take CAP_SYS_ADMIN.
        let program = loaded_programs()
            .flatten()
            .find(|program| program.id() == *id);
        program.map_or_else(|| id.to_string(), |program| describe(*id, program.name()))
    })
    .collect()
}

fn describe(id: u32, name: &[u8]) -> String {
    format!("{id} `{}`", String::from_utf8_lossy(name))
}

fn list(refusals: &[Refusal]) -> String {
    let lines: Vec<_> = refusals.iter().map(Refusal::to_string).collect();
    lines.join("; ")
}

/// What else to try where only some hooks were asked for.
fn remedy(refusals: &[Refusal]) -> &'static str {
    match refusals.last().map(|refusal| refusal.rung) {
        Some(Rung::XdpNativeFrags | Rung::XdpNative) => {
            "; retry with `--hook tcx` or `--hook xdp-generic`"
        }
        Some(Rung::Tcx) => "; retry with `--hook clsact`",
        _ => "",
    }
}
