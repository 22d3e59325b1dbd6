//! Packets whose headers do not lie in one run of memory.
