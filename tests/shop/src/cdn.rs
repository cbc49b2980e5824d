//! The CDN's edge: ends TLS, answers from its cache what may be cached, and asks the load balancer for the rest.

use crate::Stop;
use crate::balancer::{to_call, to_response};
use crate::faults::{Fault, Faults};
use crate::http::{Answer, Client, instrumented};
use crate::telemetry::Service;
use crate::tls::Tls;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tracing::warn;

const ENTRIES_MAX: usize = 1000;
/// A client must have said what it wants by then.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub struct Cdn {
    service: Service,
    client: Client,
    origin: SocketAddr,
    /// By path, until when.
    kept: Arc<Mutex<HashMap<String, (Kept, Instant)>>>,
}

#[derive(Debug, Clone)]
struct Kept {
    headers: HeaderMap,
    body: Bytes,
}

impl Cdn {
    pub fn new(service: &Service, origin: SocketAddr) -> Cdn {
        let client = Client::new(service);
        Cdn { service: service.clone(), client, origin, kept: Arc::default() }
    }

    fn routes(self) -> Router {
        let service = self.service.clone();
        instrumented(Router::new().route("/{*path}", any(answer)), &service).with_state(self)
    }

    fn find(&self, path: &str) -> Option<Kept> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(path).filter(|(_, until)| Instant::now() < *until).map(|(kept, _)| kept.clone())
    }

    fn keep(&self, path: String, answer: &Answer) {
        let Some(lasts) = lasts(&answer.headers).filter(|_| answer.status == StatusCode::OK) else {
            return;
        };
        let now = Instant::now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= ENTRIES_MAX {
            kept.retain(|_, (_, until)| now < *until);
        }
        if kept.len() < ENTRIES_MAX {
            let entry = Kept { headers: answer.headers.clone(), body: answer.body.clone() };
            kept.insert(path, (entry, now + lasts));
        }
    }
}

/// How long a shared cache may keep it.
fn lasts(headers: &HeaderMap) -> Option<Duration> {
    let control = headers.get(header::CACHE_CONTROL)?.to_str().ok()?;
    let mut directives = control.split(',').map(str::trim);
    if !directives.clone().any(|directive| directive == "public") {
        return None;
    }
    let seconds = directives.find_map(|directive| directive.strip_prefix("max-age="))?;
    Some(Duration::from_secs(seconds.parse().ok()?))
}

async fn answer(State(cdn): State<Cdn>, request: Request) -> Response {
    let path = request.uri().to_string();
    let is_read = request.method() == Method::GET;
    let context = Context::current();
    let told = |what: &'static str| {
        context.span().set_attribute(KeyValue::new("cdn.cache", what));
    };
    if let Some(kept) = cdn.find(&path).filter(|_| is_read) {
        told("hit");
        let mut response = Response::new(kept.body.into());
        *response.headers_mut() = kept.headers;
        response.headers_mut().insert("x-cache", HeaderValue::from_static("hit"));
        return response;
    }
    told("miss");
    let call = match to_call(request).await {
        Ok(call) => call,
        Err(status) => return status.into_response(),
    };
    match cdn.client.send(call, "balancer", cdn.origin, &context).await {
        Ok(answer) => {
            if is_read {
                cdn.keep(path, &answer);
            }
            to_response(answer)
        }
        Err(error) => {
            warn!(error, "the origin did not answer");
            (StatusCode::BAD_GATEWAY, "the origin did not answer").into_response()
        }
    }
}

/// Serves over TLS until `stop`; with which certificate, the faults say.
pub async fn serve(listener: TcpListener, cdn: Cdn, tls: Tls, faults: Faults, stop: Stop) {
    let (service, routes) = (cdn.service.clone(), cdn.routes());
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else { continue };
        let is_expired = faults.is_on(Fault::ExpiredCertificate);
        let config = if is_expired { &tls.expired } else { &tls.good };
        let acceptor = TlsAcceptor::from(config.clone());
        let connection = serve_connection(stream, acceptor, routes.clone());
        let (stop, service) = (stop.clone(), service.clone());
        let logged = async move {
            if let Err(error) = connection.await {
                warn!(error, "a connection was broken off");
            }
        };
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = service.within(logged) => {}
            }
        });
    }
}

async fn serve_connection(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    routes: Router,
) -> Result<(), String> {
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let accepted = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await;
    let stream = accepted.map_err(|_| "no handshake in time".to_owned())?;
    let stream = TokioIo::new(stream.map_err(|error| error.to_string())?);
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(stream, TowerToHyperService::new(routes))
        .await
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_public_is_kept() {
        let cases = [
            ("public, max-age=5", Some(5)),
            ("max-age=60, public", Some(60)),
            ("private, max-age=5", None),
            ("public", None),
            ("public, max-age=soon", None),
        ];
        for (control, seconds) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(control));
            assert_eq!(lasts(&headers), seconds.map(Duration::from_secs), "{control}");
        }
    }
}
