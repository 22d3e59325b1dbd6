//! What unattended operation needs beside the engine: which interfaces are wanted, and what has changed since the last
//! look. Pure: no clock, no file, no socket.

pub mod changes;
pub mod evidence;
pub mod selection;
