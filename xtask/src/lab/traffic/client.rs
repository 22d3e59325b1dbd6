//! TCP clients.

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    ops::AddAssign,
    time::Duration,
};

use anyhow::Result;
use nix::sys::socket::{self, sockopt};

use super::{
    Closer, Connections, Rhythm, Size,
    server::{Request, Then},
};
use crate::lab::{interrupt, parameters::Parameters};

/// Longest wait for octets of a response: so long that segments can be sent again.
const STALL: Duration = Duration::from_secs(3);
/// Silence after which a connection is kept awake: half of the shortest limit of the lab.
const KEEP_IDLE_SECONDS: u32 = 1;

/// What clients met with.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(crate) struct Experience {
    /// Requests answered in full.
    pub(crate) complete: u64,
    /// Connections that stalled or broke before the response was complete.
    pub(crate) stalled: u64,
    /// Connects that were refused.
    pub(crate) refused: u64,
    /// Connects that nobody answered.
    pub(crate) unanswered: u64,
}

impl AddAssign for Experience {
    fn add_assign(&mut self, other: Self) {
        self.complete += other.complete;
        self.stalled += other.stalled;
        self.refused += other.refused;
        self.unanswered += other.unanswered;
    }
}

/// Connects again and again.
pub(super) fn connect_often(
    connections: Connections,
    to: SocketAddr,
    parameters: &Parameters,
    mut rhythm: Rhythm,
) -> Result<Experience> {
    let mut experience = Experience::default();
    let octets = match connections.size {
        Size::Small => parameters.small_octets,
        Size::Large => parameters.large_octets,
    };
    let request = Request {
        octets,
        uploads: connections.uploads,
        then: match connections.closer {
            Closer::Server => Then::Closes,
            Closer::ServerResets => Then::Resets,
            Closer::Client => Then::Waits,
        },
    };
    let rest = Duration::from_millis(u64::from(connections.rests_ms));
    let patience = Duration::from_millis(u64::from(connections.patience_ms));
    while rhythm.next()? {
        match TcpStream::connect_timeout(&to, patience) {
            Ok(stream) => match keep(&stream, connections.is_kept_awake)
                .and_then(|()| fetch(stream, request, rest))
            {
                Ok(()) => experience.complete += 1,
                Err(_) => experience.stalled += 1,
            },
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => experience.refused += 1,
            // A RST on the heels of the handshake.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => experience.stalled += 1,
            Err(_) => experience.unanswered += 1,
        }
        if !connections.often {
            break;
        }
    }
    Ok(experience)
}

/// Has the kernel keep the connection awake, as natdiag recommends against an idle timeout.
fn keep(stream: &TcpStream, is_awake: bool) -> io::Result<()> {
    if is_awake {
        socket::setsockopt(stream, sockopt::KeepAlive, &true)?;
        socket::setsockopt(stream, sockopt::TcpKeepIdle, &KEEP_IDLE_SECONDS)?;
        socket::setsockopt(stream, sockopt::TcpKeepInterval, &KEEP_IDLE_SECONDS)?;
    }
    Ok(())
}

/// Asks for a response, reads it, and closes first or second as agreed. One who rests asks twice.
fn fetch(mut stream: TcpStream, request: Request, rest: Duration) -> io::Result<()> {
    stream.set_read_timeout(Some(STALL))?;
    if !rest.is_zero() {
        let first = Request {
            uploads: 0,
            then: Then::Waits,
            ..request
        };
        stream.write_all(&first.to_octets())?;
        stream.read_exact(&mut vec![0; first.octets as usize])?;
        interrupt::wait(rest).map_err(io::Error::other)?;
    }
    stream.write_all(&request.to_octets())?;
    let mut response = vec![0; request.octets as usize];
    stream.read_exact(&mut response)?;
    if request.then != Then::Waits {
        stream.read_to_end(&mut response)?;
    }
    Ok(())
}
