//! Whole packets of a few hosts, by a packet socket (packet(7)) with a filter in the kernel: what is not of these hosts
//! costs its way through the filter, and is not copied. Opening needs `CAP_NET_RAW`; afterwards no privilege does,
//! whatever interface appears.

mod filter;

use std::{
    io::{self, IoSliceMut},
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    cmsg_space,
    errno::Errno,
    sys::{
        socket::{
            AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol,
            SockType, recvmsg, setsockopt, socket, sockopt,
        },
        time::TimeSpec,
    },
};
use socket2::SockRef;

use crate::{event::Timestamp, value::network::Network};

/// Largest packet; one that is longer is cut off.
const MAX_PACKET: usize = 1 << 16;
/// Room for packets between two readings: 2 MiB, or some 1,400 full packets; what finds none is counted by the kernel.
const BUFFER_OCTETS: usize = 2 << 20;
/// Type of a packet that this host sent (`include/uapi/linux/if_packet.h`).
const PACKET_OUTGOING: u8 = 4;

/// A packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tapped {
    /// Index of its interface.
    pub interface: u32,
    /// Whether this host sent it.
    pub is_sent: bool,
    /// When it passed.
    pub time: Timestamp,
    /// It, from its IP header.
    pub octets: Vec<u8>,
}

/// A socket that gets the packets of a few hosts on all interfaces.
#[derive(Debug)]
pub struct Tap {
    socket: OwnedFd,
    /// Where the kernel puts a packet, which is copied out at its own length.
    room: Box<[u8]>,
}

impl Tap {
    /// Opens the socket.
    ///
    /// # Errors
    /// This process may not, or the kernel takes no such filter.
    pub fn open(hosts: &[Network]) -> io::Result<Self> {
        let socket = socket(
            AddressFamily::Packet,
            SockType::Datagram,
            SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC,
            SockProtocol::EthAll,
        )?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        setsockopt(&socket, sockopt::RcvBuf, &BUFFER_OCTETS)?;
        let mut tap = Self {
            socket,
            room: vec![0; MAX_PACKET].into(),
        };
        tap.set(hosts)?;
        // What came before there was a filter.
        while tap.read()?.is_some() {}
        Ok(tap)
    }

    /// Gets the packets of these hosts from here on.
    ///
    /// # Errors
    /// They are too many.
    pub fn set(&self, hosts: &[Network]) -> io::Result<()> {
        SockRef::from(&self.socket).attach_filter(&filter::of(hosts))
    }

    /// Takes the next packet. `None` if there is none yet.
    ///
    /// # Errors
    /// The socket is of no use any more.
    pub fn read(&mut self) -> io::Result<Option<Tapped>> {
        let mut control = cmsg_space!(TimeSpec);
        let mut room = [IoSliceMut::new(&mut self.room)];
        let received = recvmsg::<LinkAddr>(
            self.socket.as_raw_fd(),
            &mut room,
            Some(&mut control),
            MsgFlags::empty(),
        );
        let received = match received {
            Ok(received) => received,
            // An interface that went away says so here.
            Err(Errno::EAGAIN | Errno::ENETDOWN) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let len = received.bytes;
        let time = received.cmsgs()?.find_map(|message| {
            if let ControlMessageOwned::ScmTimestampns(time) = message {
                Some(timestamp(time))
            } else {
                None
            }
        });
        let Some(from) = received.address else {
            return Ok(None);
        };
        Ok(Some(Tapped {
            interface: u32::try_from(from.ifindex()).unwrap_or_default(),
            is_sent: from.pkttype() == PACKET_OUTGOING,
            time: time.unwrap_or_default(),
            octets: self.room.get(..len).unwrap_or_default().to_vec(),
        }))
    }

    /// Packets that found no room since the last call.
    ///
    /// # Errors
    /// The kernel does not tell.
    pub fn lost(&self) -> io::Result<u32> {
        let mut statistics = libc::tpacket_stats {
            tp_packets: 0,
            tp_drops: 0,
        };
        let mut len = libc::socklen_t::try_from(size_of_val(&statistics)).unwrap_or_default();
        // SAFETY: the option fills a `tpacket_stats`, which lives during the call, and the length is that of it.
        let answer = unsafe {
            libc::getsockopt(
                self.socket.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut statistics).cast(),
                &raw mut len,
            )
        };
        Errno::result(answer)?;
        Ok(statistics.tp_drops)
    }
}

fn timestamp(time: TimeSpec) -> Timestamp {
    let seconds = u64::try_from(time.tv_sec()).unwrap_or_default();
    let rest = u64::try_from(time.tv_nsec()).unwrap_or_default();
    Timestamp(seconds.saturating_mul(1_000_000_000).saturating_add(rest))
}

#[cfg(test)]
mod tests;
