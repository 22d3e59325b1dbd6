//! The server: sends as much as it is asked for, over TCP and UDP.

use std::{
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::{AsRawFd as _, RawFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, Result};
use nix::sys::socket;

use crate::lab::{
    network::{Network, SERVER_V6},
    parameters::Parameters,
};

/// How long a connection may be idle.
const IDLE: Duration = Duration::from_secs(5);
/// How long the UDP server may sleep after it was told to end.
const TURN: Duration = Duration::from_millis(100);
/// Most octets of a UDP datagram.
const DATAGRAM_MAX: u32 = 65_000;

/// What a client asks for: four octets and one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    /// Octets of the response.
    pub(super) octets: u32,
    /// Whether the server closes first.
    pub(super) server_closes: bool,
}

impl Request {
    pub(super) fn to_octets(self) -> [u8; 5] {
        let [a, b, c, d] = self.octets.to_be_bytes();
        [a, b, c, d, u8::from(self.server_closes)]
    }

    fn from_octets([a, b, c, d, closer]: [u8; 5]) -> Self {
        Self {
            octets: u32::from_be_bytes([a, b, c, d]),
            server_closes: closer != 0,
        }
    }
}

/// Sockets that listen; they close when this goes.
#[derive(Debug)]
pub(crate) struct Servers {
    listeners: Vec<RawFd>,
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Servers {
    /// Listens on the open and on the guarded port. `fragment` turns path MTU discovery off, so that packets are cut
    /// to what the device carries.
    pub(crate) fn start(
        network: &Network,
        parameters: &Parameters,
        fragment: bool,
    ) -> Result<Self> {
        let mut servers = Self {
            listeners: Vec::new(),
            ended: Arc::default(),
            threads: Vec::new(),
        };
        let any = IpAddr::from(Ipv4Addr::UNSPECIFIED);
        let ports = [parameters.open_port, parameters.guarded_port];
        for address in [any, SERVER_V6.into()] {
            for port in ports {
                let at = SocketAddr::from((address, port));
                let listener = network.server.enter(|| {
                    TcpListener::bind(at).with_context(|| format!("cannot listen on {at}"))
                })?;
                if fragment && at.is_ipv4() {
                    omit_path_mtu(&listener)?;
                }
                servers.listeners.push(listener.as_raw_fd());
                servers
                    .threads
                    .push(thread::spawn(move || accept(&listener)));
            }
            let at = SocketAddr::from((address, parameters.open_port));
            let socket = network
                .server
                .enter(|| UdpSocket::bind(at).with_context(|| format!("cannot bind to {at}")))?;
            socket.set_read_timeout(Some(TURN))?;
            let ended = Arc::clone(&servers.ended);
            servers
                .threads
                .push(thread::spawn(move || answer(&socket, &ended)));
        }
        Ok(servers)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        for listener in &self.listeners {
            // The threads below own the descriptors and have not ended. This wakes them.
            let _ = socket::shutdown(*listener, socket::Shutdown::Both);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener) {
    while let Ok((stream, _)) = listener.accept() {
        // A client that breaks off is no matter of the server.
        thread::spawn(move || serve(stream).ok());
    }
}

/// Answers one request.
fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_write_timeout(Some(IDLE))?;
    let mut request = [0; 5];
    stream.read_exact(&mut request)?;
    let request = Request::from_octets(request);
    stream.write_all(&vec![b'n'; request.octets as usize])?;
    if request.server_closes {
        stream.shutdown(Shutdown::Write)?;
    }
    let mut rest = [0; 16];
    while stream.read(&mut rest)? != 0 {}
    Ok(())
}

/// Answers datagrams: each asks for so many octets, or for nothing.
fn answer(socket: &UdpSocket, ended: &AtomicBool) {
    let mut request = [0; 4];
    while !ended.load(Ordering::Relaxed) {
        let Ok((_, from)) = socket.recv_from(&mut request) else {
            continue;
        };
        let octets = u32::from_be_bytes(request).min(DATAGRAM_MAX);
        if octets > 0 {
            // A client that has gone is no matter of the server.
            let _ = socket.send_to(&vec![b'n'; octets as usize], from);
        }
    }
}

/// Lets the kernel fragment what does not fit the device (`IP_PMTUDISC_OMIT`).
fn omit_path_mtu(listener: &TcpListener) -> Result<()> {
    let value: libc::c_int = libc::IP_PMTUDISC_OMIT;
    let len = libc::socklen_t::try_from(size_of_val(&value))?;
    // SAFETY: the descriptor is open, and the value is as long as is said.
    let result = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            (&raw const value).cast(),
            len,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error()).context("cannot turn path MTU discovery off");
    }
    Ok(())
}
