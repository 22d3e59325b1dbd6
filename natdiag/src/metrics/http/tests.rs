use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::metrics::access::Demands;

/// A server with two places, that gives out some metrics.
async fn serve(credentials: Option<&str>) -> SocketAddr {
    let access = Access::default();
    access.set(Demands {
        credentials: credentials.map(|text| Credentials::of(text).unwrap()),
        tls: None,
    });
    serve_to(access).await
}

async fn serve_to(access: Access) -> SocketAddr {
    let exhibition = Exhibition::default();
    exhibition.show(b"natdiag_findings 1\n".to_vec());
    let address = "127.0.0.1:0".parse().unwrap();
    let server = Server::listen(address, 2, access, exhibition)
        .await
        .unwrap();
    let address = server.address().unwrap();
    tokio::spawn(server.serve());
    address
}

async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// TLS of a server, and what a client that trusts it needs.
fn tls() -> (Demands, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate: CertificateDer<'static> = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let server = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let mut trusted = RootCertStore::empty();
    trusted.add(certificate).unwrap();
    let client = ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(trusted)
        .with_no_client_auth();
    let demands = Demands {
        credentials: None,
        tls: Some(TlsAcceptor::from(Arc::new(server))),
    };
    (demands, TlsConnector::from(Arc::new(client)))
}

async fn ask_by_tls(address: SocketAddr, client: &TlsConnector) -> io::Result<String> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = client.connect(name, stream).await?;
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}

#[test]
fn each_path_has_its_answer() {
    run(async {
        let address = serve(None).await;
        for (request, status, body) in [
            ("GET /metrics", "200 OK", "natdiag_findings 1\n"),
            ("GET /healthz", "200 OK", "ok\n"),
            ("GET /readyz", "200 OK", "ok\n"),
            ("GET /other", "404 Not Found", "there is /metrics"),
            ("POST /metrics", "405 Method Not Allowed", "only GET"),
        ] {
            let answer = ask(address, &format!("{request} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
                "{request}: {answer}"
            );
            assert!(
                answer.contains(&format!("\r\n\r\n{body}")),
                "{request}: {answer}"
            );
        }
    });
}

#[test]
fn metrics_are_for_those_who_know_the_password() {
    run(async {
        let address = serve(Some("scraper:s3cret:with colon\n")).await;
        let right = BASE64_STANDARD.encode("scraper:s3cret:with colon");
        let wrong = BASE64_STANDARD.encode("scraper:s3cret:with coloN");
        for (header, status) in [
            (String::new(), "401"),
            (format!("Authorization: Basic {wrong}\r\n"), "401"),
            (format!("Authorization: Basic {right}A\r\n"), "401"),
            (format!("Authorization: Basic {right}\r\n"), "200"),
            (format!("Authorization: basic {right}\r\n"), "200"),
            (format!("Authorization: Bearer{right}\r\n"), "401"),
        ] {
            let request = format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{header}\r\n");
            let answer = ask(address, &request).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{header}: {answer}"
            );
        }
        let health = ask(address, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    });
}

#[test]
fn who_says_nothing_takes_no_place_from_who_asks() {
    run(async {
        let address = serve(None).await;
        let mut silent = Vec::new();
        for _ in 0..200 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let clock = crate::clock::Clock::start();
        let begin_ns = clock.monotonic_ns();
        for path in ["/healthz", "/readyz", "/metrics"] {
            let answer = ask(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        }
        let waited_ns = clock.monotonic_ns() - begin_ns;
        assert!(waited_ns < 2_000_000_000, "{waited_ns}");
        drop(silent);
    });
}

#[test]
fn one_address_has_half_of_the_places_and_the_oldest_gives_way() {
    let [here, there] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
    run(async {
        let mut places = Places::new(4);
        let idle = || tokio::spawn(std::future::pending::<()>()).abort_handle();
        let taken: Vec<_> = [here, there, here, here, there, there]
            .into_iter()
            .map(|address| {
                let handle = idle();
                places.make_room(address);
                places.take(address, handle.clone());
                handle
            })
            .collect();
        tokio::task::yield_now().await;
        let are_gone: Vec<_> = taken.iter().map(AbortHandle::is_finished).collect();
        assert_eq!(are_gone, [true, true, false, false, false, false]);
    });
}

#[test]
fn tls_is_asked_of_everybody_and_a_new_certificate_needs_no_restart() {
    run(async {
        let access = Access::default();
        let (demands, client) = tls();
        access.set(demands);
        let address = serve_to(access.clone()).await;
        let answer = ask_by_tls(address, &client).await.unwrap();
        assert!(answer.ends_with("natdiag_findings 1\n"), "{answer}");
        let mut plain = TcpStream::connect(address).await.unwrap();
        plain
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        let mut answer = Vec::new();
        // It may be a reset or an alert of TLS; no metrics in any case.
        let _ = plain.read_to_end(&mut answer).await;
        assert!(!String::from_utf8_lossy(&answer).contains("natdiag"));
        let (renewed, other) = tls();
        access.set(renewed);
        assert!(ask_by_tls(address, &client).await.is_err());
        let answer = ask_by_tls(address, &other).await.unwrap();
        assert!(answer.ends_with("natdiag_findings 1\n"), "{answer}");
    });
}
