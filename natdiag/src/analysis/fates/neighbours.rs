//! What the other hosts of a network do.

/// Other hosts of the same network, /24 or /64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// Those that answered no SYN.
    pub silent: u64,
    /// Those that answered some.
    pub answering: u64,
}
