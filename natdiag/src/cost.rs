//! What watching an interface takes: how full rings and maps are, and how long the programs run. Plain data.

/// What watching one interface takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceCost {
    /// Its name.
    pub interface: String,
    /// How full the rings were at most since this was last asked.
    pub rings: Vec<Fill>,
    /// How full the maps are that have an end.
    pub maps: Vec<Fill>,
    /// How often and how long the programs ran; nothing where the kernel does not measure.
    pub programs: Vec<Runs>,
}

/// How full something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Its name.
    pub name: &'static str,
    /// What it holds: octets of a ring, entries of a map.
    pub used: u64,
    /// What it has room for.
    pub capacity: u64,
}

/// What a program has taken while the kernel measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runs {
    /// Its name.
    pub program: String,
    /// How often it ran.
    pub count: u64,
    /// How long, in nanoseconds.
    pub time_ns: u64,
}
