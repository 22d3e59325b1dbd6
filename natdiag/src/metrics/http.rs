//! The server that Prometheus scrapes: few connections, short ones, and nothing but GET. It gives out the last metrics
//! that it was given, so that a scrape costs the watching nothing.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

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
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::AbortHandle,
    time::timeout,
};

use super::access::{Access, Credentials};
use crate::error::in_full;

/// How long a client may take to ask.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection lasts at most, with the handshake of TLS.
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

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    exhibition: Exhibition,
    access: Access,
    places: Places,
}

/// The connections that are open, the oldest first. Where there is no room, the oldest gives way: an answer takes
/// milliseconds, and who waits for longer has not asked.
#[derive(Debug)]
struct Places {
    taken: VecDeque<(IpAddr, AbortHandle)>,
    capacity: usize,
}

impl Places {
    const fn new(capacity: usize) -> Self {
        Self {
            taken: VecDeque::new(),
            capacity,
        }
    }

    /// Makes room for a connection from an address. One that has half of the places gives up one of its own.
    fn make_room(&mut self, address: IpAddr) {
        self.taken.retain(|(_, handle)| !handle.is_finished());
        let of_address = self.taken.iter().filter(|(taker, _)| *taker == address);
        let has_its_share = of_address.count() >= self.capacity.div_ceil(2);
        let oldest = if has_its_share {
            self.taken.iter().position(|(taker, _)| *taker == address)
        } else {
            (self.taken.len() >= self.capacity).then_some(0)
        };
        if let Some((_, handle)) = oldest.and_then(|place| self.taken.remove(place)) {
            handle.abort();
        }
    }

    fn take(&mut self, address: IpAddr, handle: AbortHandle) {
        self.taken.push_back((address, handle));
    }
}

/// Why a client got no answer.
#[derive(Debug, Error)]
enum ScrapeError {
    #[error("TLS failed")]
    Tls(#[source] io::Error),
    #[error("HTTP failed")]
    Http(#[from] hyper::Error),
}

impl Server {
    /// Listens at an address.
    ///
    /// # Errors
    /// The address cannot be had.
    pub async fn listen(
        address: SocketAddr,
        connections: u32,
        access: Access,
        exhibition: Exhibition,
    ) -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind(address).await?,
            exhibition,
            access,
            places: Places::new(connections as usize),
        })
    }

    /// The address, with the port that the system chose where none was named.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves for ever. Everybody is let in, so that nobody waits behind those who say nothing.
    pub async fn serve(mut self) -> Infallible {
        loop {
            let (stream, client) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::debug!(%error, "cannot accept a connection");
                    tokio::time::sleep(AFTER_REFUSAL).await;
                    continue;
                }
            };
            self.places.make_room(client.ip());
            let conversation = receive(stream, self.access.clone(), self.exhibition.clone());
            let conversation = tokio::spawn(async move {
                match timeout(CONNECTION_TIMEOUT, conversation).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::debug!(error = in_full(&error), "a scrape failed"),
                    Err(_) => tracing::debug!("a scrape took too long"),
                }
            });
            self.places.take(client.ip(), conversation.abort_handle());
        }
    }
}

async fn receive(
    stream: TcpStream,
    access: Access,
    exhibition: Exhibition,
) -> Result<(), ScrapeError> {
    let demands = access.demands();
    let answerer = Answerer {
        exhibition,
        credentials: demands.credentials,
    };
    match demands.tls {
        None => converse(stream, answerer).await,
        Some(tls) => {
            let stream = tls.accept(stream).await.map_err(ScrapeError::Tls)?;
            converse(stream, answerer).await
        }
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    answerer: Answerer,
) -> Result<(), ScrapeError> {
    let answer = service_fn(|request| {
        let response = answerer.answer(&request);
        async { Ok::<_, Infallible>(response) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer)
        .await?;
    Ok(())
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
