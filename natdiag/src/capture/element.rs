//! What the formats of captures have in common: a file is a run of elements, and some of them are packets.

use natdiag_common::Direction;

use crate::{event::Timestamp, evidence::statement::Statement};

/// Longest element in octets; more is taken for damage. Wireshark writes and reads no longer pcapng block either.
pub(super) const MAX_ELEMENT_LEN: usize = 16 * 1024 * 1024;

/// A header, a packet or something else in a file.
#[derive(Debug)]
pub(super) struct Element {
    /// Its length in octets.
    pub(super) len: usize,
    /// What it is.
    pub(super) content: Content,
}

/// What an element is.
#[derive(Debug)]
pub(super) enum Content {
    /// A packet.
    Packet(Place),
    /// A packet that cannot be read; the next element can.
    Damaged,
    /// What evidence says up to a time, perhaps with what was counted beside its packets.
    Said(Timestamp, Option<Box<Statement>>),
    /// No packet.
    Other,
}

/// Where a packet is in its element, and what is said about it.
#[derive(Debug)]
pub(super) struct Place {
    /// Where the frame begins.
    pub(super) start: usize,
    /// Octets that were kept of it.
    pub(super) len: usize,
    /// Octets that it had on the wire.
    pub(super) wire_len: usize,
    /// When it was seen, if that is said.
    pub(super) time: Option<Timestamp>,
    /// What it begins with.
    pub(super) link_type: u32,
    /// Which way it went, if that is said.
    pub(super) direction: Option<Direction>,
}

/// Why there is no element.
#[derive(Debug)]
pub(super) enum Stop {
    /// More octets are needed.
    Incomplete,
    /// There can be none.
    Damaged(String),
}
