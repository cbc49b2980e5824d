//! `POST /api/v1/slos/backtest`: what the alerts of SLOs would have done.

use super::super::Api;
use super::super::error::ApiError;
use super::super::request::{Params, Tenant, parse_time};
use super::{blocking, body, failed, render, unix_seconds};
use axum::Json;
use axum::extract::{Request, State};
use binnacle_alerting::slo::{BACKTEST_SECONDS_MAX, Backtest, Replayed, span};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BacktestParams {
    start: Option<String>,
    end: Option<String>,
}

/// Goes through time past with the SLOs of a body of OpenSLO YAML, which need not be stored, by the evaluator and the latch that alerts
/// come from. Events count where they lie by now, also those that came late.
#[utoipa::path(post, path = "/api/v1/slos/backtest", tag = "alerting",
    params(
        ("start" = Option<String>, Query, description = "A week ago if not said"),
        ("end" = Option<String>, Query, description = "Now if not said; at most 92 days after `start`")),
    request_body(content = String, content_type = "application/yaml"),
    responses(
        (status = 200, description = "`slos`, each with `objectives`: `transitions`, `firing_seconds` by alert, `status` at the end, and the same of the 20 `groups` with the most bad events", body = Object),
        (status = 400, description = "What is wrong", body = super::super::error::ErrorBody)))]
pub async fn backtest(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(params): Params<BacktestParams>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let text = body(request).await?;
    let slos = api.ready_product()?.alerting.slos().clone();
    let now = api.now();
    let read = |name, text: &Option<String>, or: &str| {
        parse_time(name, text.as_deref().unwrap_or(or), now).map(unix_seconds)
    };
    let range = read("start", &params.start, "-7d")?..read("end", &params.end, "now")?;
    if range.is_empty() || range.end - range.start > BACKTEST_SECONDS_MAX {
        return Err(ApiError::invalid("start must lie before end, by at most 92 days"));
    }
    let checking = slos.clone();
    let parsed = blocking(move || checking.check(&text)).await?;
    let mut all = Vec::new();
    for slo in &parsed.slos {
        let done = slos.backtest(&tenant, slo, range.clone()).await.map_err(|e| failed(&e))?;
        let objectives = slo.objectives.iter().zip(&done).map(|(spec, done)| {
            let mut value = objective(done);
            value["target"] = json!(spec.policy.objective.to_string());
            let groups = done.groups.iter().map(|(group, done)| {
                let mut value = objective(done);
                value["group"] = render::group_name(group, &spec.sli);
                value
            });
            value["groups"] = groups.collect();
            value
        });
        all.push(json!({ "name": slo.name, "objectives": objectives.collect::<Vec<_>>() }));
    }
    Ok(Json(json!({ "slos": all })))
}

fn objective(backtest: &Backtest) -> Value {
    let firing = backtest.firing_seconds.iter().map(|(kind, seconds)| {
        let (long, short) = kind.windows();
        json!({ "kind": kind.name(), "long_window": window(long), "short_window": window(short), "seconds": seconds })
    });
    json!({
        "transitions": backtest.transitions.iter().map(transition).collect::<Vec<_>>(),
        "firing_seconds": firing.collect::<Vec<_>>(),
        "status": backtest.status.as_ref().map(render::status),
    })
}

fn transition(transition: &Replayed) -> Value {
    let (long, short) = transition.kind.windows();
    json!({
        "kind": transition.kind.name(),
        "severity": transition.severity.name(),
        "long_window": window(long),
        "short_window": window(short),
        "until": render::time(transition.until),
        "level": transition.level,
    })
}

fn window(seconds: u64) -> Option<String> {
    (seconds > 0).then(|| span(seconds))
}
