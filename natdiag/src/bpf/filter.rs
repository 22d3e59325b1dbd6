//! Filters of the clsact qdisc (tc-bpf(8)). They do not go with their process: natdiag finds those that a killed
//! natdiag has left behind.
//!
//! The owner of a filter holds a socket whose abstract name (unix(7)) bears the number of the filter's program. Such
//! names belong to a network namespace, as filters do, and go with the process.

use std::{
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
};

use bytes::Buf;
use natdiag_common::{Direction, names};

use crate::host::netlink::{self, Request, attribute, number, text};

/// `struct tcmsg`: family, padding, interface, handle, parent, info.
const TC_MESSAGE_LEN: usize = 20;
/// Parent of both, and handle, of the clsact qdisc; its two chains (`include/uapi/linux/pkt_sched.h`).
const TC_H_CLSACT: u32 = 0xffff_fff1;
const CLSACT_HANDLE: u32 = 0xffff_0000;
const CLSACT_INGRESS: u32 = 0xffff_fff2;
const CLSACT_EGRESS: u32 = 0xffff_fff3;
/// Attributes (`include/uapi/linux/rtnetlink.h`, `pkt_cls.h`).
const TCA_KIND: u16 = 1;
const TCA_OPTIONS: u16 = 2;
const TCA_BPF_NAME: u16 = 7;
const TCA_BPF_ID: u16 = 11;

/// Handle of a filter whose qdisc natdiag has added as well: "natd". The kernel gives low numbers.
const HANDLE_WITH_QDISC: u32 = 0x6e61_7464;
/// Handles of filters that are to outlive their process: "natk" without such a qdisc, "natp" with one.
const HANDLE_KEPT: u32 = 0x6e61_746b;
const HANDLE_KEPT_WITH_QDISC: u32 = 0x6e61_7470;

/// The handle by which whoever finds a filter learns what else belongs to it; `None` leaves the choice to the kernel.
pub(super) const fn handle(is_kept: bool, with_qdisc: bool) -> Option<u32> {
    match (is_kept, with_qdisc) {
        (false, false) => None,
        (false, true) => Some(HANDLE_WITH_QDISC),
        (true, false) => Some(HANDLE_KEPT),
        (true, true) => Some(HANDLE_KEPT_WITH_QDISC),
    }
}

/// A BPF filter of the clsact qdisc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    index: u32,
    handle: u32,
    parent: u32,
    /// Priority and protocol.
    order: u32,
    /// What its maker called it.
    pub(super) name: String,
    /// Its program.
    pub(super) program_id: u32,
}

impl Filter {
    fn parse(message: &[u8]) -> Option<Self> {
        let (mut header, attributes) = message.split_at_checked(TC_MESSAGE_LEN)?;
        header.advance(4);
        let options = attribute(attributes, TCA_OPTIONS)?;
        Some(Self {
            index: header.get_u32_ne(),
            handle: header.get_u32_ne(),
            parent: header.get_u32_ne(),
            order: header.get_u32_ne(),
            name: text(options, TCA_BPF_NAME)?,
            program_id: number(options, TCA_BPF_ID)?,
        })
    }

    /// Whether natdiag made it.
    fn is_ours(&self) -> bool {
        [
            names::PROGRAM_TC_INGRESS,
            names::PROGRAM_TC_EGRESS,
            names::PROGRAM_FOLLOW_INGRESS,
            names::PROGRAM_FOLLOW_EGRESS,
            names::PROGRAM_PROBE_INGRESS,
            names::PROGRAM_PROBE_EGRESS,
        ]
        .contains(&self.name.as_str())
    }

    /// Whether it is to outlive its process.
    const fn is_kept(&self) -> bool {
        matches!(self.handle, HANDLE_KEPT | HANDLE_KEPT_WITH_QDISC)
    }

    /// Whether natdiag has added its qdisc as well.
    const fn has_qdisc(&self) -> bool {
        matches!(self.handle, HANDLE_WITH_QDISC | HANDLE_KEPT_WITH_QDISC)
    }

    fn delete(&self) -> io::Result<()> {
        let message = tc_message(self.index, self.handle, self.parent, self.order);
        netlink::request(&Request::one(libc::RTM_DELTFILTER).octets(&message))?;
        Ok(())
    }
}

/// The BPF filters of one chain of an interface.
pub(super) fn all(index: u32, direction: Direction) -> io::Result<Vec<Filter>> {
    let replies = of_any_kind(index, direction)?;
    Ok(replies
        .iter()
        .filter_map(|reply| Filter::parse(reply))
        .collect())
}

fn of_any_kind(index: u32, direction: Direction) -> io::Result<Vec<Vec<u8>>> {
    let message = tc_message(index, 0, chain(direction), 0);
    netlink::request(&Request::dump(libc::RTM_GETTFILTER).octets(&message))
}

/// Deletes what killed natdiags have left on an interface. Says so where there was anything.
pub(super) fn tidy_up(index: u32) -> Option<String> {
    match delete_stale(index) {
        Ok(0) => None,
        Ok(deleted) => Some(format!(
            "removed {deleted} clsact filters that a natdiag had left behind when it was killed"
        )),
        Err(error) => {
            tracing::warn!(%error, "cannot look for filters left behind");
            None
        }
    }
}

/// Deletes the filters of natdiags that are no more, and a qdisc that one of them had added, if nobody else has come to
/// use it. Returns how many filters there were.
fn delete_stale(index: u32) -> io::Result<usize> {
    delete(index, &[Direction::Ingress, Direction::Egress], |filter| {
        // Whoever gets the name is the only one who has it.
        filter.is_ours() && !filter.is_kept() && Owner::claim(filter.program_id).is_ok()
    })
}

/// Deletes the filters that no natdiag holds, also those that were to outlive theirs, and the qdisc as [`delete_stale`]
/// does. Returns how many filters there were.
pub(super) fn delete_all_left(index: u32) -> io::Result<usize> {
    delete(index, &[Direction::Ingress, Direction::Egress], |filter| {
        filter.is_ours() && Owner::claim(filter.program_id).is_ok()
    })
}

/// Deletes the filter of one program, and the qdisc as [`delete_stale`] does. Returns how many filters there were.
pub(super) fn delete_of(index: u32, direction: Direction, program_id: u32) -> io::Result<usize> {
    delete(index, &[direction], |filter| {
        filter.program_id == program_id
    })
}

fn delete(
    index: u32,
    directions: &[Direction],
    is_meant: impl Fn(&Filter) -> bool,
) -> io::Result<usize> {
    let mut deleted = 0;
    let mut qdisc = None;
    for direction in directions {
        for filter in all(index, *direction)? {
            if is_meant(&filter) {
                filter.delete()?;
                deleted += 1;
                if filter.has_qdisc() {
                    qdisc = Some(AddedQdisc { index });
                }
            }
        }
    }
    drop(qdisc);
    Ok(deleted)
}

/// The claim to the filters of one program.
#[derive(Debug)]
pub(super) struct Owner {
    _socket: UnixDatagram,
}

impl Owner {
    /// Claims the filters. `AddrInUse` means that somebody has.
    pub(super) fn claim(program_id: u32) -> io::Result<Self> {
        let name = format!("natdiag/program/{program_id}");
        let address = SocketAddr::from_abstract_name(name)?;
        let socket = UnixDatagram::bind_addr(&address)?;
        Ok(Self { _socket: socket })
    }
}

/// The qdisc that an interface has in the place of clsact: `clsact`, `ingress`, or none.
pub(super) fn qdisc_in_place(index: u32) -> io::Result<Option<String>> {
    let message = tc_message(index, 0, 0, 0);
    let replies = netlink::request(&Request::dump(libc::RTM_GETQDISC).octets(&message))?;
    Ok(replies.iter().find_map(|reply| {
        let (mut header, attributes) = reply.split_at_checked(TC_MESSAGE_LEN)?;
        header.advance(4);
        let found = (header.get_u32_ne(), header.get_u32_ne());
        (found == (index, CLSACT_HANDLE)).then(|| text(attributes, TCA_KIND))?
    }))
}

/// A clsact qdisc that this process has added. It goes when nobody else has come to use it.
#[derive(Debug)]
pub(super) struct AddedQdisc {
    pub(super) index: u32,
}

impl Drop for AddedQdisc {
    fn drop(&mut self) {
        let is_empty =
            |direction| of_any_kind(self.index, direction).is_ok_and(|filters| filters.is_empty());
        if is_empty(Direction::Ingress) && is_empty(Direction::Egress) {
            let message = tc_message(self.index, CLSACT_HANDLE, TC_H_CLSACT, 0);
            if let Err(error) = netlink::request(&Request::one(libc::RTM_DELQDISC).octets(&message))
            {
                tracing::debug!(%error, "the clsact qdisc stays");
            }
        }
    }
}

const fn chain(direction: Direction) -> u32 {
    match direction {
        Direction::Ingress => CLSACT_INGRESS,
        Direction::Egress => CLSACT_EGRESS,
    }
}

fn tc_message(index: u32, handle: u32, parent: u32, info: u32) -> Vec<u8> {
    [0, index, handle, parent, info]
        .iter()
        .flat_map(|field| field.to_ne_bytes())
        .collect()
}
