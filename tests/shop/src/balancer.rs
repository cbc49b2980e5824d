//! The load balancer: sends each request to the cell of the gateway with the fewest open ones, and asks each cell once a
//! second whether it is well.

use crate::Stop;
use crate::http::{BODY_BYTES_MAX, Call, Client, instrumented};
use crate::telemetry::Service;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::{HeaderMap, Method, StatusCode, header};
use opentelemetry::{Context, KeyValue};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tracing::{error, info, warn};

const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Checks in a row that must fail before a cell is left alone.
const FAILED_CHECKS: usize = 2;

/// A cell of the gateway.
#[derive(Debug)]
struct Upstream {
    name: &'static str,
    address: SocketAddr,
    open: AtomicUsize,
    failed_checks: AtomicUsize,
    is_well: AtomicBool,
}

#[derive(Debug, Clone)]
pub struct Balancer {
    service: Service,
    client: Client,
    upstreams: Arc<[Upstream]>,
    turn: Arc<AtomicUsize>,
}

impl Balancer {
    pub fn new(service: &Service, cells: &[(&'static str, SocketAddr)]) -> Balancer {
        let upstream = |(name, address): &(&'static str, SocketAddr)| Upstream {
            name,
            address: *address,
            open: AtomicUsize::new(0),
            failed_checks: AtomicUsize::new(0),
            is_well: AtomicBool::new(true),
        };
        Balancer {
            service: service.clone(),
            client: Client::new(service),
            upstreams: cells.iter().map(upstream).collect(),
            turn: Arc::default(),
        }
    }

    pub fn routes(self) -> Router {
        let service = self.service.clone();
        instrumented(Router::new().route("/{*path}", any(forward)), &service).with_state(self)
    }

    /// The one that is well and has the fewest open requests; of several such, each in its turn.
    fn choose(&self) -> Option<&Upstream> {
        let open = self.upstreams.iter().map(|one| {
            one.is_well.load(Ordering::Relaxed).then(|| one.open.load(Ordering::Relaxed))
        });
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        fewest(&open.collect::<Vec<_>>(), turn).map(|index| &self.upstreams[index])
    }

    /// Asks all cells how they are, until `stop`.
    pub async fn check(self, stop: Stop) {
        loop {
            for upstream in self.upstreams.iter() {
                let call = Call::new(Method::GET, "/healthz");
                let nobody = Context::new();
                let answer = self.client.send_plain(call, upstream.address, &nobody);
                let answer = tokio::time::timeout(CHECK_INTERVAL, answer).await;
                let is_well = matches!(answer, Ok(Ok(answer)) if answer.status == StatusCode::OK);
                self.note(upstream, is_well);
            }
            let well = self.upstreams.iter().filter(|one| one.is_well.load(Ordering::Relaxed));
            self.service.gauge(
                "balancer.upstreams.healthy",
                "{upstream}",
                well.count() as f64,
                &[],
            );
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(CHECK_INTERVAL) => {}
            }
        }
    }

    fn note(&self, upstream: &Upstream, is_well: bool) {
        if is_well {
            upstream.failed_checks.store(0, Ordering::Relaxed);
            if !upstream.is_well.swap(true, Ordering::Relaxed) {
                info!(cell = upstream.name, "the cell is well again");
            }
            return;
        }
        let failed = upstream.failed_checks.fetch_add(1, Ordering::Relaxed) + 1;
        if failed >= FAILED_CHECKS && upstream.is_well.swap(false, Ordering::Relaxed) {
            error!(cell = upstream.name, "the cell does not answer, and gets no more requests");
        }
    }
}

/// Which of those that are well (`Some`) has the fewest open requests, looked through from `turn` on.
fn fewest(open: &[Option<usize>], turn: usize) -> Option<usize> {
    let in_turn = (0..open.len()).map(|step| (turn.wrapping_add(step)) % open.len());
    in_turn.filter(|index| open[*index].is_some()).min_by_key(|index| open[*index])
}

/// Counts a request as open while it lives.
struct Open<'a>(&'a AtomicUsize);

impl<'a> Open<'a> {
    fn new(count: &'a AtomicUsize) -> Open<'a> {
        count.fetch_add(1, Ordering::Relaxed);
        Open(count)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn forward(State(balancer): State<Balancer>, request: Request) -> Response {
    let Some(upstream) = balancer.choose() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "no cell is well").into_response();
    };
    let _open = Open::new(&upstream.open);
    let call = match to_call(request).await {
        Ok(call) => call,
        Err(status) => return status.into_response(),
    };
    let of = [KeyValue::new("balancer.upstream", upstream.name)];
    let context = Context::current();
    balancer.service.count("balancer.requests", "{request}", &of, &context);
    match balancer.client.send(call, "gateway", upstream.address, &context).await {
        Ok(answer) => to_response(answer),
        Err(error) => {
            warn!(cell = upstream.name, error, "the cell did not answer");
            (StatusCode::BAD_GATEWAY, "the gateway did not answer").into_response()
        }
    }
}

/// A request as it is passed on.
pub async fn to_call(request: Request) -> Result<Call, StatusCode> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_BYTES_MAX).await;
    let body = body.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    Ok(Call { method: head.method, path, headers: passed_on(head.headers), body })
}

/// An answer as it is passed back.
pub fn to_response(answer: crate::http::Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = passed_on(answer.headers);
    response
}

/// Headers without those of one connection.
fn passed_on(mut headers: HeaderMap) -> HeaderMap {
    for name in
        [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH, header::HOST]
    {
        headers.remove(name);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_busy_is_chosen_and_equals_in_turn() {
        assert_eq!(fewest(&[Some(3), Some(1)], 0), Some(1));
        assert_eq!(
            [0, 1, 2, 3].map(|turn| fewest(&[Some(0), Some(0)], turn)),
            [0, 1, 0, 1].map(Some)
        );
        assert_eq!(fewest(&[None, Some(9)], 0), Some(1));
        assert_eq!((fewest(&[None, None], 5), fewest(&[], 5)), (None, None));
    }
}
