//! TCP clients.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    ops::AddAssign,
    time::Duration,
};

use anyhow::Result;

use super::{Closer, Connections, Rhythm, Size, server::Request};
use crate::lab::parameters::Parameters;

/// Longest wait for octets of a response.
const STALL: Duration = Duration::from_millis(1500);

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
    let request = Request {
        octets: match connections.size {
            Size::Small => parameters.small_octets,
            Size::Large => parameters.large_octets,
        },
        server_closes: connections.closer == Closer::Server,
    };
    let patience = Duration::from_millis(u64::from(connections.patience_ms));
    while rhythm.next()? {
        match TcpStream::connect_timeout(&to, patience) {
            Ok(stream) => match fetch(stream, request) {
                Ok(()) => experience.complete += 1,
                Err(_) => experience.stalled += 1,
            },
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => experience.refused += 1,
            Err(_) => experience.unanswered += 1,
        }
    }
    Ok(experience)
}

/// Asks for a response, reads it, and closes first or second as agreed.
fn fetch(mut stream: TcpStream, request: Request) -> std::io::Result<()> {
    stream.set_read_timeout(Some(STALL))?;
    stream.write_all(&request.to_octets())?;
    let mut response = vec![0; request.octets as usize];
    stream.read_exact(&mut response)?;
    if request.server_closes {
        stream.read_to_end(&mut response)?;
    }
    Ok(())
}
