//! Active tests.
