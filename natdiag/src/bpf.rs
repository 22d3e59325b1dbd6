//! The kernel's side: loads the programs, attaches them, reads their maps. The only module that names `aya`; what
//! leaves it is plain data. It decides nothing about the traffic.

pub mod attach;
pub mod counters;
pub mod features;
mod filter;
pub mod follow;
mod gauge;
pub mod inspect;
pub mod ladder;
pub mod load;
mod log;
mod lost;
pub mod map;
pub mod order;
pub mod pair;
pub mod pins;
pub mod probe;
pub mod program;
pub mod reconcile;
pub mod records;
pub mod remedy;
pub mod sample;
pub mod statistics;
