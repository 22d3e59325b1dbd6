//! What is tested: a host and a port as typed, its addresses, and what nobody means to test.

use std::{
    collections::BTreeSet,
    fmt, io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    str::FromStr,
};

use thiserror::Error;

/// Port where none is given: HTTPS.
const DEFAULT_PORT: u16 = 443;
/// Port of a URL of HTTP.
const HTTP_PORT: u16 = 80;

/// A host and a port, and what a URL says beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path of a URL, with its slash.
    pub path: Option<String>,
    /// Whether the URL wants TLS.
    pub tls: bool,
}

/// Why a text names no target.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TargetError {
    /// There is no host.
    #[error(
        "no host is named; write such as `example.net`, `192.0.2.7:8080` or `[2001:db8::7]:443`"
    )]
    NoHost,
    /// The host is none.
    #[error("`{0}` is no host; write a name or an address")]
    Host(String),
    /// A path stands behind it, which only a URL has.
    #[error("`{0}` is neither a host nor a URL; write `https://{0}`, or the host alone")]
    Path(String),
    /// A user stands before the host.
    #[error("`{0}` names a user; leave out what stands before the `@`")]
    User(String),
    /// The port is none.
    #[error("`{0}` is no port; write a number from 1 to 65535")]
    Port(String),
    /// The URL is of another kind.
    #[error("`{0}` is neither `http` nor `https`; name host and port instead")]
    Scheme(String),
    /// An IPv6 address without brackets, and perhaps with a port.
    #[error("`{0}` is not clear; put an IPv6 address in brackets, such as `[2001:db8::7]:443`")]
    Brackets(String),
}

/// Why addresses are not tested.
#[derive(Debug, Error)]
pub enum AddressError {
    /// The name has none.
    #[error("cannot find addresses of `{host}`; check how it is written, or name an address")]
    Resolve {
        /// The name.
        host: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Nobody means to test this one.
    #[error("`{address}` is {kind}, which is no host to test; name one")]
    Accidental {
        /// The address.
        address: IpAddr,
        /// What it is.
        kind: &'static str,
    },
}

impl Target {
    /// Whether TLS is spoken there: a URL says so, and without one the port does.
    #[must_use]
    pub fn speaks_tls(&self) -> bool {
        self.tls || (self.path.is_none() && self.port == DEFAULT_PORT)
    }

    /// The addresses of the host, each once.
    ///
    /// # Errors
    /// There is none, or one that cannot be meant.
    pub fn addresses(&self) -> Result<Vec<SocketAddr>, AddressError> {
        let resolve = |source| AddressError::Resolve {
            host: self.host.clone(),
            source,
        };
        let found = (self.host.as_str(), self.port).to_socket_addrs();
        let addresses: BTreeSet<SocketAddr> = found.map_err(resolve)?.map(canonical).collect();
        if addresses.is_empty() {
            return Err(resolve(io::ErrorKind::NotFound.into()));
        }
        for address in &addresses {
            if let Some(kind) = accidental(*address) {
                return Err(AddressError::Accidental {
                    address: address.ip(),
                    kind,
                });
            }
        }
        Ok(addresses.into_iter().collect())
    }
}

/// An IPv4 address as such, where it is written as an IPv6 one (RFC 4291, section 2.5.5.2).
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        v4 @ IpAddr::V4(_) => SocketAddr::new(v4, address.port()),
        IpAddr::V6(_) => address,
    }
}

/// What an address is that is no host's.
fn accidental(address: SocketAddr) -> Option<&'static str> {
    let is_in_no_zone = matches!(address, SocketAddr::V6(v6)
        if v6.ip().is_unicast_link_local() && v6.scope_id() == 0);
    let address = address.ip();
    let is_broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    // 0.0.0.0/8 and 240.0.0.0/4 are no hosts either (RFC 1122, section 3.2.1.3; RFC 1112, section 4).
    let is_reserved =
        matches!(address, IpAddr::V4(v4) if matches!(v4.octets(), [0 | 240..=255, ..]));
    if address.is_unspecified() {
        Some("the unspecified address")
    } else if address.is_multicast() {
        Some("a multicast address")
    } else if is_broadcast {
        Some("the broadcast address")
    } else if is_reserved {
        Some("a reserved address")
    } else if is_in_no_zone {
        Some("a link-local address without its interface (such as `%eth0`)")
    } else {
        None
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let text = text.trim();
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, text),
        };
        let (tls, default_port) = match scheme.as_deref() {
            None => (false, DEFAULT_PORT),
            Some("http") => (false, HTTP_PORT),
            Some("https") => (true, DEFAULT_PORT),
            Some(other) => return Err(TargetError::Scheme(other.to_owned())),
        };
        // What stands behind `#` is for browsers only (RFC 3986, section 3.5).
        let rest = scheme.as_ref().map_or(rest, |_| before(rest, '#'));
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if scheme.is_none() && !path.is_empty() {
            return Err(TargetError::Path(text.to_owned()));
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        let path = scheme.map(|_| format!("{slash}{path}"));
        if authority.contains('@') {
            return Err(TargetError::User(authority.to_owned()));
        }
        let (host, port) = split(authority)?;
        if host.is_empty() {
            return Err(TargetError::NoHost);
        }
        if !host.chars().all(is_of_host) {
            return Err(TargetError::Host(host.to_owned()));
        }
        Ok(Self {
            host: host.to_owned(),
            port: port.map_or(Ok(default_port), read_port)?,
            path,
            tls,
        })
    }
}

fn before(text: &str, end: char) -> &str {
    text.split_once(end).map_or(text, |(before, _)| before)
}

/// Whether a character may be in a host as resolvers take it: of a name, or of an address with its interface.
fn is_of_host(character: char) -> bool {
    character.is_alphanumeric() || "-._:%".contains(character)
}

fn split(authority: &str) -> Result<(&str, Option<&str>), TargetError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, behind) = rest
            .split_once(']')
            .ok_or_else(|| TargetError::Brackets(rest.to_owned()))?;
        return match behind.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if behind.is_empty() => Ok((host, None)),
            None => Err(TargetError::Port(behind.to_owned())),
        };
    }
    match authority.split_once(':') {
        None => Ok((authority, None)),
        Some((_, port)) if port.contains(':') => {
            // An address alone is clear enough; with a port it would not be.
            if authority.parse::<IpAddr>().is_ok() {
                Ok((authority, None))
            } else {
                Err(TargetError::Brackets(authority.to_owned()))
            }
        }
        Some((host, port)) => Ok((host, Some(port))),
    }
}

fn read_port(text: &str) -> Result<u16, TargetError> {
    match text.parse() {
        Ok(port @ 1..) => Ok(port),
        _ => Err(TargetError::Port(text.to_owned())),
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_read() {
        for (text, host, port) in [
            ("example.net", "example.net", 443),
            ("example.net:8080", "example.net", 8080),
            ("192.0.2.7:22", "192.0.2.7", 22),
            ("2001:db8::7", "2001:db8::7", 443),
            ("[2001:db8::7]", "2001:db8::7", 443),
            ("[2001:db8::7]:80", "2001:db8::7", 80),
            ("http://example.net/large?n=1", "example.net", 80),
            ("https://example.net:8443", "example.net", 8443),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!((target.host.as_str(), target.port), (host, port), "{text}");
        }
        let url: Target = "HTTPS://example.net/a/b".parse().unwrap();
        assert_eq!((url.path.as_deref(), url.tls), (Some("/a/b"), true));
        for (text, path) in [
            ("http://example.net/a#b", "/a"),
            ("http://example.net?n=1", "/?n=1"),
            ("http://example.net", "/"),
        ] {
            let url: Target = text.parse().unwrap();
            assert_eq!(url.path.as_deref(), Some(path), "{text}");
        }
    }

    #[test]
    fn what_names_no_target_is_refused() {
        for (text, says) in [
            ("", "no host"),
            (":80", "no host"),
            ("example.net:0", "`0` is no port"),
            ("example.net:65536", "`65536` is no port"),
            ("example.net:http", "`http` is no port"),
            ("ftp://example.net", "`ftp` is neither"),
            ("2001:db8::7:99999", "brackets"),
            ("[2001:db8::7", "brackets"),
            ("example.net/large", "`https://example.net/large`"),
            ("192.0.2.0/24", "`192.0.2.0/24` is neither"),
            ("https://me@example.net/", "`me@example.net` names a user"),
            ("https://exa mple.net/", "`exa mple.net` is no host"),
        ] {
            let error = text.parse::<Target>().expect_err(text).to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn addresses_that_are_no_hosts_are_refused() {
        for address in [
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "250.1.2.3",
            "::",
            "ff02::1",
            "::ffff:224.0.0.1",
            "fe80::1",
        ] {
            let target = Target {
                host: address.to_owned(),
                port: 80,
                path: None,
                tls: false,
            };
            let error = target.addresses().expect_err(address).to_string();
            assert!(error.contains("no host to test"), "{error}");
        }
    }
}
