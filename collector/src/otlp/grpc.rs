//! OTLP over gRPC: the three export methods, health and reflection.
//!
//! The unary framing (five bytes before the message, status in the trailers) is read here rather than by tonic: tonic
//! reserves the announced size at once, decompresses on the runtime's threads, and calls a large message OUT_OF_RANGE, which
//! exporters retry for ever.

use super::http::{compression_named, log_our_fault, tenant_of};
use super::reply;
use crate::Error;
use crate::admit::{Reservation, body};
use crate::collector::{Collector, Export};
use crate::metrics::Transport;
use crate::server::Peer;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use binnacle_storage::model::{Compression, Encoding, Format, Signal};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt, Full};
use tonic::server::NamedService;
use tower_http::catch_panic::CatchPanicLayer;

/// The compression flag and the message's length.
const FRAME_HEAD_BYTES: usize = 5;

const GRPC: &str = "application/grpc";
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

const TRACE_SERVICE: &str = "opentelemetry.proto.collector.trace.v1.TraceService";
const LOGS_SERVICE: &str = "opentelemetry.proto.collector.logs.v1.LogsService";
const METRICS_SERVICE: &str = "opentelemetry.proto.collector.metrics.v1.MetricsService";

pub fn router(collector: &Collector) -> Router {
    let method = |signal| {
        post(move |State(collector): State<Collector>, request: Request| async move {
            handle(&collector, signal, request).await
        })
    };
    let router = Router::new()
        .route(&format!("/{TRACE_SERVICE}/Export"), method(Signal::Traces))
        .route(&format!("/{LOGS_SERVICE}/Export"), method(Signal::Logs))
        .route(&format!("/{METRICS_SERVICE}/Export"), method(Signal::Metrics))
        .with_state(collector.clone());
    let router = with_health(router);
    with_reflection(router)
        .fallback(unknown_method)
        .method_not_allowed_fallback(unknown_method)
        .layer(CatchPanicLayer::new())
}

/// `grpc.health.v1.Health`: the server as a whole, and each export service by name.
fn with_health(router: Router) -> Router {
    use tonic_health::ServingStatus::Serving;
    use tonic_health::pb::health_server::HealthServer;
    let services = ["", TRACE_SERVICE, LOGS_SERVICE, METRICS_SERVICE];
    let statuses = services.map(|service| (service.to_owned(), Serving));
    let health = tonic_health::server::HealthService::from_health_reporter(reporter(statuses));
    route(router, HealthServer::new(health))
}

fn reporter(
    statuses: [(String, tonic_health::ServingStatus); 4],
) -> tonic_health::server::HealthReporter {
    let reporter = tonic_health::server::HealthReporter::new();
    let setter = reporter.clone();
    tokio::spawn(async move {
        for (service, status) in statuses {
            setter.set_service_status(service, status).await;
        }
    });
    reporter
}

/// Reflection, both versions: `grpcurl` and the like find the services by themselves.
fn with_reflection(router: Router) -> Router {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(opentelemetry_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .with_service_name(TRACE_SERVICE)
            .with_service_name(LOGS_SERVICE)
            .with_service_name(METRICS_SERVICE)
            .with_service_name("grpc.health.v1.Health")
    };
    match (builder().build_v1(), builder().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => route(route(router, v1), v1alpha),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "gRPC reflection is not served");
            router
        }
    }
}

fn route<S>(router: Router, service: S) -> Router
where
    S: tower::Service<Request, Error = std::convert::Infallible>
        + NamedService
        + Clone
        + Send
        + Sync
        + 'static,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    router.route_service(&format!("/{}/{{*method}}", S::NAME), service)
}

async fn unknown_method(request: Request) -> Response {
    let path = request.uri().path().chars().take(200).collect::<String>();
    status_response(tonic::Status::unimplemented(format!("method {path} is not served")))
}

/// A response without a message: the status is in the headers.
fn status_response(status: tonic::Status) -> Response {
    status.into_http::<tonic::body::Body>().map(Body::new)
}

async fn handle(collector: &Collector, signal: Signal, request: Request) -> Response {
    if !is_grpc(request.headers()) {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "this port speaks gRPC\n").into_response();
    }
    match export(collector, signal, request).await {
        Ok(message) => success(&message),
        Err(error) => {
            log_our_fault(&error);
            let mut response = status_response(reply::refusal(&error).to_status());
            if matches!(error, Error::UnsupportedEncoding { .. }) {
                response.headers_mut().insert(GRPC_ACCEPT_ENCODING, accepted_encodings());
            }
            response
        }
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| match value.strip_prefix(GRPC) {
        Some(rest) => rest.is_empty() || rest.starts_with(['+', ';']),
        None => false,
    })
}

fn accepted_encodings() -> HeaderValue {
    HeaderValue::from_static("identity,gzip,zstd")
}

async fn export(collector: &Collector, signal: Signal, request: Request) -> Result<Vec<u8>, Error> {
    let (head, body) = request.into_parts();
    let tenant = tenant_of(&head.headers)?;
    let client = head.extensions.get::<Peer>().map(|peer| peer.0.ip());
    let read = read_message(collector, &head.headers, body);
    let (compression, body, reservation) =
        read.await.inspect_err(|error| collector.refused(&tenant, signal, client, error))?;
    let encoding = Encoding { format: Format::OtlpProtobuf, compression };
    let transport = Transport::Grpc;
    let export = Export { tenant, signal, encoding, transport, client, body, reservation };
    let rejected = collector.export(export).await?.rejected;
    Ok(reply::success_protobuf(signal, &rejected))
}

/// Reads the one message of a unary call.
async fn read_message(
    collector: &Collector,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Compression, Bytes, Reservation), Error> {
    let encoding = headers.get(GRPC_ENCODING).map(HeaderValue::as_bytes).unwrap_or_default();
    let compression = compression_named(encoding)?;
    let config = collector.config();
    let mut reservation = collector.in_flight().reservation();
    let limit = config.request_bytes_max;
    let read_limit = limit + FRAME_HEAD_BYTES as u64;
    let body = body::read(body, None, read_limit, config.request_timeout, &mut reservation).await;
    let body = body.map_err(|error| match error {
        Error::TooLarge { .. } => Error::TooLarge { limit },
        other => other,
    })?;
    let (is_compressed, message) = unframe(body)?;
    match (is_compressed, compression) {
        (false, _) => Ok((Compression::None, message, reservation)),
        (true, Compression::None) => {
            Err(bad("message is flagged as compressed but grpc-encoding names no compression"))
        }
        (true, compression) => Ok((compression, message, reservation)),
    }
}

fn bad(message: &str) -> Error {
    Error::BadRequest { message: message.to_owned() }
}

/// Splits the frame into its compression flag and the message.
fn unframe(body: Bytes) -> Result<(bool, Bytes), Error> {
    let Some((&[flag, a, b, c, d], message)) = body.split_first_chunk::<FRAME_HEAD_BYTES>() else {
        return Err(bad("request has no message"));
    };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if flag > 1 {
        return Err(bad("compression flag is neither 0 nor 1"));
    }
    match message.len().cmp(&length) {
        std::cmp::Ordering::Less => Err(bad("message is shorter than its frame says")),
        std::cmp::Ordering::Greater => Err(bad("more than one message in a unary call")),
        std::cmp::Ordering::Equal => Ok((flag == 1, body.slice(FRAME_HEAD_BYTES..))),
    }
}

fn success(message: &[u8]) -> Response {
    let mut frame = Vec::with_capacity(FRAME_HEAD_BYTES + message.len());
    frame.push(0);
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(message);
    let trailers = async {
        let mut trailers = HeaderMap::new();
        trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
        Some(Ok(trailers))
    };
    let body = Full::new(Bytes::from(frame)).with_trailers(trailers);
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(GRPC));
    response.headers_mut().insert(GRPC_ACCEPT_ENCODING, accepted_encodings());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_must_hold_exactly_one_message() {
        let unframe = |bytes: &'static [u8]| super::unframe(Bytes::from_static(bytes));
        assert!(matches!(unframe(&[1, 0, 0, 0, 1, 9]), Ok((true, message)) if *message == [9]));
        assert!(matches!(unframe(&[0, 0, 0, 0, 0]), Ok((false, message)) if message.is_empty()));
        let broken: [&[u8]; 5] =
            [&[], &[0, 0, 0, 0], &[0, 0, 0, 0, 2, 9], &[0, 0, 0, 0, 0, 0], &[2, 0, 0, 0, 0]];
        for frame in broken {
            assert!(unframe(frame).is_err(), "{frame:?}");
        }
    }

    #[test]
    fn content_types_of_grpc() {
        let is_grpc = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
            super::is_grpc(&headers)
        };
        assert!(is_grpc("application/grpc") && is_grpc("application/grpc+proto"));
        assert!(!is_grpc("application/grpc-web") && !is_grpc("application/json"));
    }
}
