//! What makes the connections of a test: sockets, or a simulated server in tests.

use thiserror::Error;

use super::connection::{Attempt, Connection};
use crate::bpf::map::MapsError;

/// Why a test cannot go on.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The user or the system asked for the end.
    #[error("interrupted")]
    Interrupted,
    /// This connection could not be tried, such as for want of its port. The test goes on.
    #[error("cannot make a connection")]
    Skipped(#[source] std::io::Error),
    /// A socket cannot be used.
    #[error("cannot use a socket")]
    Socket(#[source] std::io::Error),
    /// The BPF programs cannot be told about a connection, or asked.
    #[error(transparent)]
    Maps(#[from] MapsError),
    /// Packets of the test pass the programs by.
    #[error(
        "the server answers, but the BPF programs of the test on `{interface}` do not see it: another program or another \
         route hides the packets"
    )]
    Hidden {
        /// Where they are attached.
        interface: String,
    },
}

/// Makes connections.
pub trait Connector {
    /// The monotonic time.
    fn now_ns(&self) -> u64;

    /// Waits until a time.
    ///
    /// # Errors
    /// The end was asked for.
    fn wait_until(&mut self, time_ns: u64) -> Result<(), ConnectError>;

    /// Makes a connection and says what became of it.
    ///
    /// # Errors
    /// It cannot, or the end was asked for.
    fn attempt(&mut self, attempt: &Attempt) -> Result<Connection, ConnectError>;
}
