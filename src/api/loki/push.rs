//! Lines in: Loki's push, and OTLP where Loki takes it. The collector answers both.

use super::super::Api;
use super::super::error::ApiError;
use super::error::LokiError;
use axum::extract::{Request, State};
use axum::response::Response;
use http::Uri;

/// Takes Loki's push, in JSON or protobuf. Answers in text, as its senders expect.
#[utoipa::path(post, path = "/loki/api/v1/push", tag = "ingest",
    request_body(content_type = "application/json",
        description = "`{\"streams\": [{\"stream\": {…}, \"values\": [[\"<ns>\", \"<line>\", {…}]]}]}`; or `logproto.PushRequest` \
            as a snappy block of `application/x-protobuf`"),
    responses(
        (status = 204, description = "All of it is durable"),
        (status = 400, description = "Not readable, or entries in it are refused, which the body names; the others are durable"),
        (status = 413, description = "Too large, as received or decompressed"),
        (status = 415, description = "An unknown content type or encoding"),
        (status = 429, description = "The tenant sends more than its rate allows; `Retry-After`"),
        (status = 503, description = "Busy, starting, or the disk is full; `Retry-After`")))]
// The collector reads the body under its own limits: these are telemetry, not questions.
pub async fn push(State(api): State<Api>, request: Request) -> Result<Response, LokiError> {
    let collector = api.ready_product()?.collector.clone();
    Ok(collector.loki_push(request).await)
}

/// `POST /otlp/v1/logs`, where Loki takes OTLP.
pub async fn otlp(State(api): State<Api>, mut request: Request) -> Result<Response, ApiError> {
    let collector = api.ready_product()?.collector.clone();
    *request.uri_mut() = Uri::from_static("/v1/logs");
    Ok(collector.otlp(request).await)
}
