//! Remote write over HTTP: which message it is, and what its sender is told.
//!
//! Senders drop what is answered 4xx and send again what is answered 5xx or 429. A request of which only a part is kept is
//! answered 400 with the number of samples that were written, as both versions ask for.

use crate::Error;
use crate::admit::body;
use crate::collector::{Collector, Export};
use crate::decode::Written;
use crate::metrics::Transport;
use crate::otlp::http::{content_length, log_our_fault, tenant_of};
use crate::otlp::reply;
use crate::rejections::Rejections;
use crate::server::Peer;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use binnacle_storage::model::{Compression, Encoding, Format, Signal};
use http::header::{ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

/// Where it is served, on every listener that takes it.
pub const PATH: &str = "/prometheus/api/v1/write";

const SAMPLES: HeaderName = HeaderName::from_static("x-prometheus-remote-write-samples-written");
const HISTOGRAMS: HeaderName =
    HeaderName::from_static("x-prometheus-remote-write-histograms-written");
const EXEMPLARS: HeaderName =
    HeaderName::from_static("x-prometheus-remote-write-exemplars-written");

/// Longest explanation in an answer; senders log it.
const MESSAGE_BYTES_MAX: usize = 4096;

/// Answers one request.
pub async fn handle(collector: Collector, request: Request) -> Response {
    match export(&collector, request).await {
        Ok((written, rejected)) if rejected.count == 0 => {
            respond(StatusCode::NO_CONTENT, written, String::new())
        }
        Ok((written, rejected)) => {
            let message = rejected.message(MESSAGE_BYTES_MAX);
            respond(StatusCode::BAD_REQUEST, written, message)
        }
        Err(error) => refuse(&error),
    }
}

async fn export(collector: &Collector, request: Request) -> Result<(Written, Rejections), Error> {
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        return Err(Error::WrongMethod { method: head.method.to_string() });
    }
    let client = head.extensions.get::<Peer>().map(|peer| peer.0.ip());
    let signal = Signal::Metrics;
    let read = async {
        let config = collector.config();
        let mut reservation = collector.in_flight().reservation();
        let length = content_length(&head.headers);
        let (limit, timeout) = (config.request_bytes_max, config.request_timeout);
        // Read before anything is refused: a connection that is left in the middle of a body ends, and with it may go the
        // answer or the sender's next request.
        let body = body::read(body, length, limit, timeout, &mut reservation).await?;
        Ok((encoding_of(&head.headers)?, body, reservation))
    };
    let read = read.await;
    let tenant = tenant_of(&head.headers)?;
    let (encoding, body, reservation) =
        read.inspect_err(|error| collector.refused(&tenant, signal, client, error))?;
    let transport = Transport::RemoteWrite;
    let export = Export { tenant, signal, encoding, transport, client, body, reservation };
    let exported = collector.export(export).await?;
    Ok((exported.written, exported.rejected))
}

/// Which message it is. Senders of version 1.0 may leave both headers out.
fn encoding_of(headers: &HeaderMap) -> Result<Encoding, Error> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
    let compression = text(CONTENT_ENCODING).unwrap_or("snappy").trim();
    if !compression.eq_ignore_ascii_case("snappy") {
        let shown: String = compression.chars().take(100).collect();
        let message = format!("content encoding '{shown}' is not supported: send snappy");
        return Err(Error::UnsupportedType { message });
    }
    let format = format_of(text(CONTENT_TYPE).unwrap_or("application/x-protobuf"))?;
    Ok(Encoding { format, compression: Compression::Snappy })
}

fn format_of(content_type: &str) -> Result<Format, Error> {
    let unsupported = || {
        let shown: String = content_type.chars().take(100).collect();
        let message = format!(
            "content type '{shown}' is not supported: send application/x-protobuf with \
             proto=prometheus.WriteRequest or proto=io.prometheus.write.v2.Request"
        );
        Error::UnsupportedType { message }
    };
    let mut parts = content_type.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    if !media_type.eq_ignore_ascii_case("application/x-protobuf") {
        return Err(unsupported());
    }
    let message = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("proto").then(|| value.trim().trim_matches('"'))
    });
    match message {
        None | Some("prometheus.WriteRequest") => Ok(Format::RemoteWrite1),
        Some("io.prometheus.write.v2.Request") => Ok(Format::RemoteWrite2),
        Some(_) => Err(unsupported()),
    }
}

fn respond(status: StatusCode, written: Written, message: String) -> Response {
    let has_message = !message.is_empty();
    let mut response = Response::new(Body::from(message));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if has_message {
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(CONTENT_TYPE, text);
    }
    headers.insert(SAMPLES, HeaderValue::from(written.samples));
    headers.insert(HISTOGRAMS, HeaderValue::from(written.histograms));
    headers.insert(EXEMPLARS, HeaderValue::from(written.exemplars));
    response
}

fn refuse(error: &Error) -> Response {
    log_our_fault(error);
    let refusal = reply::refusal(error);
    let mut response = respond(refusal.http, Written::default(), refusal.message.clone());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_chosen_by_its_name() {
        let cases = [
            ("application/x-protobuf", Some(Format::RemoteWrite1)),
            ("application/x-protobuf;proto=prometheus.WriteRequest", Some(Format::RemoteWrite1)),
            (
                "Application/X-Protobuf; proto=\"io.prometheus.write.v2.Request\"",
                Some(Format::RemoteWrite2),
            ),
            ("application/x-protobuf;proto=io.prometheus.write.v3.Request", None),
            ("application/json", None),
            ("", None),
        ];
        for (content_type, expected) in cases {
            assert_eq!(format_of(content_type).ok(), expected, "{content_type}");
        }
    }
}
