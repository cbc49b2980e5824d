//! What lies around a log record, and what may belong together though no trace id says so.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::record::{Log, Span, Text};
use super::render::Stats;
use super::request::{Params, PathText, Tenant};
use super::trace::json;
use axum::extract::State;
use axum::response::Response;
use binnacle_query::logs::{self, LogId};
use binnacle_storage::model::{InvalidId, SpanId, TraceId};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Records on each side of one, when the request does not say.
const CONTEXT_DEFAULT: usize = 10;

/// How records and spans were brought together, where no id did.
const BY_RESOURCE_AND_TIME: &str = "resource and time";

/// Which record's surroundings.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ContextParams {
    /// The record's `id`, as it was answered.
    id: String,
    /// Records before it: 10 when left out, at most 1,000.
    before: Option<usize>,
    /// Records after it: 10 when left out, at most 1,000.
    after: Option<usize>,
    /// `resource`: what the record's own resource logged, as when left out; `everything`: what all did.
    of: Option<ContextOf>,
    /// A search that the records around it match, without pipes.
    #[serde(default)]
    #[param(required = false)]
    query: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContextOf {
    Resource,
    Everything,
}

/// A log record and its neighbours.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogContext)]
pub struct Context<'a> {
    /// In order of time: the last of them lies next to the record.
    pub before: Vec<Log<'a>>,
    pub record: Log<'a>,
    /// In order of time.
    pub after: Vec<Log<'a>>,
    pub stats: Stats,
}

/// The records around one, in a fixed order also among those of one time.
#[utoipa::path(get, path = "/api/v1/logs/context", tag = "query",
    params(ContextParams, ("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out")),
    responses(
        (status = 200, description = "The record and its neighbours", body = Context),
        (status = 400, description = "Not an id, a number or a query", body = ErrorBody),
        (status = 404, description = "The record is not stored", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody)))]
pub async fn context(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(params): Params<ContextParams>,
) -> Result<Response, ApiError> {
    let product = api.ready_product()?;
    let request = logs::ContextRequest {
        id: params.id.parse()?,
        before: params.before.unwrap_or(CONTEXT_DEFAULT),
        after: params.after.unwrap_or(CONTEXT_DEFAULT),
        everything: params.of == Some(ContextOf::Everything),
        query: params.query,
    };
    let found = product.engine.log_context(&tenant, request).await?;
    let found = found.ok_or_else(no_record)?;
    json(move || {
        serde_json::to_vec(&Context {
            before: found.before.iter().map(Log::from).collect(),
            record: Log::from(&found.record),
            after: found.after.iter().map(Log::from).collect(),
            stats: Stats::from(&found.stats),
        })
    })
    .await
}

fn no_record() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not_found", "there is no such log record")
        .hint("it may be past its retention, or belong to another tenant")
}

/// Log records that may belong to a trace.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RelatedLogs<'a> {
    /// `resource and time`: not by an id, so they may also belong to something else.
    pub correlation: &'static str,
    /// Those that share most attributes with their span first, then by time; at most 100.
    pub logs: Vec<RelatedLog<'a>>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RelatedLog<'a> {
    /// The span it fits best: of those with most shared attributes the shortest.
    #[schema(value_type = String)]
    pub span_id: Text<SpanId>,
    /// Attributes of which both have the same value.
    pub shared_attributes: &'a [String],
    pub log: Log<'a>,
}

/// Records without a trace id that the resources of a trace logged while its spans ran.
#[utoipa::path(get, path = "/api/v1/traces/{trace_id}/related_logs", tag = "query",
    params(("trace_id" = String, Path, description = "32 hex digits"),
        ("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out")),
    responses(
        (status = 200, description = "The records", body = RelatedLogs),
        (status = 400, description = "Not a trace id", body = ErrorBody),
        (status = 404, description = "Nothing with this trace id is stored", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody)))]
pub async fn related_logs(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(text): PathText,
) -> Result<Response, ApiError> {
    let product = api.ready_product()?;
    let id: TraceId =
        text.parse().map_err(|error: InvalidId| ApiError::invalid(error.to_string()))?;
    let Some(trace) = product.engine.trace(&tenant, id).await? else {
        let message = format!("nothing with trace id {id} is stored for tenant '{tenant}'");
        return Err(ApiError::new(StatusCode::NOT_FOUND, "not_found", message));
    };
    let found = product.engine.related_logs(&tenant, &trace).await?;
    json(move || {
        let logs = found.iter().map(|found| RelatedLog {
            span_id: Text(found.span_id),
            shared_attributes: &found.shared_attributes,
            log: Log::from(&found.record),
        });
        serde_json::to_vec(&RelatedLogs { correlation: BY_RESOURCE_AND_TIME, logs: logs.collect() })
    })
    .await
}

/// Spans that a log record may belong to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RelatedSpans<'a> {
    /// `resource and time`: not by an id.
    pub correlation: &'static str,
    /// Those that share most attributes with the record first, then the shortest; at most 100.
    pub spans: Vec<RelatedSpan<'a>>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RelatedSpan<'a> {
    /// Attributes of which both have the same value.
    pub shared_attributes: &'a [String],
    pub span: Span<'a>,
}

/// Which record.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogIdParams {
    /// The record's `id`, as it was answered.
    id: String,
}

/// Spans that a record's resource ran at its time; of those that began up to an hour before, the shortest.
#[utoipa::path(get, path = "/api/v1/logs/related_spans", tag = "query",
    params(LogIdParams, ("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out")),
    responses(
        (status = 200, description = "The spans", body = RelatedSpans),
        (status = 400, description = "Not an id", body = ErrorBody),
        (status = 404, description = "The record is not stored", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody)))]
pub async fn related_spans(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(params): Params<LogIdParams>,
) -> Result<Response, ApiError> {
    let product = api.ready_product()?;
    let id: LogId = params.id.parse()?;
    let found = product.engine.related_spans(&tenant, id).await?.ok_or_else(no_record)?;
    json(move || {
        let spans = found.iter().map(|found| RelatedSpan {
            shared_attributes: &found.shared_attributes,
            span: Span::from(&found.span),
        });
        serde_json::to_vec(&RelatedSpans {
            correlation: BY_RESOURCE_AND_TIME,
            spans: spans.collect(),
        })
    })
    .await
}
