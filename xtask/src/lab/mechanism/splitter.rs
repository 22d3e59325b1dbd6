//! A server that turns its IPv6 TCP packets into fragments. Linux's own TCP never does: its packets go through a TUN
//! device to this program, which cuts them (RFC 8200, section 4.5) and sends the fragments on.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Write as _},
    os::fd::AsRawFd as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use anyhow::{Context as _, Result, bail};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

use crate::lab::namespace::Namespace;

const DEVICE: &str = "tun0";
/// `IFF_TUN | IFF_NO_PI`: packets begin with their IP header (`include/uapi/linux/if_tun.h`).
const DEVICE_FLAGS: i16 = 0x0001 | 0x1000;
const HEADER_LEN: usize = 40;
const FRAGMENT_HEADER_LEN: usize = 8;
const NEXT_HEADER_OFFSET: usize = 6;
/// Protocol number of the Fragment header (RFC 8200, section 4.5).
const FRAGMENT: u8 = 44;
/// How long the thread may sleep after it was told to end, in milliseconds.
const TURN_MS: u8 = 50;

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Fragments that a link of this MTU carries.
    Fragments {
        /// MTU in octets.
        mtu: u16,
    },
    /// Fragments that a link of this MTU carries, the last one first.
    Reversed {
        /// MTU in octets.
        mtu: u16,
    },
    /// One fragment that is the whole (RFC 6946).
    Atomic,
}

/// MTU of the links.
const LINK_MTU: u16 = 1500;

/// The program that cuts packets; it ends when this goes.
#[derive(Debug)]
pub(crate) struct Splitter {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Leads the server's packets to the NAT through the program.
pub(super) fn start(server: &Namespace, cut: Cut) -> Result<Splitter> {
    let device = server.enter(open)?;
    server.sysctl(&[("ipv6/conf/all/forwarding", "1")])?;
    server.ip(&[format!("link set {DEVICE} mtu 1500 up")])?;
    server.ip_v6(&[
        format!(
            "route add 2001:db8:0:1::/64 dev {DEVICE} src 2001:db8:80::80 mtu {} advmss {}",
            cut.whole_mtu(),
            cut.announced_mss()
        ),
        format!("rule add iif {DEVICE} lookup 100"),
        "route add default via 2001:db8:80::1 dev eth0 table 100".to_owned(),
    ])?;
    let ended = Arc::new(AtomicBool::new(false));
    let thread = thread::spawn({
        let ended = Arc::clone(&ended);
        move || forward(device, cut, &ended)
    });
    Ok(Splitter {
        ended,
        thread: Some(thread),
    })
}

impl Drop for Splitter {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Makes the TUN device in the namespace of the caller.
fn open() -> Result<File> {
    let device = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun")
        .context("cannot open /dev/net/tun")?;
    // SAFETY: the type is made of integers and arrays of them, for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, octet) in request.ifr_name.iter_mut().zip(DEVICE.bytes()) {
        *place = octet.cast_signed();
    }
    request.ifr_ifru.ifru_flags = DEVICE_FLAGS;
    // SAFETY: the descriptor is open and the request lives until the call returns.
    if unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF, &raw mut request) } != 0 {
        bail!("cannot make a TUN device: {}", Errno::last());
    }
    fcntl(&device, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(device)
}

/// Reads packets and writes them back, in pieces where they are too long.
fn forward(mut device: File, cut: Cut, ended: &AtomicBool) {
    let mut buffer = [0; 2048];
    let mut identification = 1;
    while !ended.load(Ordering::Relaxed) {
        let mut waiting = [PollFd::new(
            std::os::fd::AsFd::as_fd(&device),
            PollFlags::POLLIN,
        )];
        if poll(&mut waiting, PollTimeout::from(TURN_MS)).is_err() {
            continue;
        }
        while let Ok(len) = device.read(&mut buffer) {
            let Some(packet) = buffer.get(..len) else {
                continue;
            };
            for piece in cut.apply(packet, identification) {
                // A full queue loses the piece, as a link would.
                let _ = device.write_all(&piece);
            }
            identification += 1;
        }
    }
}

impl Cut {
    /// What TCP believes that the link carries. An atomic fragment must fit it with its Fragment header.
    const fn whole_mtu(self) -> u16 {
        match self {
            Self::Fragments { .. } | Self::Reversed { .. } => LINK_MTU,
            Self::Atomic => LINK_MTU - 8,
        }
    }

    const fn announced_mss(self) -> u16 {
        match self {
            Self::Fragments { mtu } | Self::Reversed { mtu } => mtu - 60,
            Self::Atomic => self.whole_mtu() - 60,
        }
    }

    /// What is sent in place of a packet.
    fn apply(self, packet: &[u8], identification: u32) -> Vec<Vec<u8>> {
        match self {
            Self::Fragments { mtu } | Self::Reversed { mtu }
                if packet.len() <= usize::from(mtu) =>
            {
                vec![packet.to_vec()]
            }
            Self::Fragments { mtu } => split(packet, usize::from(mtu), identification),
            Self::Reversed { mtu } => {
                let mut fragments = split(packet, usize::from(mtu), identification);
                fragments.reverse();
                fragments
            }
            Self::Atomic => split(packet, usize::from(LINK_MTU), identification),
        }
    }
}

/// The fragments of an IPv6 packet: one where it fits.
fn split(packet: &[u8], mtu: usize, identification: u32) -> Vec<Vec<u8>> {
    let Some((header, payload)) = packet.split_at_checked(HEADER_LEN) else {
        return Vec::new();
    };
    let room = mtu - HEADER_LEN - FRAGMENT_HEADER_LEN;
    let room = if payload.len() > room {
        room & !7
    } else {
        room
    };
    let next_header = header.get(NEXT_HEADER_OFFSET).copied().unwrap_or_default();
    let pieces = payload.chunks(room).enumerate();
    pieces
        .map(|(place, piece)| {
            let offset = place * room;
            let more = offset + piece.len() < payload.len();
            let field = u16::try_from(offset).unwrap_or_default() | u16::from(more);
            let len = u16::try_from(FRAGMENT_HEADER_LEN + piece.len()).unwrap_or_default();
            let mut fragment = header.to_vec();
            fragment.splice(4..6, len.to_be_bytes());
            fragment.splice(NEXT_HEADER_OFFSET..=NEXT_HEADER_OFFSET, [FRAGMENT]);
            fragment.extend([next_header, 0]);
            fragment.extend(field.to_be_bytes());
            fragment.extend(identification.to_be_bytes());
            fragment.extend(piece);
            fragment
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_that_fits_stays_whole() {
        let packet = vec![0x60; 1400];
        let cut = Cut::Fragments { mtu: 1400 };
        assert_eq!(cut.apply(&packet, 1), [packet]);
    }

    #[test]
    fn atomic_fragment_is_the_whole_packet() {
        let packet = vec![0x60; 1400];
        let [fragment] = Cut::Atomic.apply(&packet, 7).try_into().unwrap();
        assert_eq!(fragment[HEADER_LEN..][2..4], [0, 0]);
        assert_eq!(
            fragment[HEADER_LEN + FRAGMENT_HEADER_LEN..],
            packet[HEADER_LEN..]
        );
    }

    #[test]
    fn fragments_carry_every_octet_once() {
        let mut packet = vec![0; HEADER_LEN];
        packet.extend((0..1460_u32).map(|place| place.to_le_bytes()[0]));
        let pieces = split(&packet, 1400, 7);
        assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [1400, 156]);
        let carried: Vec<u8> = pieces
            .iter()
            .flat_map(|piece| piece[HEADER_LEN + FRAGMENT_HEADER_LEN..].to_vec())
            .collect();
        assert_eq!(carried, packet[HEADER_LEN..]);
    }
}
