//! Connections: accepts them up to a bound, and closes what is too slow, too old, or in the way of a shutdown.

use crate::CollectorConfig;
use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use prometheus_client::metrics::gauge::Gauge;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt;
use tracing::{debug, warn};

/// How long requests in progress may take to finish after shutdown began.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection past its age may take to finish its requests.
const AGE_GRACE: Duration = Duration::from_secs(30);

/// Pause after a failed accept: it fails for want of file handles, which connections give back as they end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Longest header block of an HTTP/2 request.
const HEADER_LIST_BYTES_MAX: u32 = 64 << 10;

/// Window of one HTTP/2 stream and connection: large bodies arrive without a round trip per 64 KiB.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

/// Who sent a request.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Limits on connections.
#[derive(Debug, Clone)]
pub struct Limits {
    connections_max: usize,
    connection_age_max: Option<Duration>,
    http: Builder<TokioExecutor>,
}

impl Limits {
    pub fn new(config: &CollectorConfig) -> Limits {
        let mut http = Builder::new(TokioExecutor::new());
        http.http1().timer(TokioTimer::new()).header_read_timeout(config.header_timeout);
        http.http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(config.streams_max)
            .max_header_list_size(HEADER_LIST_BYTES_MAX)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .keep_alive_interval(non_zero(config.keepalive_interval))
            .keep_alive_timeout(config.keepalive_timeout);
        Limits {
            connections_max: config.connections_max,
            connection_age_max: non_zero(config.connection_age_max),
            http,
        }
    }
}

fn non_zero(duration: Duration) -> Option<Duration> {
    (!duration.is_zero()).then_some(duration)
}

/// Accepts connections until `stopped`, then waits for those that are open.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: &Limits,
    connections: &Gauge,
    mut stopped: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let mut open = JoinSet::new();
    loop {
        let next = accept(&listener, &places);
        let (stream, peer, place) = tokio::select! {
            () = stop_said(&mut stopped) => break,
            Some(_) = open.join_next() => continue,
            next = next => match next {
                Ok(next) => next,
                Err(error) => {
                    warn!(%error, "failed to accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let connection = Connection {
            limits: limits.clone(),
            router: router.clone(),
            peer,
            stopped: stopped.clone(),
            place,
            gauge: connections.clone(),
        };
        open.spawn(connection.serve(stream));
    }
    drop(listener);
    let drained = async { while open.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_err() {
        warn!("closed connections whose requests did not finish in time");
    }
}

/// Ends when `stopped` says so. What a watch lends must not live across an await.
async fn stop_said(stopped: &mut watch::Receiver<bool>) {
    drop(stopped.wait_for(|stopped| *stopped).await);
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
}

struct Connection {
    limits: Limits,
    router: Router,
    peer: SocketAddr,
    stopped: watch::Receiver<bool>,
    /// Held while the connection is open.
    place: OwnedSemaphorePermit,
    gauge: Gauge,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        let Connection { limits, router, peer, mut stopped, place, gauge } = self;
        gauge.inc();
        // Answers are small and wanted at once.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "failed to set TCP_NODELAY");
        }
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            router.clone().oneshot(request)
        });
        let mut connection = pin!(limits.http.serve_connection(TokioIo::new(stream), service));
        let aged = async {
            match limits.connection_age_max {
                Some(age) => tokio::time::sleep(age).await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            _ = stopped.wait_for(|stopped| *stopped) => None,
            () = aged => None,
        };
        let ended = match ended {
            Some(ended) => Ok(ended),
            None => {
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(AGE_GRACE, connection).await
            }
        };
        if let Ok(Err(error)) = ended {
            debug!(%peer, error, "connection ended early");
        }
        gauge.dec();
        drop(place);
    }
}
