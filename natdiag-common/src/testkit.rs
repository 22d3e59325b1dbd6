//! Packets for tests, built header by header.
