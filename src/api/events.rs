//! Server-sent events: answers in parts over plain HTTP.

use super::error::ApiError;
use super::progress::Progress;
use axum::body::Body;
use axum::response::Response;
use binnacle_query::Error;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;
use std::convert::Infallible;

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

/// Whether the client asks for events.
pub fn wanted(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).iter();
    let mut texts = accepts.filter_map(|value| value.to_str().ok());
    texts.any(|text| text.contains("text/event-stream"))
}

/// One event; JSON has no line breaks that would end it early.
pub fn event(name: &str, data: &impl Serialize) -> Bytes {
    let json = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
    Bytes::from(format!("event: {name}\ndata: {json}\n\n"))
}

/// Answers with each part as an event. A query that fails before its first part fails as any other; later an event says so.
pub async fn answer<T, R>(
    progress: impl Stream<Item = Progress<T, Result<R, Error>>> + Send + 'static,
    part: impl Fn(&T) -> Bytes + Send + 'static,
    end: impl Fn(&R) -> Bytes + Send + 'static,
) -> Result<Response, ApiError>
where
    T: Send + 'static,
    R: Send + 'static,
{
    let mut progress = Box::pin(progress);
    let first = match progress.next().await {
        Some(Progress::Done(Err(error))) => return Err(error.into()),
        first => first,
    };
    let events = stream::iter(first).chain(progress).map(move |progress| {
        Ok::<_, Infallible>(match progress {
            Progress::Part(found) => part(&found),
            Progress::Done(Ok(done)) => end(&done),
            Progress::Done(Err(error)) => event("error", &ApiError::from(error).body()),
        })
    });
    let mut response = Response::new(Body::from_stream(events));
    response.headers_mut().insert(header::CONTENT_TYPE, EVENT_STREAM);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_asked_for_by_their_type() {
        let accept = |text: &'static str| {
            HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(text))])
        };
        assert!(wanted(&accept("application/json, text/event-stream")));
        assert!(!wanted(&accept("application/json")));
        assert_eq!(event("a", &"x\ny"), "event: a\ndata: \"x\\ny\"\n\n");
    }
}
