//! `GET /api/v1/logs/facets` and `/api/v1/logs/histogram`: what stands beside a search, of everything it matches.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::record::Decimal;
use super::render::Stats;
use super::request::{Params, Tenant, parse_duration, parse_time};
use super::trace::json;
use super::value::JsonValue;
use axum::extract::State;
use axum::response::Response;
use binnacle_query::LogRequest;
use binnacle_storage::model::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Values of each field, when the request does not say; and at most.
const VALUES_DEFAULT: usize = 10;
const VALUES_MAX: usize = 1000;

/// Spans of time that a histogram without a step aims at, and the steps it chooses from, in seconds.
const STEPS_WANTED: i64 = 60;
const STEPS: [i64; 14] =
    [1, 5, 10, 30, 60, 300, 600, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 604_800];
const SECOND: i64 = 1_000_000_000;

/// Which records, and which of their fields.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FacetParams {
    /// As for `/api/v1/logs`, without pipes.
    #[serde(default)]
    #[param(required = false)]
    query: String,
    start: Option<String>,
    end: Option<String>,
    /// Keys as in a query, with commas between them: `service,severity` when left out.
    #[param(example = "service,severity,http.route")]
    fields: Option<String>,
    /// Values of each field: 10 when left out, at most 1,000.
    limit: Option<usize>,
}

/// The values of fields, of all records that match.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogFacets)]
pub struct Facets<'a> {
    /// Records that match.
    pub total: u64,
    pub facets: Vec<Facet<'a>>,
    pub stats: Stats,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogFacet)]
pub struct Facet<'a> {
    pub field: &'a str,
    /// Different values.
    pub distinct: u64,
    /// Records without a value.
    pub missing: u64,
    /// The most frequent first, then by value.
    pub values: Vec<FacetValue<'a>>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogFacetValue)]
pub struct FacetValue<'a> {
    #[schema(value_type = serde_json::Value)]
    pub value: JsonValue<'a>,
    pub count: u64,
}

/// The most frequent values of fields. Counts are exact.
#[utoipa::path(get, path = "/api/v1/logs/facets", tag = "query",
    params(FacetParams, ("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out")),
    responses(
        (status = 200, description = "The values", body = Facets),
        (status = 400, description = "Not a query, a time or a number", body = ErrorBody),
        (status = 422, description = "The values need more memory than a query may have", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody)))]
pub async fn facets(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(params): Params<FacetParams>,
) -> Result<Response, ApiError> {
    let product = api.ready_product()?;
    let limit = params.limit.unwrap_or(VALUES_DEFAULT);
    if limit > VALUES_MAX {
        return Err(ApiError::invalid(format!(
            "limit is {limit}; it must be at most {VALUES_MAX}"
        )));
    }
    let fields = params.fields.as_deref().unwrap_or("service,severity");
    let fields = fields.split(',').map(str::trim).filter(|field| !field.is_empty());
    let fields = fields.map(str::to_owned).collect();
    let request = request(&api, params.query, params.start.as_deref(), params.end.as_deref())?;
    let found = product.engine.log_facets(&tenant, request, fields, limit).await?;
    json(move || {
        let facets = found.facets.iter().map(|facet| Facet {
            field: &facet.field,
            distinct: facet.distinct,
            missing: facet.missing,
            values: facet
                .values
                .iter()
                .map(|(value, count)| FacetValue { value: JsonValue(value), count: *count })
                .collect(),
        });
        serde_json::to_vec(&Facets {
            total: found.total,
            facets: facets.collect(),
            stats: Stats::from(&found.stats),
        })
    })
    .await
}

/// Which records, and how finely.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistogramParams {
    /// As for `/api/v1/logs`, without pipes.
    #[serde(default)]
    #[param(required = false)]
    query: String,
    start: Option<String>,
    end: Option<String>,
    /// Length of the spans of time, such as `1m`. When left out, about 60 spans lie between `start` and `end`, which must then be
    /// given.
    step: Option<String>,
}

/// How many records there are over time.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogHistogram)]
pub struct Histogram {
    /// Nanoseconds.
    #[schema(value_type = String)]
    pub step: Decimal,
    /// Oldest first; empty spans are left out.
    pub buckets: Vec<Bucket>,
    pub stats: Stats,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogHistogramBucket)]
pub struct Bucket {
    /// Begin of the span, a multiple of the step, Unix ns.
    #[schema(value_type = String)]
    pub time: Decimal,
    pub count: u64,
    /// By severity; the empty name is none.
    pub severities: BTreeMap<String, u64>,
}

/// Records over time, by severity. Counts are exact.
#[utoipa::path(get, path = "/api/v1/logs/histogram", tag = "query",
    params(HistogramParams, ("X-Scope-OrgID" = Option<String>, Header, description = "Tenant; `default` when left out")),
    responses(
        (status = 200, description = "The counts", body = Histogram),
        (status = 400, description = "Not a query, a time or a step", body = ErrorBody),
        (status = 503, description = "Starting or stopping", body = ErrorBody)))]
pub async fn histogram(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(params): Params<HistogramParams>,
) -> Result<Response, ApiError> {
    let product = api.ready_product()?;
    let request = request(&api, params.query, params.start.as_deref(), params.end.as_deref())?;
    let step = match &params.step {
        Some(text) => i64::try_from(parse_duration("step", text)?.as_nanos()).unwrap_or(i64::MAX),
        None => step(request.start, request.end)?,
    };
    let found = product.engine.log_histogram(&tenant, request, step).await?;
    json(move || {
        let buckets = found.counts.iter().map(|(time, counts)| Bucket {
            time: Decimal(time.0),
            count: counts.values().sum(),
            severities: counts
                .iter()
                .map(|(name, count)| (name.clone().unwrap_or_default(), *count))
                .collect(),
        });
        let stats = Stats::from(&found.stats);
        serde_json::to_vec(&Histogram { step: Decimal(step), buckets: buckets.collect(), stats })
    })
    .await
}

fn request(
    api: &Api,
    query: String,
    start: Option<&str>,
    end: Option<&str>,
) -> Result<LogRequest, ApiError> {
    let now = api.now();
    let time = |name, text: Option<&str>| text.map(|t| parse_time(name, t, now)).transpose();
    let (start, end) = (time("start", start)?, time("end", end)?);
    Ok(LogRequest { query, start, end, ..LogRequest::default() })
}

/// The shortest step that makes no more spans than wanted.
fn step(start: Option<Timestamp>, end: Option<Timestamp>) -> Result<i64, ApiError> {
    let (Some(start), Some(end)) = (start, end) else {
        return Err(ApiError::invalid("a histogram needs a step, or start and end")
            .hint("write such as step=1m, or start=-1h&end=now"));
    };
    let wanted = end.0.saturating_sub(start.0) / STEPS_WANTED;
    let fits = STEPS.into_iter().map(|seconds| seconds * SECOND).find(|step| *step >= wanted);
    Ok(fits.unwrap_or(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_not_too_many() {
        let of = |seconds: i64| step(Some(Timestamp(0)), Some(Timestamp(seconds * SECOND)));
        assert_eq!(of(10), Ok(SECOND));
        assert_eq!(of(3600), Ok(60 * SECOND));
        assert_eq!(of(86_400), Ok(1800 * SECOND));
        assert_eq!(of(604_800 * 120), Ok(604_800 * 2 * SECOND));
        assert!(step(None, Some(Timestamp(0))).is_err());
    }
}
