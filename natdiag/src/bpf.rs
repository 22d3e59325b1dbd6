//! The kernel's side: loads the programs, attaches them, reads their maps. The only module that names `aya`; what
//! leaves it is plain data. It decides nothing about the traffic.

pub mod load;
