//! `POST /prometheus/api/v1/write`: Prometheus remote write, answered by the collector.

use super::Api;
use super::error::ApiError;
use axum::extract::{Request, State};
use axum::response::Response;

/// Takes Prometheus remote write 1.0 and 2.0. Answers in text, as its senders expect.
#[utoipa::path(post, path = "/prometheus/api/v1/write", tag = "ingest",
    request_body(content_type = "application/x-protobuf",
        description = "A snappy block of `prometheus.WriteRequest`, or with `;proto=io.prometheus.write.v2.Request` of that message"),
    responses(
        (status = 204, description = "All of it is durable; headers `X-Prometheus-Remote-Write-{Samples,Histograms,Exemplars}-Written`"),
        (status = 400, description = "Not readable, or series in it are refused, which the body names; the headers count what is durable"),
        (status = 413, description = "Too large, as received or decompressed"),
        (status = 415, description = "Not snappy, or an unknown message"),
        (status = 429, description = "The tenant sends more than its rate allows; `Retry-After`"),
        (status = 503, description = "Busy, starting, or the disk is full; `Retry-After`")))]
// The collector reads the body under its own limits: these are telemetry, not questions.
pub async fn write(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let collector = api.ready_product()?.collector.clone();
    Ok(collector.remote_write(request).await)
}
