//! What other hosts do meanwhile.

/// Other hosts of the same network, /24 or /64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// Those that answered no SYN.
    pub silent: u64,
    /// Those that answered some.
    pub answering: u64,
    /// Whether this host and nearly all others, of whatever network, fail in the same seconds.
    pub fail_together: bool,
}
