//! Who gets metrics, and by which way: name and password (RFC 7617), and TLS. Both can be replaced while the server
//! runs, so that a certificate that was renewed needs no restart.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

/// What comes before name and password.
const SCHEME: &str = "Basic ";

/// Why it is not known who may have metrics.
#[derive(Debug, Error)]
pub enum AccessError {
    /// A file cannot be read.
    #[error("cannot read `{}` (`{key}`)", .path.display())]
    Read {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file with the password holds none.
    #[error("`{}` (`metrics-password`) must hold one line, NAME:PASSWORD", .0.display())]
    NoPassword(PathBuf),
    /// A file holds no PEM of the kind that is wanted.
    #[error("`{}` (`{key}`) holds no {wanted} in PEM form", .path.display())]
    Pem {
        /// The key that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// Certificate and key do not go together, or are of no use.
    #[error("`{}` (`metrics-certificate`) and `{}` (`metrics-key`) are of no use together for TLS", .certificate.display(), .key.display())]
    Tls {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with its key.
        key: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
}

/// The header by which a client shows that it knows name and password.
#[derive(Clone)]
pub struct Credentials(String);

impl Credentials {
    /// Of `NAME:PASSWORD`. `None` if that is not it.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let (name, password) = text.trim_end_matches(['\r', '\n']).split_once(':')?;
        let is_usable = !name.is_empty() && !password.is_empty();
        is_usable.then(|| {
            let encoded = BASE64_STANDARD.encode(format!("{name}:{password}"));
            Self(format!("{SCHEME}{encoded}"))
        })
    }

    /// Reads a file that holds them.
    ///
    /// # Errors
    /// It cannot be read, or holds none.
    pub fn read(path: &Path) -> Result<Self, AccessError> {
        let text = fs::read_to_string(path).map_err(|source| AccessError::Read {
            key: "metrics-password",
            path: path.to_owned(),
            source,
        })?;
        Self::of(&text).ok_or_else(|| AccessError::NoPassword(path.to_owned()))
    }

    /// Compares in a time that does not tell where they differ. The scheme may be written in any case (RFC 9110,
    /// section 11.1).
    pub(super) fn admit(&self, header: &[u8]) -> bool {
        let wanted = self.0.as_bytes();
        let has_scheme = header
            .get(..SCHEME.len())
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME.as_bytes()));
        let differences = wanted
            .iter()
            .zip(header)
            .skip(SCHEME.len())
            .fold(0, |sum, (one, other)| sum | (one ^ other));
        wanted.len() == header.len() && has_scheme && differences == 0
    }
}

/// Prepares TLS from files in PEM form: a certificate with those that sign it, and its key.
///
/// # Errors
/// A file cannot be read, or they are of no use together.
pub fn tls(certificate: &Path, key: &Path) -> Result<TlsAcceptor, AccessError> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .and_then(|chain| match chain.as_slice() {
            [] => Err(pem::Error::NoItemsFound),
            _ => Ok(chain),
        })
        .map_err(|error| unreadable("metrics-certificate", certificate, "certificate", error))?;
    let secret = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| unreadable("metrics-key", key, "private key", error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(chain, secret)
        })
        .map_err(|source| AccessError::Tls {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            source,
        })?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn unreadable(
    key: &'static str,
    path: &Path,
    wanted: &'static str,
    error: pem::Error,
) -> AccessError {
    let path = path.to_owned();
    if let pem::Error::Io(source) = error {
        return AccessError::Read { key, path, source };
    }
    AccessError::Pem {
        key,
        path,
        wanted,
        source: error,
    }
}

/// What is asked of a client.
#[derive(Clone, Default)]
pub struct Demands {
    /// Name and password, without which there are no metrics.
    pub credentials: Option<Credentials>,
    /// TLS, without which there is no answer.
    pub tls: Option<TlsAcceptor>,
}

impl fmt::Debug for Demands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demands")
            .field("credentials", &self.credentials.is_some())
            .field("tls", &self.tls.is_some())
            .finish()
    }
}

/// What is asked of a client, which may change.
#[derive(Clone, Default)]
pub struct Access(Arc<RwLock<Demands>>);

impl Access {
    /// Asks this of connections from here on.
    pub fn set(&self, demands: Demands) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = demands;
    }

    pub(super) fn demands(&self) -> Demands {
        let demands = self.0.read().unwrap_or_else(PoisonError::into_inner);
        demands.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_need_a_name_and_a_password() {
        for text in ["", "scraper", ":secret", "scraper:", "\n"] {
            assert!(Credentials::of(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn what_is_of_no_use_for_tls_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let other = rcgen::KeyPair::generate().unwrap();
        let file = |name: &str, label: &str, der: &[u8]| {
            let path = folder.path().join(name);
            let text = BASE64_STANDARD.encode(der);
            let text = format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n");
            fs::write(&path, text).unwrap();
            path
        };
        let certificate = file("certificate", "CERTIFICATE", made.cert.der());
        let key = file("key", "PRIVATE KEY", &made.signing_key.serialize_der());
        let others = file("other", "PRIVATE KEY", &other.serialize_der());
        let missing = folder.path().join("missing");
        assert!(tls(&certificate, &key).is_ok());
        for (certificate, key, want) in [
            (&missing, &key, "missing` (`metrics-certificate`)"),
            (&certificate, &missing, "missing` (`metrics-key`)"),
            (
                &key,
                &key,
                "key` (`metrics-certificate`) holds no certificate",
            ),
            (
                &certificate,
                &certificate,
                "certificate` (`metrics-key`) holds no private key",
            ),
            (&certificate, &others, "are of no use together"),
        ] {
            let Err(error) = tls(certificate, key) else {
                panic!("{want}")
            };
            let error = error.to_string();
            assert!(error.contains(want), "{error}");
        }
    }
}
