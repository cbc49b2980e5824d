//! Sets of traces in parameters: the newest that a query finds.

use super::error::ApiError;
use super::request::{parse_duration, parse_time};
use binnacle_query::traceql::TraceSet;
use binnacle_storage::model::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which traces to look at.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SetParams {
    /// TraceQL; empty finds every trace. See query/LANGUAGE.md.
    #[serde(default)]
    #[param(required = false, example = "{ resource.service.name = \"checkout\" }")]
    pub query: String,
    /// Only traces with a span in question that starts at or after this time: Unix ns, RFC 3339, `now`, or a duration
    /// before now such as `-15m`.
    pub start: Option<String>,
    /// Only traces with a span in question that starts before this time.
    pub end: Option<String>,
    /// Only traces that take at least this long as a whole, such as `500ms`.
    pub duration_min: Option<String>,
    /// Only traces that take at most this long as a whole.
    pub duration_max: Option<String>,
    /// Traces to look at, the newest: 1,000 when left out, at most 10,000.
    pub limit: Option<usize>,
}

impl SetParams {
    pub fn set(self, now: Timestamp) -> Result<TraceSet, ApiError> {
        Ok(TraceSet {
            query: self.query,
            start: time("start", self.start, now)?,
            end: time("end", self.end, now)?,
            duration_min: nanos("duration_min", self.duration_min)?,
            duration_max: nanos("duration_max", self.duration_max)?,
            limit: self.limit,
        })
    }
}

pub fn time(
    name: &str,
    text: Option<String>,
    now: Timestamp,
) -> Result<Option<Timestamp>, ApiError> {
    text.map(|text| parse_time(name, &text, now)).transpose()
}

/// A duration in nanoseconds.
pub fn nanos(name: &str, text: Option<String>) -> Result<Option<i64>, ApiError> {
    let duration = text.map(|text| parse_duration(name, &text)).transpose()?;
    Ok(duration.map(|duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
}
