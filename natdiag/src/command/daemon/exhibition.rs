//! Opens what Prometheus scrapes.

use std::fs;

use super::failure::DaemonError;
use crate::{
    config::daemon::MetricsConfig,
    metrics::http::{Credentials, Exhibition, Server},
};

/// Listens, and serves from here on what the exhibition is given.
pub(super) async fn open(config: &MetricsConfig) -> Result<Exhibition, DaemonError> {
    let credentials = match &config.password {
        None => None,
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|source| DaemonError::Password {
                path: path.clone(),
                source,
            })?;
            let none = || DaemonError::NoPassword(path.clone());
            Some(Credentials::read(&text).ok_or_else(none)?)
        }
    };
    let is_open = credentials.is_none() && !config.listen.ip().is_loopback();
    let exhibition = Exhibition::default();
    let listen = |source| DaemonError::Listen {
        address: config.listen,
        source,
    };
    let server = Server::listen(
        config.listen,
        config.connections,
        credentials,
        exhibition.clone(),
    )
    .await
    .map_err(listen)?;
    let address = server.address().map_err(listen)?;
    tracing::info!(%address, "metrics are served");
    if is_open {
        tracing::warn!(%address, "whoever reaches this address can read the metrics; `metrics-password` asks for a password");
    }
    tokio::spawn(server.serve());
    Ok(exhibition)
}
