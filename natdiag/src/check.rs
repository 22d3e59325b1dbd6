//! What a host can tell about itself, without watching any traffic.

pub mod attach;
pub mod nat;
mod root;
pub mod server;
