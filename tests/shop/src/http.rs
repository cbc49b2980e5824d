//! HTTP between services, instrumented on both sides.

use crate::telemetry::{Service, extract, inject};
use crate::{Error, Stop};
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;

/// Longest body that is read, either way.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// How long a call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Listens on any free port of loopback.
pub async fn listen() -> Result<TcpListener, Error> {
    TcpListener::bind(("127.0.0.1", 0)).await.map_err(Error::Listen)
}

/// Lays spans, measurements and the service's log around all routes.
pub fn instrumented<S: Clone + Send + Sync + 'static>(
    routes: Router<S>,
    service: &Service,
) -> Router<S> {
    routes.route_layer(from_fn_with_state(service.clone(), serve_one))
}

/// Serves `routes` until `stop`.
pub async fn serve(listener: TcpListener, routes: Router, stop: Stop) {
    let served = axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = served.await {
        tracing::warn!(%error, "a service of the shop ended");
    }
}

async fn serve_one(State(service): State<Service>, request: Request, next: Next) -> Response {
    let parent = extract(request.headers());
    let method = request.method().as_str().to_owned();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(|| "/".to_owned(), |path| path.as_str().to_owned());
    let attributes = vec![
        KeyValue::new("http.request.method", method.clone()),
        KeyValue::new("http.route", route.clone()),
        KeyValue::new("url.path", request.uri().path().to_owned()),
        KeyValue::new("url.scheme", "http"),
        KeyValue::new("network.protocol.version", version(request.version())),
        KeyValue::new("server.address", address(service.name())),
    ];
    let name = format!("{method} {route}");
    let work = service.start(SpanKind::Server, name, &parent, attributes);
    let response = work.run(next.run(request)).await;
    let status = response.status();
    work.set("http.response.status_code", i64::from(status.as_u16()));
    let mut measured = vec![
        KeyValue::new("http.request.method", method),
        KeyValue::new("http.route", route),
        KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
        KeyValue::new("url.scheme", "http"),
    ];
    if status.is_server_error() {
        work.fail(status.as_str(), status.canonical_reason().unwrap_or_default());
        measured.push(KeyValue::new("error.type", status.as_str().to_owned()));
    }
    let context = work.context().clone();
    let elapsed = work.finish();
    service.measure("http.server.request.duration", elapsed, &measured, &context);
    response
}

/// What `service` is called in the shop's DNS.
pub fn address(service: &str) -> String {
    format!("{service}.shop.test")
}

fn version(of: http::Version) -> &'static str {
    match of {
        http::Version::HTTP_2 => "2",
        http::Version::HTTP_10 => "1.0",
        _ => "1.1",
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A request to be sent.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Call {
    pub fn new(method: Method, path: impl Into<String>) -> Call {
        Call { method, path: path.into(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    pub fn json(mut self, value: &serde_json::Value) -> Call {
        self.body = Bytes::from(value.to_string());
        let json = http::HeaderValue::from_static("application/json");
        self.headers.insert(http::header::CONTENT_TYPE, json);
        self
    }
}

/// Calls other services, with connections that are kept.
#[derive(Debug, Clone)]
pub struct Client {
    service: Service,
    pool: Pool<HttpConnector, Full<Bytes>>,
}

impl Client {
    pub fn new(service: &Service) -> Client {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_secs(2)));
        let mut pool = Pool::builder(TokioExecutor::new());
        pool.pool_idle_timeout(Duration::from_secs(20));
        Client { service: service.clone(), pool: pool.build(connector) }
    }

    /// Sends `call` to `peer` at `to`, as a span below `parent`.
    pub async fn send(
        &self,
        call: Call,
        peer: &str,
        to: SocketAddr,
        parent: &Context,
    ) -> Result<Answer, String> {
        let attributes = sent_attributes(&call, peer, to.port(), "http");
        let name = call.method.to_string();
        let work = self.service.start(SpanKind::Client, name, parent, attributes);
        let answer = self.send_plain(call.clone(), to, work.context()).await;
        finish_call(&self.service, work, &call, peer, &answer);
        answer
    }

    /// Sends `call` without a span of its own, but with `context`.
    pub async fn send_plain(
        &self,
        call: Call,
        to: SocketAddr,
        context: &Context,
    ) -> Result<Answer, String> {
        let uri = format!("http://{to}{}", call.path);
        let mut request = http::Request::builder().method(call.method).uri(uri);
        if let Some(headers) = request.headers_mut() {
            *headers = call.headers;
            inject(context, headers);
        }
        let request = request.body(Full::new(call.body)).map_err(|error| error.to_string())?;
        let answered = async {
            let response = self.pool.request(request).await.map_err(|error| {
                use std::error::Error as _;
                error.source().map_or_else(|| error.to_string(), ToString::to_string)
            })?;
            read(response).await
        };
        tokio::time::timeout(CALL_TIMEOUT, answered)
            .await
            .unwrap_or_else(|_| Err("the call timed out".to_owned()))
    }
}

/// Reads a response to its end.
pub async fn read(response: http::Response<hyper::body::Incoming>) -> Result<Answer, String> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    Ok(Answer { status: head.status, headers: head.headers, body })
}

/// What a span says of a call before it is answered.
pub fn sent_attributes(call: &Call, peer: &str, port: u16, scheme: &'static str) -> Vec<KeyValue> {
    let host = address(peer);
    vec![
        KeyValue::new("http.request.method", call.method.to_string()),
        KeyValue::new("url.full", format!("{scheme}://{host}:{port}{}", call.path)),
        KeyValue::new("server.address", host),
        KeyValue::new("server.port", i64::from(port)),
        KeyValue::new("network.protocol.version", "1.1"),
    ]
}

/// Ends the span of a call by its answer, and measures it.
pub fn finish_call(
    service: &Service,
    work: crate::telemetry::Work,
    call: &Call,
    peer: &str,
    answer: &Result<Answer, String>,
) {
    let mut measured = vec![
        KeyValue::new("http.request.method", call.method.to_string()),
        KeyValue::new("server.address", address(peer)),
    ];
    match answer {
        Ok(answer) => {
            let code = i64::from(answer.status.as_u16());
            work.set("http.response.status_code", code);
            measured.push(KeyValue::new("http.response.status_code", code));
            // To a client, also what it did wrong is a failed call.
            if answer.status.as_u16() >= 400 {
                work.fail(answer.status.as_str(), "");
                measured.push(KeyValue::new("error.type", answer.status.as_str().to_owned()));
            }
        }
        Err(error) => {
            work.fail("connection_error", error.clone());
            measured.push(KeyValue::new("error.type", "connection_error"));
        }
    }
    let context = work.context().clone();
    let elapsed = work.finish();
    service.measure("http.client.request.duration", elapsed, &measured, &context);
}
