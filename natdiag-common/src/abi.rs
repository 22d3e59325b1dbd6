//! The agreement between the programs in the kernel and whoever reads their maps. Both come from one build, unless maps
//! were pinned and a newer natdiag finds them.

/// Version of the agreement. It must be raised with every change of what a counter or a field of a record means, of
/// when a slot is spilled, and with every fault of the programs that was repaired. The sizes of the shared types are
/// compared beside it, and a test of natdiag finds out where their fields, the counters or the kinds of error have
/// changed.
pub const ABI_VERSION: u32 = 2;
