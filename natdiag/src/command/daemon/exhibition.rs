//! Opens what Prometheus scrapes, and reads anew who may.

use super::failure::DaemonError;
use crate::{
    config::daemon::MetricsConfig,
    metrics::{
        access::{self, Access, AccessError, Credentials, Demands},
        http::{Exhibition, Server},
    },
};

/// What is served, and to whom.
pub(super) struct Metrics {
    pub(super) exhibition: Exhibition,
    access: Access,
}

/// Listens, and serves from here on what the exhibition is given.
pub(super) async fn open(config: &MetricsConfig) -> Result<Metrics, DaemonError> {
    let metrics = Metrics {
        exhibition: Exhibition::default(),
        access: Access::default(),
    };
    let is_open = config.password.is_none() && !config.listen.ip().is_loopback();
    metrics.admit(config)?;
    let listen = |source| DaemonError::Listen {
        address: config.listen,
        source,
    };
    let server = Server::listen(
        config.listen,
        config.connections,
        metrics.access.clone(),
        metrics.exhibition.clone(),
    )
    .await
    .map_err(listen)?;
    let address = server.address().map_err(listen)?;
    tracing::info!(%address, tls = config.tls.is_some(), "metrics are served");
    if is_open {
        tracing::warn!(%address, "whoever reaches this address can read the metrics; `metrics-password` asks for a password");
    }
    tokio::spawn(server.serve());
    Ok(metrics)
}

impl Metrics {
    /// Reads the files that say who may have metrics. Where one is of no use everything stays as it was.
    pub(super) fn admit(&self, config: &MetricsConfig) -> Result<(), AccessError> {
        let credentials = config.password.as_deref();
        let tls = config.tls.as_ref();
        self.access.set(Demands {
            credentials: credentials.map(Credentials::read).transpose()?,
            tls: tls
                .map(|files| access::tls(&files.certificate, &files.key))
                .transpose()?,
        });
        Ok(())
    }
}
