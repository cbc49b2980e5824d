//! What an SLO promised when, and how its last periods came out.

use super::super::Api;
use super::super::error::ApiError;
use super::super::request::{Params, PathText, Tenant};
use super::{blocking, find, render, unknown};
use axum::Json;
use axum::extract::State;
use binnacle_alerting::slo::{PERIODS_MAX, PastPeriod, Promise};
use serde::Deserialize;
use serde_json::{Value, json};

/// Periods when it is not said.
const PERIODS: usize = 12;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimelineParams {
    objective: Option<usize>,
    periods: Option<usize>,
}

/// The targets of an objective, each with the time in which it was in force, and its last periods, each judged by the targets that
/// were in force in it. An edit of what is counted, of the method or of the window begins a new generation with counts of its own.
#[utoipa::path(get, path = "/api/v1/slos/{name}/timeline", tag = "alerting",
    params(
        ("name" = String, Path),
        ("objective" = Option<usize>, Query, description = "Its place among the objectives; 0 if not said"),
        ("periods" = Option<usize>, Query, description = "12 if not said, at most 120")),
    responses(
        (status = 200, description = "`promises`, the oldest first, and `periods`, the newest first", body = Object),
        (status = 400, description = "What is wrong", body = super::super::error::ErrorBody),
        (status = 404, description = "No such SLO", body = super::super::error::ErrorBody)))]
pub async fn timeline(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(name): PathText,
    Params(params): Params<TimelineParams>,
) -> Result<Json<Value>, ApiError> {
    let (slos, _, objective) = find(&api, &tenant, &name, params.objective)?;
    let count = params.periods.unwrap_or(PERIODS).min(PERIODS_MAX);
    let of = name.clone();
    let work = move || Ok(slos.timeline(&tenant, &of, objective, count)?);
    let timeline = blocking(work).await?.ok_or_else(|| unknown(&name))?;
    Ok(Json(json!({
        "objective": objective,
        "promises": timeline.promises.iter().map(promise).collect::<Vec<_>>(),
        "periods": timeline.periods.iter().map(period).collect::<Vec<_>>(),
    })))
}

fn promise(promise: &Promise) -> Value {
    json!({
        "version": promise.version,
        "generation": promise.generation,
        "start": render::time(promise.start),
        "end": promise.end.map(render::time),
        "target": promise.objective.to_string(),
        "method": promise.method,
        "window": render::window(&promise.window),
        "sli_key": promise.sli,
    })
}

fn period(past: &PastPeriod) -> Value {
    json!({
        "start": render::time(past.period.start),
        "end": render::time(past.period.end),
        "is_open": past.is_open,
        "targets": past.targets.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "counted": render::count(past.count),
        "sli": past.sli,
        "budget": { "consumed": past.consumed, "remaining": past.consumed.map(|consumed| 1.0 - consumed) },
    })
}
