//! `POST /api/v1/sql`.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::render::{self, Column, Format, Stats};
use super::request::{JsonBody, Tenant, parse_duration};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use binnacle_query::SqlRequest as QueryRequest;
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// More rows than there can be.
const ROWS_UNLIMITED: u64 = 1 << 62;

/// A question in SQL. Limits left out are the configuration's.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlRequest {
    #[schema(example = "SELECT service, count(*) AS spans FROM spans GROUP BY service")]
    pub query: String,
    /// Most rows to return; past them the answer is marked as truncated. Left out: `query.rows_max` for JSON, no limit
    /// for CSV, Arrow and Parquet, which could not say that rows are missing.
    pub row_limit: Option<u64>,
    /// Most memory to hold, in bytes; at most `query.memory_bytes_max`.
    pub memory_limit: Option<u64>,
    /// Longest time to take, such as `10s`; at most `query.timeout`.
    #[schema(example = "10s")]
    pub timeout: Option<String>,
    /// The answer's format; without it the `Accept` header decides.
    pub format: Option<Format>,
}

/// An answer in JSON.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(dead_code, reason = "describes what render::json writes as it comes")]
pub struct SqlAnswer {
    pub columns: Vec<Column>,
    /// One array per row, values in the columns' order. Times and durations are Unix ns as decimal strings, binary values
    /// lower-case hex, floats without a JSON number `"NaN"`, `"Infinity"` or `"-Infinity"`.
    #[schema(value_type = Vec<Vec<serde_json::Value>>)]
    pub rows: Vec<Vec<serde_json::Value>>,
    pub stats: Stats,
    /// The query has more rows than it was allowed to return.
    pub truncated: bool,
}

/// Answers a question in SQL.
///
/// The rows are streamed. When the client goes away, the query stops. A JSON answer whose query failed midway ends with an
/// `error` member instead of `stats` and `truncated`; in the other formats the transfer breaks off.
#[utoipa::path(post, path = "/api/v1/sql", tag = "query", request_body = SqlRequest,
    params(("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out"),
        ("Accept" = Option<String>, Header, description = "Format of the answer, unless `format` says it")),
    responses(
        (status = 200, description = "The rows", content((SqlAnswer = "application/json"), (String = "text/csv"),
            (Vec<u8> = "application/vnd.apache.arrow.stream"), (Vec<u8> = "application/vnd.apache.parquet"))),
        (status = 400, description = "Not a query, or it names what does not exist", body = ErrorBody),
        (status = 406, description = "No format of ours is acceptable", body = ErrorBody),
        (status = 413, description = "The request is too large", body = ErrorBody),
        (status = 415, description = "The request is not JSON", body = ErrorBody),
        (status = 422, description = "The query needs more memory than it may have", body = ErrorBody),
        (status = 429, description = "Too many queries wait", body = ErrorBody),
        (status = 500, description = "The query failed", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody),
        (status = 504, description = "The query took too long", body = ErrorBody)))]
pub async fn sql(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    headers: HeaderMap,
    JsonBody(request): JsonBody<SqlRequest>,
) -> Result<Response, ApiError> {
    let product = api.ready_product()?;
    let format = choose_format(request.format, &headers)?;
    let timeout = request.timeout.as_deref().map(|text| parse_duration("timeout", text));
    let query = QueryRequest {
        query: request.query,
        row_limit: request.row_limit.or((format != Format::Json).then_some(ROWS_UNLIMITED)),
        memory_limit: request.memory_limit,
        timeout: timeout.transpose()?,
    };
    let answer = product.engine.sql(&tenant, query).await?;
    let body = render::body(answer, format).await?;
    Ok(([(header::CONTENT_TYPE, format.content_type())], body).into_response())
}

/// The format asked for by name, else the first acceptable one.
fn choose_format(named: Option<Format>, headers: &HeaderMap) -> Result<Format, ApiError> {
    if let Some(format) = named {
        return Ok(format);
    }
    let accepts: Vec<&str> =
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    if accepts.is_empty() {
        return Ok(Format::Json);
    }
    let ranges = accepts.iter().flat_map(|value| value.split(',')).filter_map(media_range);
    let best = ranges.filter_map(|(range, quality)| Some((format_of(range)?, quality)));
    // The first of equals wins, as written by the client.
    let best =
        best.filter(|(_, quality)| *quality > 0.0).reduce(|a, b| if b.1 > a.1 { b } else { a });
    best.map(|(format, _)| format).ok_or_else(|| {
        ApiError::new(
            StatusCode::NOT_ACCEPTABLE,
            "not_acceptable",
            "no acceptable format for the answer",
        )
        .hint(
            "accept application/json, text/csv, application/vnd.apache.arrow.stream or \
                 application/vnd.apache.parquet",
        )
    })
}

/// A media range and its quality.
fn media_range(text: &str) -> Option<(&str, f32)> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next()?;
    let quality = parts.find_map(|part| part.strip_prefix("q="));
    Some((range, quality.map_or(1.0, |q| q.parse().unwrap_or(0.0))))
}

fn format_of(range: &str) -> Option<Format> {
    match range.to_ascii_lowercase().as_str() {
        "*/*" | "application/*" | "application/json" => Some(Format::Json),
        "text/csv" | "text/*" => Some(Format::Csv),
        "application/vnd.apache.arrow.stream" => Some(Format::Arrow),
        "application/vnd.apache.parquet" | "application/x-parquet" => Some(Format::Parquet),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(accept: Option<&'static str>) -> Option<Format> {
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert(header::ACCEPT, accept.parse().unwrap());
        }
        choose_format(None, &headers).ok()
    }

    #[test]
    fn accept_chooses_the_format() {
        let cases = [
            (None, Some(Format::Json)),
            (Some("*/*"), Some(Format::Json)),
            (Some("text/csv"), Some(Format::Csv)),
            (Some("text/html, application/vnd.apache.arrow.stream"), Some(Format::Arrow)),
            (Some("text/csv;q=0.5, application/vnd.apache.parquet"), Some(Format::Parquet)),
            (Some("application/json;q=0, text/csv;q=0.1"), Some(Format::Csv)),
            (Some("image/png"), None),
        ];
        for (accept, format) in cases {
            assert_eq!(chosen(accept), format, "{accept:?}");
        }
    }
}
