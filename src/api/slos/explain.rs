//! What spent an error budget: when somebody asks, and as it was found when an alert fired.

use super::super::Api;
use super::super::error::ApiError;
use super::super::request::{Params, PathText, Tenant};
use super::{blocking, failed, find, render, seconds, unix_seconds};
use axum::Json;
use axum::extract::State;
use binnacle_alerting::explain::Evidence;
use binnacle_alerting::slo::parse_group;
use binnacle_alerting::{Error, Fingerprint};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::ops::Range;

/// Seconds explained when `start` is not said.
const WINDOW_SECONDS: i64 = 3_600;

/// Longest window: more rows than are looked at lie in it anyway.
const WINDOW_SECONDS_MAX: i64 = 31 * 86_400;

/// Firings of one alert that are listed.
const FIRINGS_MAX: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainParams {
    objective: Option<usize>,
    group: Option<String>,
    start: Option<String>,
    end: Option<String>,
    baseline_start: Option<String>,
    baseline_end: Option<String>,
}

/// What spent the error budget of an objective in a window: services and operations by the deepest span that failed or was slower
/// than usual, attributes and versions, each with its significance, and example traces with their logs.
#[utoipa::path(get, path = "/api/v1/slos/{name}/explain", tag = "alerting",
    params(
        ("name" = String, Path),
        ("objective" = Option<usize>, Query, description = "Its place among the objectives; 0 if not said"),
        ("group" = Option<String>, Query, description = "Of a group alone: a JSON list of its values, or `overflow`"),
        ("start" = Option<String>, Query, description = "An hour before `end` if not said"),
        ("end" = Option<String>, Query, description = "Now if not said"),
        ("baseline_start" = Option<String>, Query, description = "With what the window is compared: as much time before it if not said"),
        ("baseline_end" = Option<String>, Query, description = "`start` if not said")),
    responses(
        (status = 200, description = "`summary`, `services`, `operations`, `attributes`, `versions`, `examples`", body = Object),
        (status = 400, description = "Not a time, or windows that overlap", body = super::super::error::ErrorBody),
        (status = 404, description = "No such SLO", body = super::super::error::ErrorBody)))]
pub async fn explain(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(name): PathText,
    Params(params): Params<ExplainParams>,
) -> Result<Json<Value>, ApiError> {
    let (slos, loaded, objective) = find(&api, &tenant, &name, params.objective)?;
    let (window, before) = ranges(&api, &params)?;
    let group = match &params.group {
        None => None,
        Some(text) => {
            let group = parse_group(text, &loaded.slo.objectives[objective].sli);
            let unknown = || ApiError::invalid(format!("the objective has no group '{text}'"));
            Some(group.ok_or_else(unknown)?)
        }
    };
    let of = (objective, group.as_ref());
    let explained = slos.explain(&tenant, &loaded, of, window, before).await;
    let explanation = explained.map_err(|error| match error {
        Error::Query(error) => ApiError::from(error),
        error => failed(&error),
    })?;
    let mut value = json!(explanation);
    value["slo"] = json!(name);
    value["slo_version"] = json!(loaded.version.version);
    value["objective"] = json!(objective);
    Ok(Json(value))
}

fn ranges(api: &Api, params: &ExplainParams) -> Result<(Range<i64>, Range<i64>), ApiError> {
    let now = api.now();
    let read = |name, text: &Option<String>, or| seconds(name, text.as_deref(), or, now);
    let end = read("end", &params.end, unix_seconds(now))?;
    let start = read("start", &params.start, end - WINDOW_SECONDS)?;
    let length = end.saturating_sub(start);
    let before_end = read("baseline_end", &params.baseline_end, start)?;
    let before_start =
        read("baseline_start", &params.baseline_start, before_end.saturating_sub(length))?;
    for range in [start..end, before_start..before_end] {
        if range.is_empty() || range.end.saturating_sub(range.start) > WINDOW_SECONDS_MAX {
            let message =
                "the window and its baseline must begin before they end, by at most 31 days";
            return Err(ApiError::invalid(message));
        }
    }
    Ok((start..end, before_start..before_end))
}

/// What spent the error budget when an SLO's alert began to fire, as it was found then: also when the rows are gone.
#[utoipa::path(get, path = "/api/v1/alerts/{alert}/explain", tag = "alerting",
    params(("alert" = String, Path, description = "The alert's fingerprint, for its last firing; or the number of an evidence")),
    responses(
        (status = 200, description = "The evidence, with what `/api/v1/slos/{name}/explain` has, and `firings`: the numbers of what is kept of this alert", body = Object),
        (status = 404, description = "There is no evidence of such an alert", body = super::super::error::ErrorBody)))]
pub async fn of_alert(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(alert): PathText,
) -> Result<Json<Value>, ApiError> {
    let slos = api.ready_product()?.alerting.slos().clone();
    let asked = alert.clone();
    let work = move || {
        let by_id = match asked.parse::<i64>() {
            Ok(id) if asked.len() < 16 => slos.find_evidence(&tenant, id)?,
            _ => None,
        };
        let fingerprint = match &by_id {
            Some(evidence) => Some(evidence.fingerprint),
            None => u64::from_str_radix(&asked, 16).ok().map(Fingerprint),
        };
        let all = match fingerprint {
            Some(fingerprint) => slos.evidence(&tenant, fingerprint, FIRINGS_MAX)?,
            None => Vec::new(),
        };
        Ok((by_id, all))
    };
    let (by_id, all) = blocking(work).await?;
    let Some(evidence) = by_id.as_ref().or(all.first()) else {
        let message = format!("there is no evidence of an alert '{alert}'");
        let hint =
            "evidence is kept of SLO alerts about budgets that have fired; ask by fingerprint";
        return Err(ApiError::new(StatusCode::NOT_FOUND, "not_found", message).hint(hint));
    };
    let mut value = rendered(evidence);
    let firings = all
        .iter()
        .map(|one| json!({ "id": one.id.to_string(), "starts_at": render::time(one.starts_at) }));
    value["firings"] = firings.collect();
    Ok(Json(value))
}

fn rendered(evidence: &Evidence) -> Value {
    let mut value = json!(evidence.explanation);
    value["id"] = json!(evidence.id.to_string());
    value["fingerprint"] = json!(evidence.fingerprint.to_string());
    value["starts_at"] = json!(render::time(evidence.starts_at));
    value["made_at"] = json!(render::time(evidence.made_at));
    value["slo"] = json!(evidence.slo);
    value["slo_version"] = json!(evidence.slo_version);
    value["objective"] = json!(evidence.objective);
    value["labels"] = json!(evidence.labels);
    value
}
