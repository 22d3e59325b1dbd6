//! What all objects of BPF programs share: a frame and how it begins, a licence, a panic handler. The build script of
//! natdiag depends on it as well, so that cargo sees when the programs have changed.
#![no_std]

pub mod frame;
pub mod link;
mod object;
