//! Attaches the programs to an interface, by the first hook of the ladder that works, and detaches them when dropped.
//!
//! Nobody else's program is ever replaced. XDP and TCX are links that go with the process even when it is killed;
//! clsact filters are not, see `bpf::filter`.

use std::io;

use aya::programs::{
    LinkOrder, ProgramError, SchedClassifier, TcAttachType, XdpMode,
    links::FdLink,
    loaded_programs,
    tc::{self, NlOptions, SchedClassifierLink, TcAttachOptions, TcError, TcHandle},
    xdp::XdpError,
};
use natdiag_common::Direction;
use thiserror::Error;

use super::{
    filter::{self, AddedQdisc, Owner},
    ladder::{self, Circumstances, Refusal, Rung, ladder},
    load::{LoadError, WatchObject},
};
use crate::{
    config::HookChoice,
    host::link::{self, Link},
};

/// Before filters that others have added without asking for a place of their own.
const FIRST_PRIORITY: u16 = 1;
/// Just before the first filter that is there.
const PRIORITY_OF_THE_KERNEL: u16 = 0;

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
}

/// The programs on an interface. They are detached when this is dropped.
#[derive(Debug)]
pub struct Attachment {
    // Dropped in this order: filters before their qdisc.
    ingress: Hook,
    egress: Hook,
    _qdisc: Option<AddedQdisc>,
    notes: Vec<String>,
}

/// One program on one hook.
#[derive(Debug)]
struct Hook {
    rung: Rung,
    direction: Direction,
    _guard: Guard,
}

/// What detaches a program when it is dropped.
#[derive(Debug)]
#[expect(dead_code, reason = "held for being dropped")]
enum Guard {
    Link(FdLink),
    Filter(SchedClassifierLink, Owner),
}

impl Attachment {
    /// The hooks in use, such as `tcx ingress`.
    #[must_use]
    pub fn hooks(&self) -> Vec<String> {
        [&self.ingress, &self.egress]
            .map(|hook| format!("{} {}", hook.rung.as_str(), direction_name(hook.direction)))
            .to_vec()
    }

    /// Why these hooks, what was refused, who else is attached: one sentence each.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// Attaches the object's programs to an interface, for both directions or none.
pub fn attach(
    object: &mut WatchObject,
    link: &Link,
    choice: HookChoice,
) -> Result<Attachment, AttachError> {
    let mut attaching = Attaching {
        object,
        link,
        qdisc: None,
        notes: Vec::new(),
    };
    attaching.delete_stale_filters();
    let ingress = attaching.climb(choice, Direction::Ingress)?;
    let egress = attaching.climb(choice, Direction::Egress)?;
    attaching.note_company(&ingress);
    attaching.note_company(&egress);
    Ok(Attachment {
        ingress,
        egress,
        _qdisc: attaching.qdisc,
        notes: attaching.notes,
    })
}

struct Attaching<'a> {
    object: &'a mut WatchObject,
    link: &'a Link,
    qdisc: Option<AddedQdisc>,
    notes: Vec<String>,
}

/// Why one hook does not work.
enum Failure {
    /// The kernel's answer, or 0.
    Errno(i32),
    /// In words.
    Reason(String),
    /// No other hook will work either.
    Load(LoadError),
}

impl Attaching<'_> {
    fn delete_stale_filters(&mut self) {
        match filter::delete_stale(self.link.index) {
            Ok(0) => {}
            Ok(deleted) => self.notes.push(format!(
                "removed {deleted} clsact filters that a natdiag had left behind when it was killed"
            )),
            Err(error) => tracing::warn!(%error, "cannot look for filters left behind"),
        }
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
                        _guard: guard,
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
            direction: direction_name(direction),
            refusals,
        })
    }

    fn try_rung(&mut self, rung: Rung, direction: Direction) -> Result<Guard, Failure> {
        match rung {
            Rung::XdpNativeFrags | Rung::XdpNative => self.xdp(rung, direction, XdpMode::Driver),
            Rung::XdpGeneric => self.xdp(rung, direction, XdpMode::Skb),
            Rung::Tcx => self.tcx(direction),
            Rung::Clsact => self.clsact(direction),
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

    fn tcx(&mut self, direction: Direction) -> Result<Guard, Failure> {
        let program = Rung::Tcx.program(direction);
        self.object.load(program)?;
        let tc = self.object.tc(program)?;
        // At the head: whoever comes earlier may hide packets.
        let options = TcAttachOptions::TcxOrder(LinkOrder::first());
        let link = tc.attach_with_options(&self.link.name, attach_type(direction), options)?;
        let link = tc.take_link(link)?;
        let link = FdLink::try_from(link)
            .map_err(|error| Failure::Reason(format!("the kernel gave no link: {error}")))?;
        Ok(Guard::Link(link))
    }

    fn clsact(&mut self, direction: Direction) -> Result<Guard, Failure> {
        self.add_qdisc()?;
        let program = Rung::Clsact.program(direction);
        self.object.load(program)?;
        let tc = self.object.tc(program)?;
        let owner = Owner::claim(tc.info()?.id()).map_err(|error| {
            Failure::Reason(format!("cannot mark the filter as natdiag's: {error}"))
        })?;
        let link = add_filter(tc, &self.link.name, direction, FIRST_PRIORITY).or_else(|_| {
            // Filters of another kind have that priority.
            add_filter(tc, &self.link.name, direction, PRIORITY_OF_THE_KERNEL)
        })?;
        Ok(Guard::Filter(link, owner))
    }

    /// Makes sure that there is a clsact qdisc.
    fn add_qdisc(&mut self) -> Result<(), Failure> {
        let index = self.link.index;
        match filter::qdisc_in_place(index).map_err(|error| errno(&error))? {
            Some(kind) if kind == "clsact" => Ok(()),
            // It would take egress filters too, and run them for received packets.
            Some(kind) => Err(Failure::Reason(format!(
                "the qdisc `{kind}` is in its place and stays"
            ))),
            None => match tc::qdisc_add_clsact(&self.link.name) {
                Ok(()) => {
                    self.qdisc = Some(AddedQdisc { index });
                    Ok(())
                }
                Err(TcError::AlreadyAttached) => Ok(()),
                Err(TcError::NetlinkError(error)) if error.raw_os_error() == Some(libc::EEXIST) => {
                    Ok(())
                }
                Err(error) => Err(ProgramError::from(error).into()),
            },
        }
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
            self.notes.push(format!(
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
                    direction_name(hook.direction),
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

fn add_filter(
    tc: &mut SchedClassifier,
    interface: &str,
    direction: Direction,
    priority: u16,
) -> Result<SchedClassifierLink, ProgramError> {
    let options = TcAttachOptions::Netlink(NlOptions {
        priority,
        handle: TcHandle::AUTO_ASSIGN,
        classid: None,
    });
    let link = tc.attach_with_options(interface, attach_type(direction), options)?;
    tc.take_link(link)
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

const fn attach_type(direction: Direction) -> TcAttachType {
    match direction {
        Direction::Ingress => TcAttachType::Ingress,
        Direction::Egress => TcAttachType::Egress,
    }
}

const fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}

impl From<ProgramError> for Failure {
    fn from(error: ProgramError) -> Self {
        let os_error = if let ProgramError::SyscallError(error) = &error {
            error.io_error.raw_os_error()
        } else if let ProgramError::NetlinkError(error)
        | ProgramError::XdpError(XdpError::NetlinkError(error))
        | ProgramError::TcError(TcError::NetlinkError(error)) = &error
        {
            error.raw_os_error()
        } else if let ProgramError::IOError(error)
        | ProgramError::TcError(TcError::IoError(error)) = &error
        {
            error.raw_os_error()
        } else {
            None
        };
        os_error.map_or_else(|| Self::Reason(error.to_string()), Self::Errno)
    }
}

fn errno(error: &io::Error) -> Failure {
    Failure::Errno(error.raw_os_error().unwrap_or(0))
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
