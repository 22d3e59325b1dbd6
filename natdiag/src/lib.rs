//! natdiag names the cause when TCP through a NAT fails now and then.

pub mod analysis;
pub mod bpf;
pub mod capture;
pub mod changes;
pub mod check;
pub mod checkpoint;
pub mod cli;
pub mod clock;
pub mod colour;
pub mod command;
pub mod config;
pub mod cost;
pub mod engine;
pub mod error;
pub mod event;
pub mod evidence;
pub mod host;
pub mod journal;
pub mod log;
pub mod metrics;
pub mod names;
pub mod privilege;
pub mod probe;
mod recent;
pub mod remedy;
pub mod report;
mod seed;
pub mod spool;
pub mod survey;
pub mod tui;
pub mod value;

/// The object with the programs that watch an interface.
pub static WATCH_OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/watch"));
/// The object with the programs that follow connections of hosts under suspicion.
pub static FOLLOW_OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/follow"));
/// The object with the programs that hand over segments of connections that were drawn.
pub static SAMPLE_OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/sample"));
/// The object with the programs that change the timestamps of active tests.
pub static PROBE_OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/probe"));

/// The object with the programs of the test network.
#[doc(hidden)]
pub static LAB_OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/lab"));
/// The object with the programs for measuring the others.
#[doc(hidden)]
pub static BENCH_OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/bench"));
