//! Somebody outside tries the NAT's ports.

use std::{net::TcpStream, time::Duration};

use anyhow::Result;

use super::{Experience, Rhythm};
use crate::lab::network::NAT;

const PATIENCE: Duration = Duration::from_millis(500);

/// Connects to one port after the other; nobody listens.
pub(super) fn scan(mut rhythm: Rhythm) -> Result<Experience> {
    while rhythm.next()? {
        let port = rhythm.random.between(1, 60_000);
        let to = (NAT, u16::try_from(port).unwrap_or(u16::MAX)).into();
        // What becomes of it is no matter of the clients.
        let _ = TcpStream::connect_timeout(&to, PATIENCE);
    }
    Ok(Experience::default())
}
