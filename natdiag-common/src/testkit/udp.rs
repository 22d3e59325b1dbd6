//! UDP datagrams.

use super::{Addresses, Payload, field::len_u16};
use crate::wire::udp::{HEADER_LEN, PROTOCOL};

/// A UDP datagram to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    source_port: u16,
    destination_port: u16,
    len: Option<u16>,
    data: Vec<u8>,
}

/// A datagram without data, from port 40000 to port 53.
#[must_use]
pub fn udp() -> Datagram {
    Datagram {
        source_port: 40000,
        destination_port: 53,
        len: None,
        data: Vec::new(),
    }
}

impl Datagram {
    /// Sets both ports.
    #[must_use]
    pub fn ports(mut self, source: u16, destination: u16) -> Self {
        self.source_port = source;
        self.destination_port = destination;
        self
    }

    /// Sets the length field to a value that need not be right.
    #[must_use]
    pub fn len_field(mut self, octets: u16) -> Self {
        self.len = Some(octets);
        self
    }

    /// Sets the data to this many octets that count upwards.
    #[must_use]
    pub fn data_len(self, octets: usize) -> Self {
        let data: Vec<u8> = (0..=u8::MAX).cycle().take(octets).collect();
        self.data(&data)
    }

    /// Sets the data.
    #[must_use]
    pub fn data(mut self, octets: &[u8]) -> Self {
        self.data = octets.to_vec();
        self
    }

    /// The datagram with this checksum.
    fn octets(&self, checksum: u16) -> Vec<u8> {
        let len = self
            .len
            .unwrap_or_else(|| len_u16(HEADER_LEN + self.data.len()));
        let mut octets = Vec::new();
        octets.extend(self.source_port.to_be_bytes());
        octets.extend(self.destination_port.to_be_bytes());
        octets.extend(len.to_be_bytes());
        octets.extend(checksum.to_be_bytes());
        octets.extend(&self.data);
        octets
    }
}

impl Payload for Datagram {
    fn encode(&self, addresses: Addresses) -> (u8, Vec<u8>) {
        // 0 stands for no checksum (RFC 768), so that a checksum of 0 is sent as all ones.
        let checksum = match addresses.checksum(PROTOCOL, &self.octets(0)) {
            0 => u16::MAX,
            checksum => checksum,
        };
        (PROTOCOL, self.octets(checksum))
    }
}
