//! The TLS of the lab's servers, with a certificate that nobody knows.

use std::{
    io,
    net::TcpStream,
    sync::{Arc, OnceLock},
};

use anyhow::{Context as _, Result};
use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::ring, pki_types::PrivateKeyDer};

static CONFIG: OnceLock<Arc<ServerConfig>> = OnceLock::new();

/// A session with a client.
pub(super) type Session = StreamOwned<ServerConnection, TcpStream>;

/// Makes the certificate, once.
pub(super) fn prepare() -> Result<()> {
    if CONFIG.get().is_none() {
        // Another thread may have been as quick.
        let _ = CONFIG.set(Arc::new(make()?));
    }
    Ok(())
}

fn make() -> Result<ServerConfig> {
    let made = rcgen::generate_simple_self_signed(["server.test".to_owned()])
        .context("cannot make a certificate")?;
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .context("cannot use the certificate")
}

/// Takes a client.
pub(super) fn accept(stream: &TcpStream) -> io::Result<Session> {
    let config = CONFIG
        .get()
        .ok_or_else(|| io::Error::other("no certificate was made"))?;
    let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    Ok(StreamOwned::new(connection, stream.try_clone()?))
}
