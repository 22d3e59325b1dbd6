//! Settings of the server's kernel.

use anyhow::Result;

use crate::lab::network::Network;

/// A way to deal with more connections than the server takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// A connection that finds the accept queue full is reset (`tcp_abort_on_overflow`).
    AbortsOnOverflow,
    /// No SYN cookies: new SYNs are dropped when three quarters of the SYN queue are taken, but those of proven peers
    /// (`net/ipv4/tcp_input.c:tcp_conn_request`). Nobody is proven here.
    NoCookies,
}

impl Kernel {
    pub(super) fn set(self, network: &Network) -> Result<()> {
        network.server.sysctl(match self {
            Self::AbortsOnOverflow => &[("ipv4/tcp_abort_on_overflow", "1")],
            Self::NoCookies => &[
                ("ipv4/tcp_syncookies", "0"),
                ("ipv4/tcp_max_syn_backlog", "32"),
                ("ipv4/tcp_no_metrics_save", "1"),
                // A half-open connection is forgotten after 3 s.
                ("ipv4/tcp_synack_retries", "1"),
            ],
        })
    }
}
