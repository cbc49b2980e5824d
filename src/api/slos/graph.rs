//! How an SLO stood at times past, and the slices it is made of.

use super::super::Api;
use super::super::error::ApiError;
use super::super::request::{Params, PathText, Tenant, parse_duration};
use super::{failed, find, render, seconds};
use axum::Json;
use axum::extract::State;
use binnacle_alerting::slo::{
    Facts, History, Material, ObjectiveStanding, SLICE_SECONDS, Standing, evaluate, parse_group,
    slice_of,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Most points of a graph, and most slices of an answer.
const POINTS_MAX: i64 = 2_000;
const SLICES_MAX: usize = 100_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangeParams {
    objective: Option<usize>,
    group: Option<String>,
    start: Option<String>,
    end: Option<String>,
    step: Option<String>,
}

struct Asked {
    standing: Arc<Standing>,
    objective: usize,
    /// Of the group that is asked for, or of all.
    events: History,
    is_group: bool,
    /// Unix seconds.
    start: i64,
    end: i64,
    step: i64,
}

impl Asked {
    /// Blocks where a group is asked for.
    fn of(
        api: &Api,
        tenant: &binnacle_storage::model::TenantId,
        name: &str,
        params: &RangeParams,
    ) -> Result<Asked, ApiError> {
        let (slos, _, objective) = find(api, tenant, name, params.objective)?;
        let standing = slos.standing(tenant, name).ok_or_else(|| {
            let message = format!("the SLO '{name}' was not evaluated yet");
            ApiError::new(http::StatusCode::SERVICE_UNAVAILABLE, "not_yet", message)
                .hint("it is within seconds")
        })?;
        // What was evaluated may be of the version before.
        let Some(of) = standing.objectives.get(objective) else {
            return Err(ApiError::invalid(format!("the SLO has no objective {objective}")));
        };
        let spec = &standing.loaded.slo.objectives[objective];
        let events = match &params.group {
            None => of.events.clone(),
            Some(text) => {
                let group = parse_group(text, &spec.sli);
                let group = of.groups.iter().find(|of| Some(&of.group) == group.as_ref());
                let unknown = || {
                    ApiError::invalid(format!("the objective has no group '{text}'"))
                        .hint("GET /api/v1/slos/{name}/groups lists them")
                };
                let group = group.ok_or_else(unknown)?;
                slos.events_of_group(tenant, of, group).map_err(|error| failed(&error))?
            }
        };
        let now = api.now();
        let read = |name, text: &Option<String>, or| seconds(name, text.as_deref(), or, now);
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
        let is_group = params.group.is_some();
        Ok(Asked { standing, objective, events, is_group, start, end, step })
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
        ("group" = Option<String>, Query, description = "Of a group alone: a JSON list of its values, or `overflow`"),
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
    let draw = move || Ok(points(&Asked::of(&api, &tenant, &name, &params)?));
    Ok(Json(json!({ "points": apart(draw).await? })))
}

/// Work that would hold up others.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        let status = http::StatusCode::INTERNAL_SERVER_ERROR;
        ApiError::new(status, "internal", "the answer was given up")
    })?
}

fn points(asked: &Asked) -> Vec<Value> {
    let objective = asked.objective();
    let spec = &asked.standing.loaded.slo.objectives[asked.objective];
    let policy = spec.live_policy();
    let standing = &asked.standing;
    let events: Vec<History> = match asked.is_group {
        true => vec![asked.events.clone(); asked.objective + 1],
        false => standing.objectives.iter().map(|one| one.events.clone()).collect(),
    };
    let Some(material) = Material::of(&standing.loaded.slo, asked.objective, &events) else {
        return Vec::new();
    };
    let last = asked.end.min(objective.status.until);
    let mut at = asked.start;
    let mut points = Vec::new();
    while at <= last {
        let facts = Facts { is_group: asked.is_group, ..material.facts(at, &objective.unmeasured) };
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
        ("group" = Option<String>, Query, description = "Of a group alone: a JSON list of its values, or `overflow`"),
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
    let asked = apart(move || Asked::of(&api, &tenant, &name, &params)).await?;
    let range = slice_of(asked.start)..slice_of(asked.end);
    let mut slices = asked.events.slices(range);
    let some: Vec<Value> = slices
        .by_ref()
        .take(SLICES_MAX)
        .map(|(at, count)| json!([render::time(at * SLICE_SECONDS), count.good, count.total]))
        .collect();
    let is_truncated = slices.next().is_some();
    Ok(Json(json!({ "slices": some, "slice_seconds": SLICE_SECONDS, "truncated": is_truncated })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupsParams {
    objective: Option<usize>,
}

/// How the groups of an objective stand, the one with the least of its budget left first.
#[utoipa::path(get, path = "/api/v1/slos/{name}/groups", tag = "alerting",
    params(
        ("name" = String, Path),
        ("objective" = Option<usize>, Query, description = "Its place among the objectives; 0 if not said")),
    responses((status = 200, description = "`groups`, each with `group`, `is_gone`, `status` and `alerts`; `truncated` says that there are more than 1,000", body = Object),
        (status = 400, description = "What is wrong", body = super::super::error::ErrorBody),
        (status = 404, description = "No such SLO", body = super::super::error::ErrorBody)))]
pub async fn groups(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(name): PathText,
    Params(GroupsParams { objective }): Params<GroupsParams>,
) -> Result<Json<Value>, ApiError> {
    let params = RangeParams { objective, group: None, start: None, end: None, step: None };
    let asked = Asked::of(&api, &tenant, &name, &params)?;
    let spec = &asked.standing.loaded.slo.objectives[asked.objective];
    Ok(Json(render::groups(spec, asked.objective())))
}
