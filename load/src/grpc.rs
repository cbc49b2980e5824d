//! As much of gRPC as a unary call of ready-made bytes needs: the frame around a message, and the status.

use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderMap;

/// A message in its frame: not compressed, and how long it is.
pub fn frame(message: &Bytes) -> Bytes {
    let mut framed = BytesMut::with_capacity(5 + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    framed.freeze()
}

/// How the call ended: `Err` names the status, as the protocol does.
pub fn status(headers: &HeaderMap, trailers: Option<&HeaderMap>) -> Result<(), String> {
    let of = |headers: &HeaderMap| {
        let code = headers.get("grpc-status")?.to_str().ok()?;
        code.parse::<usize>().ok()
    };
    match trailers.and_then(of).or_else(|| of(headers)) {
        Some(0) => Ok(()),
        Some(code) => Err(format!("gRPC {}", NAMES.get(code).copied().unwrap_or("UNKNOWN"))),
        None => Err("no gRPC status".to_owned()),
    }
}

/// By their numbers.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_framed() {
        assert_eq!(&frame(&Bytes::from_static(b"ab"))[..], b"\0\0\0\0\x02ab");
        assert_eq!(&frame(&Bytes::new())[..], b"\0\0\0\0\0");
    }

    #[test]
    fn the_status_is_in_the_trailers_or_in_the_headers_alone() {
        let of = |code: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-status", http::HeaderValue::from_static(code));
            headers
        };
        let none = HeaderMap::new();
        assert_eq!(status(&none, Some(&of("0"))), Ok(()));
        assert_eq!(status(&of("14"), None), Err("gRPC UNAVAILABLE".to_owned()));
        assert_eq!(status(&none, Some(&of("99"))), Err("gRPC UNKNOWN".to_owned()));
        assert_eq!(status(&none, None), Err("no gRPC status".to_owned()));
        assert_eq!(status(&of("x"), None), Err("no gRPC status".to_owned()));
    }
}
