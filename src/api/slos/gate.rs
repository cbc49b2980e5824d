//! The gate of deployments: whether a candidate is as good as the baseline, by an SLO's events.

use super::super::Api;
use super::super::error::ApiError;
use super::super::request::{JsonBody, Params, PathText, Tenant};
use super::{failed, find, render, seconds, unix_seconds};
use axum::Json;
use axum::extract::State;
use binnacle_alerting::Error;
use binnacle_alerting::gate::{Arm, Selector};
use binnacle_alerting::slo::{Count, GateRequest, Gated};
use binnacle_storage::model::TenantId;
use serde::Deserialize;
use serde_json::{Value, json};

/// How often a verdict may be wrong when it is not said.
const ALPHA: f64 = 0.05;

/// Seconds looked at when `start` is not said.
const RANGE_SECONDS: i64 = 3_600;

/// Longest time between `start` and `end`.
const RANGE_SECONDS_MAX: i64 = 31 * 86_400;

/// Slices that ended so long ago have their events.
const SETTLE_SECONDS: i64 = 5;

/// A number in a query string or in JSON.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Number {
    Number(f64),
    Text(String),
}

impl Number {
    fn value(&self) -> Option<f64> {
        match self {
            Number::Number(number) => Some(*number),
            Number::Text(text) => text.parse().ok(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateParams {
    candidate: String,
    baseline: Option<String>,
    objective: Option<usize>,
    start: Option<String>,
    end: Option<String>,
    alpha: Option<Number>,
    margin: Option<Number>,
}

/// Says whether a candidate may be promoted, by the events of an SLO since both run: `promote`, `hold` or `roll_back`.
///
/// It may be asked as often as one likes: the rates of wrong verdicts hold at any number of looks, as long as `start` stays. A
/// candidate that is not worse is rolled back with probability `alpha` at most (a test martingale over blocks of time, exact for
/// events that are independent within a block, made smaller by how much blocks vary beyond that); one that is worse by `margin`
/// is promoted with probability `alpha` at most (an interval of a mixture sequential test, for many events).
#[utoipa::path(get, path = "/api/v1/slos/{name}/gate", tag = "alerting",
    params(
        ("name" = String, Path),
        ("candidate" = String, Query, description = "An attribute of the events' resource and its value: `service.version:2.1`"),
        ("baseline" = Option<String>, Query, description = "The same of the baseline, in which no event of the candidate counts; events with another value of the candidate's attribute if not said"),
        ("objective" = Option<usize>, Query, description = "Its place among the objectives; 0 if not said"),
        ("start" = Option<String>, Query, description = "Since when both run; an hour before `end` if not said"),
        ("end" = Option<String>, Query, description = "What has arrived by now if not said"),
        ("alpha" = Option<f64>, Query, description = "0.05 if not said"),
        ("margin" = Option<f64>, Query, description = "Share of bad events by which the candidate may be worse; the error budget if not said")),
    responses(
        (status = 200, description = "`verdict`, `reason`, `statistics`, and what was counted of `candidate` and `baseline`", body = Object),
        (status = 400, description = "What is wrong", body = super::super::error::ErrorBody),
        (status = 404, description = "No such SLO", body = super::super::error::ErrorBody)))]
pub async fn ask(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(name): PathText,
    Params(params): Params<GateParams>,
) -> Result<Json<Value>, ApiError> {
    answer(&api, &tenant, &name, &params).await
}

/// The same, asked with a body.
#[utoipa::path(post, path = "/api/v1/slos/{name}/gate", tag = "alerting", params(("name" = String, Path)),
    request_body(content = Object, description = "The parameters of GET as members"),
    responses(
        (status = 200, description = "As GET answers", body = Object),
        (status = 400, description = "What is wrong", body = super::super::error::ErrorBody),
        (status = 404, description = "No such SLO", body = super::super::error::ErrorBody),
        (status = 415, description = "The request is not JSON", body = super::super::error::ErrorBody)))]
pub async fn ask_with_body(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(name): PathText,
    JsonBody(params): JsonBody<GateParams>,
) -> Result<Json<Value>, ApiError> {
    answer(&api, &tenant, &name, &params).await
}

async fn answer(
    api: &Api,
    tenant: &TenantId,
    name: &str,
    params: &GateParams,
) -> Result<Json<Value>, ApiError> {
    let (slos, loaded, objective) = find(api, tenant, name, params.objective)?;
    let request = read(api, params, objective)?;
    let gated = slos.gate(tenant, &loaded, &request).await.map_err(|error| match error {
        Error::Query(error) => ApiError::from(error),
        error => failed(&error),
    })?;
    let mut value = rendered(&request, &gated);
    value["slo"] = json!(name);
    value["slo_version"] = json!(loaded.version.version);
    Ok(Json(value))
}

fn read(api: &Api, params: &GateParams, objective: usize) -> Result<GateRequest, ApiError> {
    let selector = |name: &str, text: &str| {
        Selector::parse(text).ok_or_else(|| {
            ApiError::invalid(format!("{name} is no attribute and its value: '{text}'"))
                .hint("write it as service.version:2.1")
        })
    };
    let candidate = selector("candidate", &params.candidate)?;
    let baseline = match &params.baseline {
        Some(text) => Arm::beside(&candidate, selector("baseline", text)?),
        None => Arm::Other(candidate.clone()),
    };
    let candidate = Arm::Is(candidate);
    if candidate == baseline {
        return Err(ApiError::invalid("candidate and baseline are the same"));
    }
    let now = api.now();
    let time = |name, text: &Option<String>, or| seconds(name, text.as_deref(), or, now);
    let settled = unix_seconds(now) - SETTLE_SECONDS;
    let end = time("end", &params.end, settled)?.min(settled);
    let start = time("start", &params.start, end - RANGE_SECONDS)?;
    if start >= end || end.saturating_sub(start) > RANGE_SECONDS_MAX {
        return Err(ApiError::invalid("start must lie before end, by at most 31 days"));
    }
    let share = |name: &str, number: &Option<Number>, most: f64| match number {
        None => Ok(None),
        Some(number) => match number.value().filter(|share| *share > 0.0 && *share < most) {
            Some(share) => Ok(Some(share)),
            None => Err(ApiError::invalid(format!("{name} must be above 0 and below {most}"))),
        },
    };
    Ok(GateRequest {
        objective,
        candidate,
        baseline,
        range: start..end,
        alpha: share("alpha", &params.alpha, 0.5)?.unwrap_or(ALPHA),
        margin: share("margin", &params.margin, 1.0)?,
    })
}

fn rendered(request: &GateRequest, gated: &Gated) -> Value {
    let verdict = &gated.verdict;
    let arm = |arm: &Arm, all: Count, judged: Count| {
        let ratio = (all.total > 0).then(|| all.bad() as f64 / all.total as f64);
        json!({
            "is": arm.to_string(),
            "good": all.good,
            "bad": all.bad(),
            "total": all.total,
            "error_ratio": ratio,
            "judged": { "good": judged.good, "bad": judged.bad(), "total": judged.total },
        })
    };
    let difference = verdict.difference.map(|difference| {
        json!({ "estimate": difference.estimate, "low": difference.low, "high": difference.high })
    });
    json!({
        "verdict": verdict.kind.name(),
        "reason": verdict.reason,
        "objective": request.objective,
        "start": render::time(request.range.start),
        "end": render::time(request.range.end),
        "candidate": arm(&request.candidate, gated.candidate, verdict.candidate),
        "baseline": arm(&request.baseline, gated.baseline, verdict.baseline),
        "statistics": {
            "alpha": verdict.settings.alpha,
            "margin": verdict.settings.margin,
            "difference": difference,
            "p_value": verdict.p_value,
            "blocks": verdict.blocks,
            "dispersion": verdict.dispersion,
            "method": "roll back: test martingale over blocks (always valid); promote: mixture sequential interval of the Mantel-Haenszel difference",
        },
        "is_estimate": gated.is_estimate,
        "whole_from": gated.whole_from.map(render::time),
    })
}
