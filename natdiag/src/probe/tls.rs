//! TLS on the connections of a test. Whether the certificate verifies does not matter for what is measured, so the
//! connection goes on; but it is said.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature,
        verify_tls13_signature,
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use thiserror::Error as ThisError;

/// Why no TLS can be spoken.
#[derive(Debug, ThisError)]
pub enum TlsError {
    /// The host's name cannot be asked for.
    #[error("`{host}` is no name that TLS can ask for; write a host name or an address")]
    Name {
        /// The name.
        host: String,
    },
    /// The library refuses its own settings.
    #[error("cannot set TLS up")]
    Settings(#[source] Error),
}

/// Makes TLS sessions with one host, and keeps what is to be said about them.
#[derive(Debug)]
pub struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    verifier: Arc<Lenient>,
    failure: Mutex<Option<String>>,
}

impl Tls {
    /// Prepares sessions with a host.
    ///
    /// # Errors
    /// Its name is none.
    pub fn new(host: &str) -> Result<Self, TlsError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::Name {
            host: host.to_owned(),
        })?;
        let provider = Arc::new(ring::default_provider());
        let verifier = Arc::new(Lenient::new(Arc::clone(&provider)));
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Settings)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::<Lenient>::clone(&verifier))
            .with_no_client_auth();
        Ok(Self {
            config: Arc::new(config),
            name,
            verifier,
            failure: Mutex::new(None),
        })
    }

    /// What a reader of the report should know, a sentence each.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let complaint = take(&self.verifier.complaint).map(|why| {
            format!(
                "the server's certificate does not verify: {why}; the test does not depend on it"
            )
        });
        let failure = take(&self.failure).map(|why| format!("TLS with the server failed: {why}"));
        complaint.into_iter().chain(failure).collect()
    }

    /// Begins a session.
    pub(super) fn session(&self) -> Result<ClientConnection, Error> {
        ClientConnection::new(Arc::clone(&self.config), self.name.clone())
    }

    /// Keeps why a session failed.
    pub(super) fn note_failure(&self, error: &Error) {
        keep(&self.failure, error);
    }
}

/// How a version of TLS verifies signatures of the handshake.
type SignatureRule = fn(
    &[u8],
    &CertificateDer<'_>,
    &DigitallySignedStruct,
    &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error>;

/// Takes every certificate, and keeps what a strict client would have said.
#[derive(Debug)]
struct Lenient {
    /// Absent where this host has no root certificates.
    strict: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    complaint: Mutex<Option<String>>,
}

impl Lenient {
    fn new(provider: Arc<CryptoProvider>) -> Self {
        let mut roots = RootCertStore::empty();
        // What cannot be read is missing, and then complained about.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let builder =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        Self {
            strict: builder.build().ok(),
            provider,
            complaint: Mutex::new(None),
        }
    }

    /// Goes on in any case.
    fn forgive<T>(&self, result: Result<T, Error>, accepted: T) -> T {
        result.unwrap_or_else(|error| {
            keep(&self.complaint, &error);
            accepted
        })
    }

    fn check(
        &self,
        rule: SignatureRule,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> HandshakeSignatureValid {
        let algorithms = &self.provider.signature_verification_algorithms;
        let result = rule(message, certificate, signature, algorithms);
        self.forgive(result, HandshakeSignatureValid::assertion())
    }
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let result = self.strict.as_ref().map_or_else(
            || {
                Err(Error::General(
                    "this host has no root certificates to verify it by".to_owned(),
                ))
            },
            |strict| {
                strict.verify_server_cert(
                    end_entity,
                    intermediates,
                    server_name,
                    ocsp_response,
                    now,
                )
            },
        );
        Ok(self.forgive(result, ServerCertVerified::assertion()))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(self.check(verify_tls12_signature, message, certificate, signature))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(self.check(verify_tls13_signature, message, certificate, signature))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Keeps the first of several.
fn keep(place: &Mutex<Option<String>>, error: &Error) {
    let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
    place.get_or_insert_with(|| error.to_string());
}

fn take(place: &Mutex<Option<String>>) -> Option<String> {
    place.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
