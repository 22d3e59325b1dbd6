//! How tables find their entries. Most keys are chosen by whoever sends packets, so that the seed must be one that
//! nobody else knows: where it is known, keys can be chosen of which each look-up passes all others.

#[cfg(not(test))]
pub(crate) use foldhash::fast::RandomState as Seed;

/// What a test saves is the same each time.
#[cfg(test)]
pub(crate) use foldhash::fast::FixedState as Seed;
