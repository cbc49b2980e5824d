//! `GET /api/v1/logs`: log search, newest first, page by page.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::record::Log;
use super::render::Stats;
use super::request::{Params, Tenant, parse_time};
use super::trace::json;
use axum::extract::State;
use axum::response::Response;
use binnacle_query::{LogPage, LogRequest};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What to search for.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogParams {
    /// Words, "phrases", `key:value`, ranges, AND, OR, NOT; empty finds every record. See query/LANGUAGE.md.
    #[serde(default)]
    #[param(required = false, example = "timeout service:checkout")]
    query: String,
    /// Only records at or after this time: Unix ns, RFC 3339, `now`, or a duration before now such as `-15m`.
    start: Option<String>,
    /// Only records before this time.
    end: Option<String>,
    /// Records of this page: 100 when left out, at most 10,000.
    limit: Option<usize>,
    /// Where the page before ended, as it said; the other parameters must be the same as then.
    cursor: Option<String>,
}

/// One page of log records.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Logs<'a> {
    /// Newest first.
    pub logs: Vec<Log<'a>>,
    /// Asks for the next page; null when this is the last.
    pub cursor: Option<&'a str>,
    pub stats: Stats,
}

impl<'a> From<&'a LogPage> for Logs<'a> {
    fn from(page: &'a LogPage) -> Self {
        Logs {
            logs: page.logs.iter().map(Log::from).collect(),
            cursor: page.cursor.as_deref(),
            stats: Stats::from(&page.stats),
        }
    }
}

/// Searches log records, newest first.
#[utoipa::path(get, path = "/api/v1/logs", tag = "query",
    params(LogParams, ("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out")),
    responses(
        (status = 200, description = "One page of records", body = Logs),
        (status = 400, description = "Not a query, a time or a cursor", body = ErrorBody),
        (status = 422, description = "The query needs more memory than it may have", body = ErrorBody),
        (status = 429, description = "Too many queries wait", body = ErrorBody),
        (status = 500, description = "The query failed", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody),
        (status = 504, description = "The query took too long", body = ErrorBody)))]
pub async fn logs(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(params): Params<LogParams>,
) -> Result<Response, ApiError> {
    let product = api.ready_product()?;
    let now = api.now();
    let time = |name, text: Option<String>| text.map(|t| parse_time(name, &t, now)).transpose();
    let request = LogRequest {
        query: params.query,
        start: time("start", params.start)?,
        end: time("end", params.end)?,
        limit: params.limit,
        cursor: params.cursor,
    };
    let page = product.engine.logs(&tenant, request).await?;
    json(move || serde_json::to_vec(&Logs::from(&page))).await
}
