//! An IP packet of either family, alone or in an Ethernet frame.

use crate::wire::ethernet::{TYPE_SERVICE_VLAN, TYPE_VLAN};

/// The header of one family.
pub(super) trait IpHeader: Clone {
    /// What Ethernet announces it as.
    const ETHER_TYPE: u16;

    /// Makes the packet the fragment at `offset_octets`.
    fn set_fragment(&mut self, offset_octets: u16, more: bool);

    /// Octets of all headers of a fragment.
    fn fragment_header_len(&self) -> usize;

    /// The whole packet.
    fn encode(&self, protocol: u8, payload: &[u8]) -> Vec<u8>;
}

/// An IP packet to build, with the VLAN tags of its frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet<H> {
    pub(super) ip: H,
    protocol: u8,
    payload: Vec<u8>,
    tags: Vec<[u16; 2]>,
}

impl<H> Packet<H> {
    pub(super) fn new(ip: H, protocol: u8, payload: Vec<u8>) -> Self {
        Self {
            ip,
            protocol,
            payload,
            tags: Vec::new(),
        }
    }

    /// Adds an 802.1Q tag, inside those that are there.
    #[must_use]
    pub fn vlan(mut self, id: u16) -> Self {
        self.tags.push([TYPE_VLAN, id]);
        self
    }

    /// Adds an 802.1ad service tag, inside those that are there.
    #[must_use]
    pub fn service_vlan(mut self, id: u16) -> Self {
        self.tags.push([TYPE_SERVICE_VLAN, id]);
        self
    }

    /// Announces another protocol than that of the payload.
    #[must_use]
    pub fn protocol(mut self, protocol: u8) -> Self {
        self.protocol = protocol;
        self
    }

    /// Keeps only the first octets of the payload: a fragment, or an `ICMP` error's quotation.
    #[must_use]
    pub fn payload_cut_to(mut self, octets: usize) -> Self {
        self.payload.truncate(octets);
        self
    }

    fn payload_part(&self, skip: usize, octets: usize) -> Vec<u8> {
        self.payload
            .iter()
            .skip(skip)
            .take(octets)
            .copied()
            .collect()
    }
}

#[expect(private_bounds, reason = "there are two families and no third")]
impl<H: IpHeader> Packet<H> {
    /// Makes it a first fragment.
    #[must_use]
    pub fn first_fragment(self) -> Self {
        self.fragment(0, true)
    }

    /// Makes it a fragment that is neither first nor last.
    #[must_use]
    pub fn middle_fragment(self, offset_octets: u16) -> Self {
        self.fragment(offset_octets, true)
    }

    /// Makes it a later fragment: the last one.
    #[must_use]
    pub fn later_fragment(self, offset_octets: u16) -> Self {
        self.fragment(offset_octets, false)
    }

    /// Makes it a fragment of any kind.
    #[must_use]
    pub fn fragment(mut self, offset_octets: u16, more: bool) -> Self {
        self.ip.set_fragment(offset_octets, more);
        self
    }

    /// The packet from its IP header.
    #[must_use]
    pub fn octets(&self) -> Vec<u8> {
        self.ip.encode(self.protocol, &self.payload)
    }

    /// The packet in an Ethernet frame.
    #[must_use]
    pub fn frame(&self) -> Vec<u8> {
        let mut rest = Vec::new();
        for [_, id] in &self.tags {
            rest.extend(id.to_be_bytes());
            rest.extend([0, 0]);
        }
        let types = self.tags.iter().map(|[ether_type, _]| *ether_type);
        let mut types: Vec<u16> = types.chain([H::ETHER_TYPE]).collect();
        let outermost = types.remove(0);
        for (tag, ether_type) in rest.chunks_mut(4).zip(types) {
            if let [_, _, inner @ ..] = tag {
                inner.copy_from_slice(&ether_type.to_be_bytes());
            }
        }
        rest.extend(self.octets());
        ethernet(outermost, &rest)
    }

    /// The fragments that a link of this MTU makes of the packet, in order; the packet itself where it fits.
    #[must_use]
    pub fn fragments(&self, mtu_octets: usize) -> Vec<Self> {
        if self.octets().len() <= mtu_octets {
            return vec![self.clone()];
        }
        let room = mtu_octets.saturating_sub(self.ip.fragment_header_len()) & !7;
        let room = room.max(8);
        (0..self.payload.len())
            .step_by(room)
            .map(|start| {
                let mut part = self.clone();
                part.payload = self.payload_part(start, room);
                let offset = u16::try_from(start).unwrap_or(u16::MAX);
                part.fragment(offset, start + room < self.payload.len())
            })
            .collect()
    }
}

/// An Ethernet frame around any octets.
#[must_use]
pub fn ethernet(ether_type: u16, octets: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1];
    frame.extend(ether_type.to_be_bytes());
    frame.extend(octets);
    frame
}
