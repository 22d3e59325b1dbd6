//! Attaching, counting and detaching on real interfaces, each test in a network namespace of its own.

mod command;
mod counting;
mod hooks;
mod network;
