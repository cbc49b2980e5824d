//! `GET /api/v1/traces/attributes/compare`: what sets selected spans apart.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::render::Stats;
use super::request::{Params, Tenant};
use super::trace::json;
use super::trace_set::{SetParams, nanos, time};
use super::value::JsonValue;
use axum::extract::State;
use axum::response::Response;
use binnacle_query::trace::{self, AttributeValue, Brush, DifferencesRequest};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which spans to compare with which.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DifferencesParams {
    /// TraceQL whose spans are selected; all when left out.
    #[serde(default)]
    #[param(required = false, example = "{ status = error }")]
    selection: String,
    /// TraceQL whose spans they are compared with, without the selected ones; all when left out.
    #[serde(default)]
    #[param(required = false)]
    baseline: String,
    /// Spans of either set that start at or after this time: Unix ns, RFC 3339, `now`, or a duration before now such as `-15m`.
    start: Option<String>,
    /// Spans of either set that start before this time.
    end: Option<String>,
    /// Of the selection, only spans that start at or after this time.
    brush_start: Option<String>,
    /// Of the selection, only spans that start before this time.
    brush_end: Option<String>,
    /// Of the selection, only spans that take at least this long, such as `500ms`.
    brush_duration_min: Option<String>,
    /// Of the selection, only spans that take at most this long.
    brush_duration_max: Option<String>,
    /// Traces looked at for each set, the newest: 1,000 when left out, at most 10,000.
    limit: Option<usize>,
    /// Values given of each attribute: 10 when left out.
    values: Option<usize>,
}

/// What sets the selection apart.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Differences<'a> {
    /// Spans selected.
    pub selection: u64,
    /// Spans that they are compared with.
    pub baseline: u64,
    /// There are more traces with selected spans than were looked at.
    pub selection_more: bool,
    pub baseline_more: bool,
    /// The most telling first.
    pub attributes: Vec<AttributeCompared<'a>>,
    pub stats: Stats,
}

/// An attribute in both sets.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AttributeCompared<'a> {
    /// As TraceQL writes it.
    #[schema(example = "resource.service.name")]
    pub name: &'a str,
    /// Spans that have it.
    pub selection: u64,
    pub baseline: u64,
    /// The smallest among its values and its rank test.
    pub q_value: f64,
    /// −1 to 1: the difference in share or the rank effect that is most telling; positive where the selection has more.
    pub effect: f64,
    /// The most telling first; bins in their order.
    pub values: Vec<ValueCompared<'a>>,
    /// For an attribute with many distinct numbers.
    pub ranks: Option<RanksCompared>,
}

/// A value, or a bin of numbers `[from, to)` (the last includes its end), in both sets.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ValueCompared<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub value: Option<JsonValue<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<f64>,
    pub selection: u64,
    pub baseline: u64,
    /// Share of the selection less share of the baseline.
    pub difference: f64,
    /// Fisher's exact test where fewer than five are expected somewhere, else the G test.
    pub p_value: f64,
    /// Corrected for all tests of the answer (Benjamini–Hochberg).
    pub q_value: f64,
}

/// How the selection's numbers rank among all (Mann–Whitney).
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct RanksCompared {
    pub selection_median: f64,
    pub baseline_median: f64,
    /// Probability that a number of the selection is larger than one of the baseline, less that of the opposite.
    pub effect: f64,
    pub p_value: f64,
    pub q_value: f64,
}

fn attribute<'a>(of: &'a trace::ComparedAttribute) -> AttributeCompared<'a> {
    let value = |one: &'a trace::ComparedValue| {
        let (value, from, to) = match &one.value {
            AttributeValue::One(value) => (Some(JsonValue(value)), None, None),
            AttributeValue::Bin(from, to) => (None, Some(*from), Some(*to)),
        };
        ValueCompared {
            value,
            from,
            to,
            selection: one.selection,
            baseline: one.baseline,
            difference: one.difference,
            p_value: one.p_value,
            q_value: one.q_value,
        }
    };
    let ranks = |ranks: trace::ComparedRanks| RanksCompared {
        selection_median: ranks.selection_median,
        baseline_median: ranks.baseline_median,
        effect: ranks.effect,
        p_value: ranks.p_value,
        q_value: ranks.q_value,
    };
    AttributeCompared {
        name: &of.name,
        selection: of.selection,
        baseline: of.baseline,
        q_value: of.q_value,
        effect: of.effect,
        values: of.values.iter().map(value).collect(),
        ranks: of.ranks.map(ranks),
    }
}

/// What sets selected spans apart: values of attributes and ranges of numbers that are more frequent among them than among a baseline,
/// or less, ranked by significance.
///
/// All tests of an answer are corrected together. Spans of one trace hang together, so a small `q_value` shows where to look; it does
/// not prove anything.
#[utoipa::path(get, path = "/api/v1/traces/attributes/compare", tag = "query",
    params(DifferencesParams, ("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out")),
    responses(
        (status = 200, description = "The attributes", body = Differences),
        (status = 400, description = "Not a query or a time", body = ErrorBody),
        (status = 429, description = "Too many queries wait", body = ErrorBody),
        (status = 500, description = "The query failed", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody),
        (status = 504, description = "The query took too long", body = ErrorBody)))]
pub async fn compare(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(params): Params<DifferencesParams>,
) -> Result<Response, ApiError> {
    let now = api.now();
    let set = |query: &str| {
        let (start, end, limit) = (params.start.clone(), params.end.clone(), params.limit);
        let query = query.to_owned();
        SetParams { query, start, end, limit, ..SetParams::default() }.set(now)
    };
    let request = DifferencesRequest {
        selection: set(&params.selection)?,
        baseline: set(&params.baseline)?,
        brush: Brush {
            start: time("brush_start", params.brush_start, now)?,
            end: time("brush_end", params.brush_end, now)?,
            duration_min: nanos("brush_duration_min", params.brush_duration_min)?,
            duration_max: nanos("brush_duration_max", params.brush_duration_max)?,
        },
        values: params.values,
    };
    let page = api.ready_product()?.engine.compare_attributes(&tenant, request).await?;
    json(move || {
        serde_json::to_vec(&Differences {
            selection: page.selection,
            baseline: page.baseline,
            selection_more: page.selection_more,
            baseline_more: page.baseline_more,
            attributes: page.attributes.iter().map(attribute).collect(),
            stats: Stats::from(&page.stats),
        })
    })
    .await
}
