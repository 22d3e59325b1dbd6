//! `natdiag check`: facts about this host to a report.

pub mod server;
