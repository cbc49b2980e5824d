//! gRPC on the API's own port: one message in, a message or a stream of messages out.
//!
//! Framing is done here, as for OTLP: five bytes before each message, the status in the trailers. Clients speak HTTP/2 without
//! TLS and without asking first, which the listener understands beside HTTP/1.

use super::error::ApiError;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::StreamBody;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Frame;
use prost::Message;
use std::convert::Infallible;
use std::fmt::Write;

/// The compression flag and the message's length.
const FRAME_HEAD_BYTES: usize = 5;

/// Longest request: queries are short.
const REQUEST_BYTES_MAX: usize = 1 << 20;

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// Numbers of gRPC's status codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub code: Code,
    pub message: String,
}

impl Status {
    pub fn new(code: Code, message: impl Into<String>) -> Status {
        Status { code, message: message.into() }
    }

    pub fn unknown_method(path: &str) -> Status {
        let path: String = path.chars().take(200).collect();
        Status::new(Code::Unimplemented, format!("method {path} is not served"))
    }

    fn trailers(&self) -> HeaderMap {
        let mut trailers = HeaderMap::new();
        trailers.insert(GRPC_STATUS, HeaderValue::from(self.code as u16));
        if let Ok(message) = HeaderValue::from_str(&percent_encoded(&self.message)) {
            trailers.insert(GRPC_MESSAGE, message);
        }
        trailers
    }
}

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Status {
        let code = match error.status {
            StatusCode::BAD_REQUEST => Code::InvalidArgument,
            StatusCode::NOT_FOUND => Code::NotFound,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::UNPROCESSABLE_ENTITY => {
                Code::ResourceExhausted
            }
            StatusCode::GATEWAY_TIMEOUT => Code::DeadlineExceeded,
            StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
            _ => Code::Internal,
        };
        let place = error.position.map(|at| format!(" at line {}, column {}", at.line, at.column));
        let hint = error.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        Status::new(code, format!("{}{}{hint}", error.message, place.unwrap_or_default()))
    }
}

impl From<binnacle_query::Error> for Status {
    fn from(error: binnacle_query::Error) -> Status {
        Status::from(ApiError::from(error))
    }
}

/// A call that failed before its first message: the status is in the headers.
impl IntoResponse for Status {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        response.headers_mut().extend(self.trailers());
        response.headers_mut().insert(CONTENT_TYPE, GRPC);
        response
    }
}

/// The message of a call.
pub async fn read<M: Message + Default>(request: Request) -> Result<M, Status> {
    let is_grpc = request.headers().get(CONTENT_TYPE);
    if !is_grpc.is_some_and(|value| value.as_bytes().starts_with(GRPC.as_bytes())) {
        return Err(Status::new(Code::InvalidArgument, "this path speaks gRPC"));
    }
    let encoding = request.headers().get(GRPC_ENCODING).cloned();
    let body = axum::body::to_bytes(request.into_body(), REQUEST_BYTES_MAX).await;
    let body = body.map_err(|error| Status::new(Code::ResourceExhausted, error.to_string()))?;
    let message = unframe(&body)?;
    if body[0] != 0 {
        let encoding = encoding.as_ref().and_then(|value| value.to_str().ok()).unwrap_or("none");
        let message = format!("compression '{encoding}' is not read; send messages as they are");
        return Err(Status::new(Code::Unimplemented, message));
    }
    M::decode(message)
        .map_err(|error| Status::new(Code::InvalidArgument, format!("malformed message: {error}")))
}

fn unframe(body: &[u8]) -> Result<&[u8], Status> {
    let broken = |message: &str| Status::new(Code::InvalidArgument, message);
    let Some((&[_, a, b, c, d], message)) = body.split_first_chunk::<FRAME_HEAD_BYTES>() else {
        return Err(broken("the call has no message"));
    };
    match u32::from_be_bytes([a, b, c, d]) as usize == message.len() {
        true => Ok(message),
        false => Err(broken("the call must have exactly one message")),
    }
}

/// Answers with the messages of a stream; the first error ends it.
pub fn stream_answer<M: Message + 'static>(
    messages: impl Stream<Item = Result<M, Status>> + Send + 'static,
) -> Response {
    type Part = Result<Frame<Bytes>, Infallible>;
    let messages = messages.map(Some).chain(stream::once(async { None }));
    let frames = messages.scan(false, |ended, message| {
        let part: Option<Part> = match (*ended, message) {
            (true, _) => None,
            (false, Some(Ok(message))) => Some(Ok(Frame::data(frame(&message)))),
            (false, failed_or_last) => {
                *ended = true;
                let trailers = match failed_or_last {
                    Some(Err(status)) => status.trailers(),
                    _ => HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from(0))]),
                };
                Some(Ok(Frame::trailers(trailers)))
            }
        };
        futures::future::ready(part)
    });
    let mut response = Response::new(Body::new(UnsyncBoxBody::new(StreamBody::new(frames))));
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    response
}

/// Answers with one message, or its failure.
pub fn answer<M: Message + 'static>(message: Result<M, Status>) -> Response {
    match message {
        Ok(message) => stream_answer(stream::once(async { Ok(message) })),
        Err(status) => status.into_response(),
    }
}

fn frame(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(FRAME_HEAD_BYTES + length);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    frame.put_slice(&message.encode_to_vec());
    frame.freeze()
}

/// As gRPC has messages in headers: all but printable ASCII, and the percent sign, as escapes.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' => encoded.push_str("%25"),
            b' '..=b'~' => encoded.push(char::from(byte)),
            byte => {
                // Writing to a string cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_exactly_one_message() {
        assert_eq!(unframe(&[0, 0, 0, 0, 2, 7, 8]).unwrap(), [7, 8]);
        for broken in [&[][..], &[0, 0, 0, 0], &[0, 0, 0, 0, 2, 7], &[0, 0, 0, 0, 0, 7]] {
            assert!(unframe(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn messages_in_headers_are_ascii() {
        assert_eq!(percent_encoded("100% ä\n"), "100%25 %C3%A4%0A");
    }
}
