//! The server that Prometheus scrapes: few connections, short ones, and nothing but GET. It gives out the last metrics that it was
//! given, so that a scrape costs the watching nothing.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};

/// How long a client may take to ask.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection lasts at most.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// How long nothing is accepted after the system had no room for one more connection.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// What is given out.
#[derive(Clone, Default)]
pub struct Exhibition(Arc<RwLock<Bytes>>);

impl Exhibition {
    /// Gives out this from here on.
    pub fn show(&self, metrics: Vec<u8>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = metrics.into();
    }

    fn metrics(&self) -> Bytes {
        let shown = self.0.read().unwrap_or_else(PoisonError::into_inner);
        shown.clone()
    }
}

/// The header by which a client shows that it knows name and password (RFC 7617).
#[derive(Clone)]
pub struct Credentials(String);

impl Credentials {
    /// Of `NAME:PASSWORD`. `None` if that is not it.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (name, password) = text.trim_end_matches(['\r', '\n']).split_once(':')?;
        let is_usable = !name.is_empty() && !password.is_empty();
        is_usable.then(|| {
            let encoded = BASE64_STANDARD.encode(format!("{name}:{password}"));
            Self(format!("Basic {encoded}"))
        })
    }

    /// Compares in a time that does not tell where they differ.
    fn admit(&self, header: &[u8]) -> bool {
        let wanted = self.0.as_bytes();
        let differences = wanted
            .iter()
            .zip(header)
            .fold(0, |sum, (one, other)| sum | (one ^ other));
        wanted.len() == header.len() && differences == 0
    }
}

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    exhibition: Exhibition,
    credentials: Option<Credentials>,
    places: Arc<Semaphore>,
}

impl Server {
    /// Listens at an address.
    ///
    /// # Errors
    /// The address cannot be had.
    pub async fn listen(
        address: SocketAddr,
        connections: u32,
        credentials: Option<Credentials>,
        exhibition: Exhibition,
    ) -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind(address).await?,
            exhibition,
            credentials,
            places: Arc::new(Semaphore::new(connections as usize)),
        })
    }

    /// The address, with the port that the system chose where none was named.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves for ever. Those who find no place wait in the system's queue.
    pub async fn serve(self) -> Infallible {
        let answerer = Arc::new(Answerer {
            exhibition: self.exhibition,
            credentials: self.credentials,
        });
        loop {
            // It is closed never.
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                continue;
            };
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::debug!(%error, "cannot accept a connection");
                    tokio::time::sleep(AFTER_REFUSAL).await;
                    continue;
                }
            };
            let answerer = Arc::clone(&answerer);
            tokio::spawn(async move {
                let answer = service_fn(move |request| {
                    let response = answerer.answer(&request);
                    async { Ok::<_, Infallible>(response) }
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEADER_TIMEOUT)
                    .keep_alive(false)
                    .serve_connection(TokioIo::new(stream), answer);
                match timeout(CONNECTION_TIMEOUT, connection).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::debug!(%error, "a scrape failed"),
                    Err(_) => tracing::debug!("a scrape took too long"),
                }
                drop(place);
            });
        }
    }
}

struct Answerer {
    exhibition: Exhibition,
    credentials: Option<Credentials>,
}

impl Answerer {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let mut refusal = say(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
            refusal
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refusal;
        }
        match request.uri().path() {
            "/metrics" if self.admits(request) => {
                let metrics = self.exhibition.metrics();
                respond(StatusCode::OK, TEXT_FORMAT, metrics)
            }
            "/metrics" => {
                let mut refusal = say(StatusCode::UNAUTHORIZED, "name and password, please\n");
                let ask = HeaderValue::from_static("Basic realm=\"natdiag\"");
                refusal.headers_mut().insert(WWW_AUTHENTICATE, ask);
                refusal
            }
            "/readyz" if self.exhibition.metrics().is_empty() => {
                say(StatusCode::SERVICE_UNAVAILABLE, "nothing was judged yet\n")
            }
            // The event loop answers, so it turns.
            "/healthz" | "/readyz" => say(StatusCode::OK, "ok\n"),
            "/" => say(StatusCode::OK, "natdiag: see /metrics\n"),
            _ => say(
                StatusCode::NOT_FOUND,
                "there is /metrics, /healthz and /readyz\n",
            ),
        }
    }

    fn admits(&self, request: &Request<Incoming>) -> bool {
        self.credentials.as_ref().is_none_or(|credentials| {
            request
                .headers()
                .get(AUTHORIZATION)
                .is_some_and(|header| credentials.admit(header.as_bytes()))
        })
    }
}

fn say(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    respond(status, PLAIN, Bytes::from_static(text.as_bytes()))
}

fn respond(status: StatusCode, content: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content));
    response
}

#[cfg(test)]
mod tests;
