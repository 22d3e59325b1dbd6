//! What is said on one connection of a test, in plain text or in TLS, over a socket that does not block.

use std::io::{self, Read as _, Write as _};

use nix::poll::PollFlags;
use rustls::{ClientConnection, Error};
use socket2::Socket;

use super::tls::Tls;

/// Octets read at once.
const READ_OCTETS: usize = 1 << 14;

/// A conversation.
pub(super) struct Conversation<'a> {
    socket: &'a Socket,
    session: Option<Session<'a>>,
    octets: u64,
}

struct Session<'a> {
    connection: ClientConnection,
    tls: &'a Tls,
}

impl<'a> Conversation<'a> {
    /// Begins one on a connection, and asks for something.
    ///
    /// # Errors
    /// The socket's, or TLS cannot be set up.
    pub(super) fn ask(
        socket: &'a Socket,
        tls: Option<&'a Tls>,
        request: &[u8],
    ) -> io::Result<Self> {
        let session = tls
            .map(|tls| {
                let mut connection = tls.session().map_err(io::Error::other)?;
                connection.writer().write_all(request)?;
                Ok::<_, io::Error>(Session { connection, tls })
            })
            .transpose()?;
        let mut conversation = Self {
            socket,
            session,
            octets: 0,
        };
        if conversation.session.is_some() {
            conversation.send()?;
        } else {
            // A request of some octets fits any send buffer.
            conversation.socket.write_all(request)?;
        }
        Ok(conversation)
    }

    /// Octets received, as TCP counts them.
    pub(super) const fn octets(&self) -> u64 {
        self.octets
    }

    /// What to wait for.
    pub(super) fn interest(&self) -> PollFlags {
        match &self.session {
            Some(session) if session.connection.wants_write() => {
                PollFlags::POLLIN | PollFlags::POLLOUT
            }
            _ => PollFlags::POLLIN,
        }
    }

    /// Takes what has come and sends what is due. Returns whether the server has closed.
    ///
    /// # Errors
    /// The connection was reset.
    pub(super) fn advance(&mut self) -> io::Result<bool> {
        let mut buffer = [0; READ_OCTETS];
        let len = match self.socket.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        self.octets += len as u64;
        if let Some(session) = &mut self.session
            && let Err(error) = session.take(buffer.get(..len).unwrap_or_default())
        {
            session.tls.note_failure(&error);
            // The server hears of it, and from here on is only waited for.
            let _ = self.send();
            self.session = None;
        }
        self.send()?;
        Ok(false)
    }

    fn send(&mut self) -> io::Result<()> {
        let Some(session) = &mut self.session else {
            return Ok(());
        };
        while session.connection.wants_write() {
            match session.connection.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Session<'_> {
    /// Takes octets of the wire. What they say is of no interest.
    fn take(&mut self, mut octets: &[u8]) -> Result<(), Error> {
        while !octets.is_empty() {
            // Behind the server's last word, nothing is read.
            if matches!(self.connection.read_tls(&mut octets), Ok(0) | Err(_)) {
                break;
            }
            let said = self
                .connection
                .process_new_packets()?
                .plaintext_bytes_to_read();
            let mut said = self.connection.reader().take(said as u64);
            let _ = io::copy(&mut said, &mut io::sink());
        }
        Ok(())
    }
}
