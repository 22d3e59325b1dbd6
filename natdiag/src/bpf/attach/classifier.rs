//! Puts a classifier on TCX or clsact, and keeps what takes it off again.

use std::{fmt, io};

use aya::programs::{
    LinkOrder, ProgramError, SchedClassifier, TcAttachType,
    links::{FdLink, PinnedLink},
    tc::{self, NlOptions, SchedClassifierLink, TcAttachOptions, TcError, TcHandle},
    xdp::XdpError,
};
use natdiag_common::Direction;

use crate::{
    bpf::{
        filter::{self, AddedQdisc, Owner},
        load::LoadError,
    },
    host::link::Link,
};

/// Before filters that others have added without asking for a place of their own.
const FIRST_PRIORITY: u16 = 1;
/// Behind filters that others have added.
const LAST_PRIORITY: u16 = 0xfffe;
/// Just before the first filter that is there.
const PRIORITY_OF_THE_KERNEL: u16 = 0;

/// Where a program stands among those of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bpf) enum Place {
    /// Before all of them: whoever comes earlier may hide packets.
    First,
    /// Next to the host, so that all of them see the packet as it is on the wire.
    NearestHost,
}

impl Place {
    fn is_last(self, direction: Direction) -> bool {
        (self, direction) == (Self::NearestHost, Direction::Ingress)
    }
}

/// What detaches a program when it is dropped.
#[derive(Debug)]
#[expect(dead_code, reason = "held for being dropped")]
pub(in crate::bpf) enum Guard {
    Link(FdLink),
    Filter(SchedClassifierLink, Owner),
    /// A link that stays, as it is pinned.
    PinnedLink(PinnedLink),
    /// A filter that stays, as filters do.
    KeptFilter(Owner),
}

/// Why one hook does not work.
pub(in crate::bpf) enum Failure {
    /// The kernel's answer, or 0.
    Errno(i32),
    /// In words.
    Reason(String),
    /// No other hook will work either.
    Load(LoadError),
}

/// Puts a program on TCX.
pub(in crate::bpf) fn tcx(
    tc: &mut SchedClassifier,
    link: &Link,
    direction: Direction,
    place: Place,
) -> Result<Guard, Failure> {
    let order = if place.is_last(direction) {
        LinkOrder::last()
    } else {
        LinkOrder::first()
    };
    let options = TcAttachOptions::TcxOrder(order);
    let link = tc.attach_with_options(&link.name, attach_type(direction), options)?;
    let link = tc.take_link(link)?;
    let link = FdLink::try_from(link)
        .map_err(|error| Failure::Reason(format!("the kernel gave no link: {error}")))?;
    Ok(Guard::Link(link))
}

/// Puts a program on the clsact qdisc, which is there.
pub(in crate::bpf) fn clsact(
    tc: &mut SchedClassifier,
    link: &Link,
    direction: Direction,
    place: Place,
    handle: Option<u32>,
) -> Result<Guard, Failure> {
    let owner = Owner::claim(tc.info()?.id()).map_err(|error| {
        Failure::Reason(format!("cannot mark the filter as natdiag's: {error}"))
    })?;
    let mut add = |priority| add_filter(tc, &link.name, direction, priority, handle);
    let link = if place.is_last(direction) {
        add(LAST_PRIORITY)
    } else {
        // Filters of another kind may have the first priority.
        add(FIRST_PRIORITY).or_else(|_| add(PRIORITY_OF_THE_KERNEL))
    }?;
    Ok(Guard::Filter(link, owner))
}

/// Makes sure that there is a clsact qdisc. Returns it if it was not there before.
pub(in crate::bpf) fn add_qdisc(link: &Link) -> Result<Option<AddedQdisc>, Failure> {
    match filter::qdisc_in_place(link.index).map_err(|error| errno(&error))? {
        Some(kind) if kind == "clsact" => Ok(None),
        // It would take egress filters too, and run them for received packets.
        Some(kind) => Err(Failure::Reason(format!(
            "the qdisc `{kind}` is in its place and stays"
        ))),
        None => match tc::qdisc_add_clsact(&link.name) {
            Ok(()) => Ok(Some(AddedQdisc { index: link.index })),
            Err(TcError::AlreadyAttached) => Ok(None),
            Err(TcError::NetlinkError(error)) if error.raw_os_error() == Some(libc::EEXIST) => {
                Ok(None)
            }
            Err(error) => Err(ProgramError::from(error).into()),
        },
    }
}

fn add_filter(
    tc: &mut SchedClassifier,
    interface: &str,
    direction: Direction,
    priority: u16,
    handle: Option<u32>,
) -> Result<SchedClassifierLink, ProgramError> {
    let handle = handle.map_or(TcHandle::AUTO_ASSIGN, TcHandle::from);
    let options = TcAttachOptions::Netlink(NlOptions {
        priority,
        handle,
        classid: None,
    });
    let link = tc.attach_with_options(interface, attach_type(direction), options)?;
    tc.take_link(link)
}

pub(in crate::bpf) const fn attach_type(direction: Direction) -> TcAttachType {
    match direction {
        Direction::Ingress => TcAttachType::Ingress,
        Direction::Egress => TcAttachType::Egress,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errno(errno) => io::Error::from_raw_os_error(*errno).fmt(f),
            Self::Reason(reason) => f.write_str(reason),
            Self::Load(error) => error.fmt(f),
        }
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
