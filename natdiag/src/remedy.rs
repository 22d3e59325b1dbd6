//! A remedy on trial towards one remote host: what is tried, and when it begins and ends. Pure: `bpf::remedy` changes
//! packets, and the analysis of live traffic says how connections fare.

pub mod plan;
pub mod trial;
