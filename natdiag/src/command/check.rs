//! `natdiag check`: facts about this host to a report.

pub mod attach;
pub mod nat;
pub mod server;
