//! Metrics for Prometheus: what a run has found, as samples, and a server that gives them out.

pub mod access;
pub mod families;
pub mod http;
