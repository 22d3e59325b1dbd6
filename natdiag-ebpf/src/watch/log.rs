//! What is rare and worth a line when the programs themselves are in doubt. Without the feature `bpf-log` nothing of it
//! is in them.

use aya_ebpf::EbpfContext;
use natdiag_common::ParseError;

/// A packet could not be read.
#[cfg(feature = "bpf-log")]
#[inline(always)]
pub(crate) fn malformed(context: &impl EbpfContext, error: ParseError) {
    let (layer, cause) = (error.layer.as_str(), error.cause.as_str());
    aya_log_ebpf::debug!(context, "malformed packet: {} {}", layer, cause);
}

/// A record has found no room.
#[cfg(feature = "bpf-log")]
#[inline(always)]
pub(crate) fn ring_is_full(context: &impl EbpfContext) {
    aya_log_ebpf::warn!(context, "the ring of records is full");
}

/// Says nothing.
#[cfg(not(feature = "bpf-log"))]
#[inline(always)]
pub(crate) fn malformed(_context: &impl EbpfContext, _error: ParseError) {}

/// Says nothing.
#[cfg(not(feature = "bpf-log"))]
#[inline(always)]
pub(crate) fn ring_is_full(_context: &impl EbpfContext) {}
