//! Packet logic and shared types of natdiag: one code for the BPF programs and for the host.
//!
//! No allocation, no clock, no I/O, no indexing, and no `unsafe` outside `pod`. A packet is read through
//! [`FrameBytes`] only; [`packet::parse`] reads its headers, [`classify::classify`] decides what it adds to
//! which remote host, and [`record::Record`] is what is kept of it.
#![cfg_attr(not(any(test, feature = "testkit")), no_std)]
#![deny(missing_docs)]
#![expect(
    clippy::cast_possible_truncation,
    reason = "lengths and offsets of headers are far below 2^32"
)]
#![expect(
    clippy::many_single_char_names,
    reason = "octets taken apart have no names of their own"
)]

pub mod abi;
pub mod address;
pub mod classify;
pub mod counter;
pub mod direction;
pub mod error;
pub mod follow;
pub mod frame;
pub mod link;
pub mod names;
pub mod packet;
#[cfg(feature = "user")]
mod pod;
pub mod probe;
pub mod record;
pub mod sample;
pub mod slot;
#[cfg(any(test, feature = "testkit"))]
pub mod testkit;
pub mod wire;

pub use address::Address;
pub use direction::Direction;
pub use error::{Cause, Layer, ParseError};
pub use frame::FrameBytes;
pub use link::LinkType;
