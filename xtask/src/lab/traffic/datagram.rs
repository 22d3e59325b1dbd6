//! UDP clients.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use anyhow::Result;

use super::{Experience, Rhythm};

const PATIENCE: Duration = Duration::from_millis(500);

/// Asks for datagrams of so many octets again and again.
pub(super) fn request_often(
    server: SocketAddr,
    octets: u32,
    mut rhythm: Rhythm,
) -> Result<Experience> {
    let socket = socket_towards(server)?;
    let mut experience = Experience::default();
    let mut response = vec![0; octets as usize];
    while rhythm.next()? {
        socket.send(&octets.to_be_bytes())?;
        match socket.recv(&mut response) {
            Ok(_) => experience.complete += 1,
            Err(_) => experience.unanswered += 1,
        }
    }
    Ok(experience)
}

/// Sends one datagram that asks for nothing: it gives a capture a last packet.
pub(super) fn tick(server: SocketAddr) -> Result<()> {
    socket_towards(server)?.send(&[0; 4])?;
    Ok(())
}

fn socket_towards(server: SocketAddr) -> Result<UdpSocket> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(server)?;
    Ok(socket)
}
