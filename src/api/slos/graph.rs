//! How an SLO stood at times past, and the slices it is made of.

use super::super::Api;
use super::super::error::ApiError;
use super::super::request::{Params, PathText, Tenant, parse_duration, parse_time};
use super::{render, unknown};
use axum::Json;
use axum::extract::State;
use binnacle_alerting::slo::{
    Counted, Facts, Kept, ObjectiveStanding, SLICE_SECONDS, Standing, evaluate, slice_of,
};
use binnacle_storage::model::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Most points of a graph, and most slices of an answer.
const POINTS_MAX: i64 = 2_000;
const SLICES_MAX: usize = 100_000;

const NANOS: i64 = 1_000_000_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangeParams {
    objective: Option<usize>,
    start: Option<String>,
    end: Option<String>,
    step: Option<String>,
}

struct Asked {
    standing: Arc<Standing>,
    objective: usize,
    /// Unix seconds.
    start: i64,
    end: i64,
    step: i64,
}

impl Asked {
    fn of(
        api: &Api,
        tenant: &binnacle_storage::model::TenantId,
        name: &str,
        params: &RangeParams,
    ) -> Result<Asked, ApiError> {
        let slos = api.ready_product()?.alerting.slos();
        slos.find(tenant, name).ok_or_else(|| unknown(name))?;
        let standing = slos.standing(tenant, name).ok_or_else(|| {
            let message = format!("the SLO '{name}' was not evaluated yet");
            ApiError::new(http::StatusCode::SERVICE_UNAVAILABLE, "not_yet", message)
                .hint("it is within seconds")
        })?;
        let objective = params.objective.unwrap_or(0);
        let Some(of) = standing.objectives.get(objective) else {
            return Err(ApiError::invalid(format!("the SLO has no objective {objective}")));
        };
        let now = api.now();
        let read = |name, text: &Option<String>, or: i64| match text {
            Some(text) => parse_time(name, text, now).map(|time| time.0.div_euclid(NANOS)),
            None => Ok(or),
        };
        let start = read("start", &params.start, of.status.period.start)?;
        let end = read("end", &params.end, of.status.until)?;
        if start >= end {
            return Err(ApiError::invalid("start is not before end"));
        }
        let fitting = (end - start) / 200;
        let step = match &params.step {
            Some(text) => {
                i64::try_from(parse_duration("step", text)?.as_secs()).unwrap_or(i64::MAX)
            }
            None => fitting,
        };
        let step = step.max(SLICE_SECONDS) / SLICE_SECONDS * SLICE_SECONDS;
        if (end - start) / step > POINTS_MAX {
            return Err(ApiError::invalid(format!("more than {POINTS_MAX} points"))
                .hint("ask for a longer step or a shorter time"));
        }
        Ok(Asked { standing, objective, start, end, step })
    }

    fn objective(&self) -> &ObjectiveStanding {
        &self.standing.objectives[self.objective]
    }
}

/// How an objective stood at each step, by the evaluator that its alerts come from.
#[utoipa::path(get, path = "/api/v1/slos/{name}/graph", tag = "alerting",
    params(
        ("name" = String, Path),
        ("objective" = Option<usize>, Query, description = "Its place among the objectives; 0 if not said"),
        ("start" = Option<String>, Query, description = "The beginning of the period if not said"),
        ("end" = Option<String>, Query, description = "What is counted by now if not said"),
        ("step" = Option<String>, Query, description = "One in 200 if not said")),
    responses(
        (status = 200, description = "`points`, each with `time` and what `status` has", body = Object),
        (status = 400, description = "What is wrong", body = super::super::error::ErrorBody),
        (status = 404, description = "No such SLO", body = super::super::error::ErrorBody)))]
pub async fn graph(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(name): PathText,
    Params(params): Params<RangeParams>,
) -> Result<Json<Value>, ApiError> {
    let asked = Asked::of(&api, &tenant, &name, &params)?;
    let drawn = tokio::task::spawn_blocking(move || points(&asked)).await;
    let points = drawn.map_err(|_| {
        let status = http::StatusCode::INTERNAL_SERVER_ERROR;
        ApiError::new(status, "internal", "the graph was given up")
    })?;
    Ok(Json(json!({ "points": points })))
}

fn points(asked: &Asked) -> Vec<Value> {
    let objective = asked.objective();
    let spec = &asked.standing.loaded.slo.objectives[asked.objective];
    let policy = spec.live_policy();
    let kept = Kept::of(&policy, &objective.events);
    let events = kept.as_ref().map_or(&*objective.events, |kept| &kept.events);
    let counted = Counted::of(policy.method, events);
    let last = asked.end.min(objective.status.until);
    let mut at = asked.start;
    let mut points = Vec::new();
    while at <= last {
        let facts = Facts {
            counted: &counted,
            events,
            all_events: &objective.events,
            excluded: kept.as_ref().map_or(&[], |kept| &kept.excluded),
            now: Timestamp(at.saturating_mul(NANOS)),
            watermark: at,
            lag_seconds_max: 0,
            has_failed: false,
            last_heard: Some(at),
            silence_seconds_max: 0,
            unmeasured: &objective.unmeasured,
        };
        let mut point = render::status(&evaluate(&policy, &facts));
        point["time"] = json!(render::time(at));
        points.push(point);
        at += asked.step;
    }
    points
}

/// The slices of an objective that have events: integers, as they are counted.
#[utoipa::path(get, path = "/api/v1/slos/{name}/slices", tag = "alerting",
    params(
        ("name" = String, Path),
        ("objective" = Option<usize>, Query, description = "Its place among the objectives; 0 if not said"),
        ("start" = Option<String>, Query, description = "The beginning of the period if not said"),
        ("end" = Option<String>, Query, description = "What is counted by now if not said")),
    responses(
        (status = 200, description = "`slices`, each `[time, good, total]`, and `slice_seconds`", body = Object),
        (status = 400, description = "What is wrong", body = super::super::error::ErrorBody),
        (status = 404, description = "No such SLO", body = super::super::error::ErrorBody)))]
pub async fn slices(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(name): PathText,
    Params(mut params): Params<RangeParams>,
) -> Result<Json<Value>, ApiError> {
    params.step.get_or_insert_with(|| "365d".to_owned());
    let asked = Asked::of(&api, &tenant, &name, &params)?;
    let range = slice_of(asked.start)..slice_of(asked.end);
    let mut slices = asked.objective().events.slices(range);
    let some: Vec<Value> = slices
        .by_ref()
        .take(SLICES_MAX)
        .map(|(at, count)| json!([render::time(at * SLICE_SECONDS), count.good, count.total]))
        .collect();
    let is_truncated = slices.next().is_some();
    Ok(Json(json!({ "slices": some, "slice_seconds": SLICE_SECONDS, "truncated": is_truncated })))
}
