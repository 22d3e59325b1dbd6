//! What is known of one connection beyond its SYNs: what was said behind the handshake, and how its SYN-ACK came again.
//! Plain values; `again` and `ordinary` fill them.

use serde::{Deserialize, Serialize};

use crate::event::Timestamp;

/// How the SYN-ACK of a connection has come again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Again {
    /// It has not, or that says nothing.
    #[default]
    No,
    /// Before we were seen to send data.
    Idle,
    /// After data that the server has had time to take.
    AfterData,
}

/// What was said behind the handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Talk {
    /// Whether we have confirmed the SYN-ACK.
    pub(super) is_confirmed: bool,
    /// When we first sent data.
    pub(super) asked_at: Option<Timestamp>,
    /// Whether the remote host has acknowledged data.
    pub(super) is_taken: bool,
    /// When it first sent data.
    pub(super) responded_at: Option<Timestamp>,
}
