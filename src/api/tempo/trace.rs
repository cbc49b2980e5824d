//! `GET /tempo/api/traces/{id}` and its second version: one trace in OTLP, as protobuf or JSON.

use super::super::Api;
use super::super::otlp::resource_spans;
use super::super::request::{PathText, Tenant};
use super::super::trace::json;
use super::error::TempoError;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use binnacle_query::Trace;
use binnacle_storage::model::{TenantId, TraceId};
use http::{HeaderMap, StatusCode, header};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, TracesData};
use prost::Message;
use serde_json::json as value;

const PROTOBUF: &str = "application/protobuf";

/// `tempopb.TraceByIDResponse`.
#[derive(Clone, PartialEq, Message)]
struct TraceByIdResponse {
    #[prost(message, optional, tag = "1")]
    trace: Option<TracesData>,
    #[prost(int32, tag = "3")]
    status: i32,
    #[prost(string, tag = "4")]
    message: String,
}

/// `tempopb.PartialStatus`.
const COMPLETE: i32 = 0;
const PARTIAL: i32 = 1;

/// The trace alone.
pub async fn trace(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(id): PathText,
    headers: HeaderMap,
) -> Result<Response, TempoError> {
    let found = find(&api, &tenant, &id).await?;
    let spans = resource_spans(&found.spans);
    if wants_protobuf(&headers) {
        return Ok(protobuf(&TracesData { resource_spans: spans }));
    }
    Ok(json(move || serde_json::to_vec(&value!({ "batches": ids_in_base64(&spans) }))).await?)
}

/// The trace, and whether it is all of it.
pub async fn trace_v2(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(id): PathText,
    headers: HeaderMap,
) -> Result<Response, TempoError> {
    let found = find(&api, &tenant, &id).await?;
    let spans = resource_spans(&found.spans);
    let message = found.stats.warnings.join("; ");
    let partial = found.truncated || !message.is_empty();
    if wants_protobuf(&headers) {
        return Ok(protobuf(&TraceByIdResponse {
            trace: Some(TracesData { resource_spans: spans }),
            status: if partial { PARTIAL } else { COMPLETE },
            message,
        }));
    }
    Ok(json(move || {
        serde_json::to_vec(&value!({
            "trace": { "resourceSpans": ids_in_base64(&spans) },
            "metrics": {},
            "status": if partial { "PARTIAL" } else { "COMPLETE" },
            "message": message,
        }))
    })
    .await?)
}

async fn find(api: &Api, tenant: &TenantId, text: &str) -> Result<Trace, TempoError> {
    let product = api.ready_product()?;
    let id = parse_id(text)?;
    let trace = product.engine.trace(tenant, id).await?;
    trace
        .filter(|trace| !trace.spans.is_empty())
        .ok_or_else(|| TempoError::new(StatusCode::NOT_FOUND, format!("trace {id} not found")))
}

/// Hex digits; leading zeros may be left out.
fn parse_id(text: &str) -> Result<TraceId, TempoError> {
    let padded = format!("{text:0>32}");
    padded.parse().map_err(|_| {
        TempoError::bad_request(format!("trace id '{text}' is not up to 32 hex digits"))
    })
}

fn wants_protobuf(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).iter();
    accepts.filter_map(|value| value.to_str().ok()).any(|value| value.contains(PROTOBUF))
}

fn protobuf(message: &impl Message) -> Response {
    ([(header::CONTENT_TYPE, PROTOBUF)], message.encode_to_vec()).into_response()
}

/// OTLP in the JSON that Tempo answers with: protobuf's own mapping, in which ids are base64 and not, as OTLP has them, hex.
fn ids_in_base64(spans: &[ResourceSpans]) -> serde_json::Value {
    let mut json = serde_json::to_value(spans).unwrap_or_default();
    rewrite_ids(&mut json);
    json
}

fn rewrite_ids(json: &mut serde_json::Value) {
    use base64::Engine;
    match json {
        serde_json::Value::Array(elements) => elements.iter_mut().for_each(rewrite_ids),
        serde_json::Value::Object(fields) => {
            for (key, field) in fields {
                let is_id = ["traceId", "spanId", "parentSpanId"].contains(&key.as_str());
                match field {
                    serde_json::Value::String(hex) if is_id => {
                        let bytes: Option<Vec<u8>> = (0..hex.len() / 2)
                            .map(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok())
                            .collect();
                        *hex = base64::engine::general_purpose::STANDARD
                            .encode(bytes.unwrap_or_default());
                    }
                    field => rewrite_ids(field),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_may_leave_out_leading_zeros() {
        assert_eq!(
            parse_id("ab").unwrap(),
            TraceId([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xab])
        );
        assert!(parse_id("xyz").is_err());
        assert!(parse_id(&"1".repeat(33)).is_err());
    }

    #[test]
    fn ids_in_json_are_base64() {
        let mut json = value!([{ "spans": [{ "traceId": "00ff", "name": "00ff" }] }]);
        rewrite_ids(&mut json);
        assert_eq!(json, value!([{ "spans": [{ "traceId": "AP8=", "name": "00ff" }] }]));
    }
}
