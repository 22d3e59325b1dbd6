//! Tests of the builder itself.
