use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;

/// A server with two places, that gives out some metrics.
async fn serve(credentials: Option<&str>) -> SocketAddr {
    let exhibition = Exhibition::default();
    exhibition.show(b"natdiag_findings 1\n".to_vec());
    let credentials = credentials.map(|text| Credentials::read(text).unwrap());
    let address = "127.0.0.1:0".parse().unwrap();
    let server = Server::listen(address, 2, credentials, exhibition)
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
fn credentials_need_a_name_and_a_password() {
    for text in ["", "scraper", ":secret", "scraper:", "\n"] {
        assert!(Credentials::read(text).is_none(), "{text:?}");
    }
}

#[test]
fn who_says_nothing_keeps_a_place_for_seconds_only() {
    run(async {
        let address = serve(None).await;
        let silent = [
            TcpStream::connect(address).await.unwrap(),
            TcpStream::connect(address).await.unwrap(),
        ];
        let clock = crate::clock::Clock::start();
        let begin_ns = clock.monotonic_ns();
        let answer = ask(address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(answer.ends_with("natdiag_findings 1\n"), "{answer}");
        let waited_ns = clock.monotonic_ns() - begin_ns;
        assert!(waited_ns >= 4_000_000_000, "all places were taken");
        drop(silent);
    });
}
