//! Loki's push over HTTP: which body it is, and what its sender is told.
//!
//! Senders drop what is answered 4xx and send again what is answered 5xx or 429. A request of which only a part is kept is
//! answered 400 with what was wrong, as Loki does; the rest is durable all the same.

use super::{Pushed, convert, json, protobuf};
use crate::Error;
use crate::admit::{Reservation, body};
use crate::collector::{Collector, Export};
use crate::metrics::Transport;
use crate::otlp::http::{compression_named, content_length, log_our_fault, tenant_of};
use crate::otlp::reply;
use crate::rejections::Rejections;
use crate::server::Peer;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use binnacle_storage::model::{Compression, Encoding, Format, Signal};
use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

/// Where it is served, on every listener that takes it.
pub const PATH: &str = "/loki/api/v1/push";

/// Longest explanation in an answer; senders log it.
const MESSAGE_BYTES_MAX: usize = 4096;

/// Which body it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    Protobuf,
}

/// Answers one request.
pub async fn handle(collector: Collector, request: Request) -> Response {
    match export(&collector, request).await {
        Ok(rejected) if rejected.count == 0 => respond(StatusCode::NO_CONTENT, String::new()),
        Ok(rejected) => respond(StatusCode::BAD_REQUEST, rejected.message(MESSAGE_BYTES_MAX)),
        Err(error) => refuse(&error),
    }
}

async fn export(collector: &Collector, request: Request) -> Result<Rejections, Error> {
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        return Err(Error::WrongMethod { method: head.method.to_string() });
    }
    let client = head.extensions.get::<Peer>().map(|peer| peer.0.ip());
    let signal = Signal::Logs;
    let tenant = tenant_of(&head.headers)?;
    let read = async {
        let config = collector.config();
        let mut reservation = collector.in_flight().reservation();
        let length = content_length(&head.headers);
        let (limit, timeout) = (config.request_bytes_max, config.request_timeout);
        // Read before anything is refused: a connection that is left in the middle of a body ends.
        let body = body::read(body, length, limit, timeout, &mut reservation).await?;
        let (kind, compression) = kind_of(&head.headers)?;
        let work = move || converted(kind, compression, &body, limit, reservation);
        let converted = tokio::task::spawn_blocking(work).await;
        converted.unwrap_or_else(|error| Err(Error::Decoder { detail: error.to_string() }))
    };
    let (body, mut rejected, reservation) =
        read.await.inspect_err(|error| collector.refused(&tenant, signal, client, error))?;
    collector.log_rejected(&tenant, signal, client, collector.now(), &rejected);
    let encoding = Encoding { format: Format::OtlpProtobuf, compression: Compression::None };
    let transport = Transport::LokiPush;
    let export = Export { tenant, signal, encoding, transport, client, body, reservation };
    rejected.merge(collector.export(export).await?.rejected);
    Ok(rejected)
}

/// The body as an OTLP request, with what of it cannot be one.
fn converted(
    kind: Kind,
    compression: Compression,
    body: &[u8],
    limit: u64,
    mut reservation: Reservation,
) -> Result<(Bytes, Rejections, Reservation), Error> {
    let plain = body::decompress(compression, body, limit, &mut reservation)?;
    let read: Result<Pushed, String> = match kind {
        Kind::Json => json::read(&plain),
        Kind::Protobuf => protobuf::read(&plain),
    };
    let (streams, rejected) = read.map_err(|message| Error::BadRequest { message })?;
    Ok((convert::to_otlp(streams).into(), rejected, reservation))
}

/// JSON, as it is or compressed, or protobuf, which is a snappy block when nothing else is said.
fn kind_of(headers: &HeaderMap) -> Result<(Kind, Compression), Error> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
    let content_type = text(CONTENT_TYPE).unwrap_or("application/x-protobuf");
    let media_type = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let encoding = text(CONTENT_ENCODING).unwrap_or("").trim().to_ascii_lowercase();
    match media_type.as_str() {
        "application/json" => Ok((Kind::Json, compression_named(encoding.as_bytes())?)),
        "application/x-protobuf" => match encoding.as_str() {
            "" | "snappy" => Ok((Kind::Protobuf, Compression::Snappy)),
            other => Ok((Kind::Protobuf, compression_named(other.as_bytes())?)),
        },
        _ => {
            let shown: String = content_type.chars().take(100).collect();
            let message = format!(
                "content type '{shown}' is not supported: send application/json or application/x-protobuf"
            );
            Err(Error::UnsupportedType { message })
        }
    }
}

fn respond(status: StatusCode, message: String) -> Response {
    let has_message = !message.is_empty();
    let mut response = Response::new(Body::from(message));
    *response.status_mut() = status;
    if has_message {
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, text);
    }
    response
}

fn refuse(error: &Error) -> Response {
    log_our_fault(error);
    let refusal = reply::refusal(error);
    let mut response = respond(refusal.http, refusal.message.clone());
    let headers = response.headers_mut();
    if let Some(seconds) = refusal.retry_after_seconds() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    match error {
        Error::WrongMethod { .. } => {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        // What is left of the body is not worth reading.
        Error::TooLarge { .. } | Error::TooSlow { .. } => {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    response
}
