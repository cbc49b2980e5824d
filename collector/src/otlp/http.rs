//! OTLP over HTTP: protobuf and JSON on one port; every answer is in the encoding of its request.

use super::reply::{self, Refusal};
use crate::Error;
use crate::admit::body;
use crate::collector::{Collector, Export};
use crate::metrics::Transport;
use crate::server::Peer;
use crate::{loki_push, remote_write};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use binnacle_storage::model::{Compression, Encoding, Format, Signal, TenantId};
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use tracing::error;

/// Says whose data a request carries.
pub const TENANT_HEADER: &str = "x-scope-orgid";

/// How long a browser may remember a preflight answer.
const CORS_MAX_AGE: Duration = Duration::from_secs(7200);

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

pub fn router(collector: &Collector) -> Router {
    Router::new()
        .fallback(handle)
        .layer(cors(&collector.config().cors_origins))
        .layer(CatchPanicLayer::new())
        .with_state(collector.clone())
}

/// Any path and method: what is wrong is said in one place.
async fn handle(State(collector): State<Collector>, request: Request) -> Response {
    // Senders that may reach only this listener write here too.
    match request.uri().path() {
        remote_write::http::PATH => remote_write::http::handle(collector, request).await,
        loki_push::http::PATH => loki_push::http::handle(collector, request).await,
        _ => answer(collector, request).await,
    }
}

/// Answers a request whose path is one of OTLP's.
pub async fn answer(collector: Collector, request: Request) -> Response {
    let format = format_of(request.headers());
    let answer_format = *format.as_ref().unwrap_or(&Format::OtlpJson);
    match export(&collector, format, request).await {
        Ok(answer) => answer,
        Err(error) => refuse(&error, answer_format),
    }
}

async fn export(
    collector: &Collector,
    format: Result<Format, Error>,
    request: Request,
) -> Result<Response, Error> {
    let (head, body) = request.into_parts();
    let signal = signal_of(head.uri.path())?;
    if head.method != Method::POST {
        return Err(Error::WrongMethod { method: head.method.to_string() });
    }
    let tenant = tenant_of(&head.headers)?;
    let client = head.extensions.get::<Peer>().map(|peer| peer.0.ip());
    let read = async {
        let encoding = Encoding { format: format?, compression: compression_of(&head.headers)? };
        let config = collector.config();
        let mut reservation = collector.in_flight().reservation();
        let length = content_length(&head.headers);
        let (limit, timeout) = (config.request_bytes_max, config.request_timeout);
        let body = body::read(body, length, limit, timeout, &mut reservation).await?;
        Ok((encoding, body, reservation))
    };
    let (encoding, body, reservation) =
        read.await.inspect_err(|error| collector.refused(&tenant, signal, client, error))?;
    let transport = Transport::Http;
    let export = Export { tenant, signal, encoding, transport, client, body, reservation };
    let rejected = collector.export(export).await?.rejected;
    let bytes = match encoding.format {
        Format::OtlpJson => reply::success_json(signal, &rejected),
        _ => reply::success_protobuf(signal, &rejected),
    };
    Ok(respond(StatusCode::OK, encoding.format, bytes))
}

fn signal_of(path: &str) -> Result<Signal, Error> {
    match path {
        "/v1/traces" => Ok(Signal::Traces),
        "/v1/logs" => Ok(Signal::Logs),
        // The second is where Prometheus itself takes OTLP.
        "/v1/metrics" | "/api/v1/otlp/v1/metrics" => Ok(Signal::Metrics),
        other => {
            let path = other.chars().take(200).collect();
            Err(Error::UnknownPath { path })
        }
    }
}

/// Whose data it is; without the header, the default tenant's.
pub fn tenant_of(headers: &HeaderMap) -> Result<TenantId, Error> {
    let mut values = headers.get_all(TENANT_HEADER).iter();
    let Some(value) = values.next() else { return Ok(TenantId::default()) };
    if values.next().is_some() {
        return Err(Error::BadRequest { message: "X-Scope-OrgID is given twice".to_owned() });
    }
    Ok(String::from_utf8_lossy(value.as_bytes()).parse::<TenantId>()?)
}

/// The media type without its parameters: `application/json; charset=utf-8` is JSON.
fn format_of(headers: &HeaderMap) -> Result<Format, Error> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        PROTOBUF => Ok(Format::OtlpProtobuf),
        JSON => Ok(Format::OtlpJson),
        _ => {
            let shown = value.chars().take(100).collect::<String>();
            let message =
                format!("content type '{shown}' is not supported: send {PROTOBUF} or {JSON}");
            Err(Error::UnsupportedType { message })
        }
    }
}

fn compression_of(headers: &HeaderMap) -> Result<Compression, Error> {
    let value = headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes).unwrap_or_default();
    compression_named(value)
}

/// The compression of a name in `Content-Encoding` or `grpc-encoding`.
pub fn compression_named(name: &[u8]) -> Result<Compression, Error> {
    let name = String::from_utf8_lossy(name).trim().to_ascii_lowercase();
    match name.as_str() {
        "" | "identity" => Ok(Compression::None),
        "gzip" | "x-gzip" => Ok(Compression::Gzip),
        "zstd" => Ok(Compression::Zstd),
        other => Err(Error::UnsupportedEncoding { encoding: other.chars().take(100).collect() }),
    }
}

pub fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn respond(status: StatusCode, format: Format, bytes: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let content_type = match format {
        Format::OtlpJson => JSON,
        _ => PROTOBUF,
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn refuse(error: &Error, format: Format) -> Response {
    log_our_fault(error);
    let refusal = reply::refusal(error);
    let bytes = match format {
        Format::OtlpJson => refusal.to_json(),
        _ => refusal.to_protobuf(),
    };
    let mut response = respond(refusal.http, format, bytes);
    add_headers(error, &refusal, response.headers_mut());
    response
}

fn add_headers(error: &Error, refusal: &Refusal, headers: &mut HeaderMap) {
    if let Some(seconds) = refusal.retry_after_seconds() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    match error {
        Error::WrongMethod { .. } => {
            headers.insert(ALLOW, HeaderValue::from_static("POST, OPTIONS"));
        }
        Error::UnsupportedEncoding { .. } => {
            let accepted = HeaderValue::from_static("gzip, zstd, identity");
            headers.insert(HeaderName::from_static("accept-encoding"), accepted);
        }
        // What is left of the body is not worth reading.
        Error::TooLarge { .. } | Error::TooSlow { .. } => {
            headers.insert(http::header::CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
}

/// Faults that are not the sender's go to the log with their whole chain.
pub fn log_our_fault(error: &Error) {
    use binnacle_storage::Error as StorageError;
    match error {
        Error::Storage(StorageError::Overloaded { .. } | StorageError::ShuttingDown) => {}
        Error::Storage(cause) => {
            let chain = std::error::Error::source(cause).map(ToString::to_string);
            error!(error = %cause, source = chain, "failed to store a request");
        }
        Error::Decoder { detail } => error!(detail, "failed to decode a request"),
        _ => {}
    }
}

fn cors(origins: &[String]) -> CorsLayer {
    let origins = origins.to_vec();
    let allowed = move |origin: &HeaderValue, _: &http::request::Parts| {
        let origin = origin.to_str().unwrap_or_default();
        origins.iter().any(|pattern| origin_matches(pattern, origin))
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(allowed))
        .allow_methods([Method::POST])
        // Exporters add headers of their own (x-*, authorization, traceparent): what is asked for is allowed.
        .allow_headers(AllowHeaders::mirror_request())
        .max_age(CORS_MAX_AGE)
}

/// A page's origin against one of `cors_origins`: `*` alone is any page, `:*` at the end any port or none, and any other `*`
/// some text of the host.
fn origin_matches(pattern: &str, origin: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let Some(pattern) = pattern.strip_suffix(":*") else { return host_matches(pattern, origin) };
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match origin.rsplit_once(':') {
        Some((host, port)) if is_port(port) => host_matches(pattern, host),
        _ => host_matches(pattern, origin),
    }
}

/// `*` stands for any text without a slash or colon, so that it cannot reach past the host.
fn host_matches(pattern: &str, origin: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == origin,
        Some((before, after)) => origin.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len())
                .take_while(|&end| !rest.as_bytes()[..end].iter().any(|byte| b"/:".contains(byte)))
                .filter(|&end| rest.is_char_boundary(end))
                .any(|end| host_matches(after, &rest[end..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_one_tenant() {
        let tenant = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(TENANT_HEADER, HeaderValue::from_static(value));
            }
            tenant_of(&headers).ok().map(|tenant| tenant.to_string())
        };
        assert_eq!(tenant(&[]).as_deref(), Some("default"));
        assert_eq!(tenant(&["a"]).as_deref(), Some("a"));
        assert_eq!(tenant(&["a", "b"]), None);
    }

    #[test]
    fn origins_match_their_patterns() {
        let cases = [
            ("http://localhost:*", "http://localhost:3000", true),
            ("http://localhost:*", "http://localhost", true),
            ("http://localhost:*", "http://localhost.evil.com:80", false),
            ("http://localhost:*", "http://localhost:3000.evil.com", false),
            ("https://*.example.com", "https://shop.example.com", true),
            ("https://*.example.com", "https://shop.example.com.evil.com", false),
            ("https://*.example.com", "https://evil.com/.example.com", false),
            ("https://*.example.com", "https://shop.example.com:8080", false),
            ("https://*.example.com:*", "https://shop.example.com:8080", true),
            ("*", "https://anything", true),
            ("https://example.com", "https://example.com", true),
        ];
        for (pattern, origin, expected) in cases {
            assert_eq!(origin_matches(pattern, origin), expected, "{pattern} {origin}");
        }
    }

    #[test]
    fn parameters_of_content_types_are_ignored() {
        let format = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
            format_of(&headers).ok()
        };
        assert_eq!(format("application/json; charset=utf-8"), Some(Format::OtlpJson));
        assert_eq!(format("Application/X-Protobuf"), Some(Format::OtlpProtobuf));
        assert_eq!(format("text/plain"), None);
    }
}
