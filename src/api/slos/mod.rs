//! `/api/v1/slos…`: SLOs as OpenSLO YAML, how they stand, and how they stood.

pub mod backtest;
pub mod explain;
pub mod gate;
pub mod graph;
mod render;
pub mod timeline;

use graph::{graph, groups, slices};

use super::Api;
use super::error::ApiError;
use super::request::{Params, PathText, Tenant, parse_time};
use axum::Json;
use axum::Router;
use axum::extract::{Request, State};
use axum::routing::{get, post};
use binnacle_alerting::Error;
use binnacle_alerting::slo::spec::{Parsed, Part, SliSource};
use binnacle_alerting::slo::{
    History, Loaded, Material, ObjectiveStanding, Refused, SPEC_BYTES_MAX, Slos, Standing, figures,
};
use binnacle_query::QueryEngine;
use binnacle_storage::model::{TenantId, Timestamp};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Most transitions of one answer.
const TRANSITIONS_MAX: usize = 10_000;

pub fn routes() -> Router<Api> {
    Router::new()
        .route("/api/v1/slos", get(list).post(put))
        .route("/api/v1/slos/check", post(check))
        .route("/api/v1/slos/backtest", post(backtest::backtest))
        .route("/api/v1/slos/transitions", get(transitions))
        .route("/api/v1/slos/{name}", get(one).delete(delete))
        .route("/api/v1/slos/{name}/versions", get(versions))
        .route("/api/v1/slos/{name}/graph", get(graph))
        .route("/api/v1/slos/{name}/slices", get(slices))
        .route("/api/v1/slos/{name}/groups", get(groups))
        .route("/api/v1/slos/{name}/timeline", get(timeline::timeline))
        .route("/api/v1/slos/{name}/explain", get(explain::explain))
        .route("/api/v1/slos/{name}/gate", get(gate::ask).post(gate::ask_with_body))
        .route("/api/v1/alerts/{alert}/explain", get(explain::of_alert))
}

/// All SLOs and how they stand.
#[utoipa::path(get, path = "/api/v1/slos", tag = "alerting",
    responses((status = 200, description = "`slos`, by name, and `problems` of files that are refused", body = Object)))]
pub async fn list(State(api): State<Api>, Tenant(tenant): Tenant) -> Result<Json<Value>, ApiError> {
    let slos = api.ready_product()?.alerting.slos();
    let all = slos.list(&tenant);
    let all: Vec<Value> = all.iter().map(|loaded| rendered(slos, &tenant, loaded)).collect();
    Ok(Json(json!({ "slos": all, "problems": slos.problems() })))
}

fn rendered(slos: &Slos, tenant: &TenantId, loaded: &Arc<Loaded>) -> Value {
    let standing = slos.standing(tenant, &loaded.slo.name);
    render::slo(loaded, standing.as_deref())
}

/// Stores the SLOs of a body of OpenSLO YAML (`openslo/v1`; several documents), each as a new version unless nothing of it changed.
#[utoipa::path(post, path = "/api/v1/slos", tag = "alerting",
    request_body(content = String, content_type = "application/yaml"),
    responses(
        (status = 200, description = "`names` of the SLOs", body = Object),
        (status = 400, description = "What is wrong, each with its line and field", body = super::error::ErrorBody),
        (status = 409, description = "One of them is from a file", body = super::error::ErrorBody)))]
pub async fn put(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let slos = api.ready_product()?.alerting.slos().clone();
    let text = body(request).await?;
    let parsed = parsed(slos.clone(), text.clone()).await?;
    check_sql(&api.ready_product()?.engine, &tenant, &parsed).await?;
    let names = blocking(move || slos.put(&tenant, &text)).await?;
    Ok(Json(json!({ "names": names })))
}

/// Reads a body of OpenSLO YAML and says what is wrong with it; stores nothing.
#[utoipa::path(post, path = "/api/v1/slos/check", tag = "alerting",
    request_body(content = String, content_type = "application/yaml"),
    responses(
        (status = 200, description = "`names` of the SLOs", body = Object),
        (status = 400, description = "What is wrong, each with its line and field", body = super::error::ErrorBody)))]
pub async fn check(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let slos = api.ready_product()?.alerting.slos().clone();
    let text = body(request).await?;
    let parsed = parsed(slos, text).await?;
    check_sql(&api.ready_product()?.engine, &tenant, &parsed).await?;
    let names: Vec<&str> = parsed.slos.iter().map(|slo| slo.name.as_str()).collect();
    Ok(Json(json!({ "names": names })))
}

/// One SLO, how it stands, and how often it failed in its period.
#[utoipa::path(get, path = "/api/v1/slos/{name}", tag = "alerting", params(("name" = String, Path)),
    responses(
        (status = 200, description = "The SLO", body = Object),
        (status = 404, description = "No such SLO", body = super::error::ErrorBody)))]
pub async fn one(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(name): PathText,
) -> Result<Json<Value>, ApiError> {
    let slos = api.ready_product()?.alerting.slos();
    let loaded = slos.find(&tenant, &name).ok_or_else(|| unknown(&name))?;
    let mut value = rendered(slos, &tenant, &loaded);
    value["text"] = json!(loaded.version.text);
    if let Some(standing) = slos.standing(&tenant, &name)
        && standing.loaded.version == loaded.version
    {
        let figures = tokio::task::spawn_blocking(move || figures_of(&standing)).await;
        let figures = figures.unwrap_or_default().into_iter();
        for (objective, figures) in
            value["objectives"].as_array_mut().into_iter().flatten().zip(figures)
        {
            objective["figures"] = figures;
        }
    }
    Ok(Json(value))
}

/// How often each objective failed in its period, and for how long.
fn figures_of(standing: &Standing) -> Vec<Value> {
    let slo = &standing.loaded.slo;
    let events: Vec<History> = standing.objectives.iter().map(|one| one.events.clone()).collect();
    let of = |(index, objective): (usize, &ObjectiveStanding)| {
        let material = Material::of(slo, index, &events)?;
        let policy = slo.objectives.get(index)?.live_policy();
        Some(render::figures(&figures(&policy, &material, &objective.status)))
    };
    standing.objectives.iter().enumerate().map(|one| of(one).unwrap_or_default()).collect()
}

/// Deletes an SLO. Its versions, counts and transitions are kept.
#[utoipa::path(delete, path = "/api/v1/slos/{name}", tag = "alerting", params(("name" = String, Path)),
    responses(
        (status = 204, description = "Done"),
        (status = 404, description = "No such SLO", body = super::error::ErrorBody),
        (status = 409, description = "It is from a file", body = super::error::ErrorBody)))]
pub async fn delete(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(name): PathText,
) -> Result<StatusCode, ApiError> {
    let slos = api.ready_product()?.alerting.slos().clone();
    blocking(move || slos.delete(&tenant, &name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Every version of an SLO there ever was, the oldest first.
#[utoipa::path(get, path = "/api/v1/slos/{name}/versions", tag = "alerting", params(("name" = String, Path)),
    responses(
        (status = 200, description = "`versions`", body = Object),
        (status = 404, description = "No such SLO", body = super::error::ErrorBody)))]
pub async fn versions(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(name): PathText,
) -> Result<Json<Value>, ApiError> {
    let slos = api.ready_product()?.alerting.slos().clone();
    let of = name.clone();
    let versions = blocking(move || Ok(slos.versions(&tenant, &of)?)).await?;
    if versions.is_empty() {
        return Err(unknown(&name));
    }
    let versions: Vec<Value> = versions.iter().map(render::version).collect();
    Ok(Json(json!({ "versions": versions })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransitionParams {
    slo: Option<String>,
    limit: Option<usize>,
}

/// What the alerts of SLOs did, the newest first.
#[utoipa::path(get, path = "/api/v1/slos/transitions", tag = "alerting",
    params(
        ("slo" = Option<String>, Query, description = "Only this one"),
        ("limit" = Option<usize>, Query, description = "100 if not said, at most 10,000")),
    responses((status = 200, description = "`transitions`", body = Object)))]
pub async fn transitions(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(params): Params<TransitionParams>,
) -> Result<Json<Value>, ApiError> {
    let slos = api.ready_product()?.alerting.slos().clone();
    let limit = params.limit.unwrap_or(100).min(TRANSITIONS_MAX);
    let work = move || Ok(slos.transitions(&tenant, params.slo.as_deref(), limit)?);
    let transitions = blocking(work).await?;
    let transitions: Vec<Value> = transitions.iter().map(render::transition).collect();
    Ok(Json(json!({ "transitions": transitions })))
}

/// An SLO, and the place of one of its objectives: the first one's if it is not said.
fn find(
    api: &Api,
    tenant: &TenantId,
    name: &str,
    objective: Option<usize>,
) -> Result<(Slos, Arc<Loaded>, usize), ApiError> {
    let slos = api.ready_product()?.alerting.slos().clone();
    let loaded = slos.find(tenant, name).ok_or_else(|| unknown(name))?;
    let objective = objective.unwrap_or(0);
    if objective >= loaded.slo.objectives.len() {
        return Err(ApiError::invalid(format!("the SLO has no objective {objective}")));
    }
    Ok((slos, loaded, objective))
}

/// A time of a request in Unix seconds, or `default` when it is not said.
fn seconds(name: &str, text: Option<&str>, default: i64, now: Timestamp) -> Result<i64, ApiError> {
    match text {
        Some(text) => parse_time(name, text, now).map(unix_seconds),
        None => Ok(default),
    }
}

fn unix_seconds(time: Timestamp) -> i64 {
    time.0.div_euclid(1_000_000_000)
}

async fn parsed(slos: Slos, text: String) -> Result<Parsed, ApiError> {
    blocking(move || slos.check(&text)).await
}

/// Asks what SQL there is about one slice long past: what names a table or a column that is not there is refused.
async fn check_sql(
    engine: &QueryEngine,
    tenant: &TenantId,
    parsed: &Parsed,
) -> Result<(), ApiError> {
    for slo in &parsed.slos {
        for (index, objective) in slo.objectives.iter().enumerate() {
            let sli = &objective.sli;
            let (Part::Good(part) | Part::Bad(part)) = &sli.part;
            for query in [&sli.total, part].into_iter().filter(|_| sli.source == SliSource::Sql) {
                let Err(error) = engine.sli_sql(tenant, query, 0..1, 0).await else { continue };
                let error = ApiError::from(error);
                // What fails otherwise may not fail when it is counted.
                if error.status == StatusCode::BAD_REQUEST {
                    let message =
                        format!("SLO '{}', objective {index}: {}", slo.name, error.message);
                    return Err(ApiError { message, code: "invalid_slo", position: None, ..error });
                }
            }
        }
    }
    Ok(())
}

/// A body of text, up to the largest that is read.
async fn body(request: Request) -> Result<String, ApiError> {
    let body = axum::body::to_bytes(request.into_body(), SPEC_BYTES_MAX).await;
    let body = body.map_err(|_| {
        let message =
            format!("the request body is larger than {SPEC_BYTES_MAX} bytes or ended early");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    })?;
    String::from_utf8(body.into()).map_err(|_| ApiError::invalid("the request body is not UTF-8"))
}

/// Runs what waits for the database off the network threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refused> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(refused),
        Err(_) => {
            let message = "the request was given up";
            Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message))
        }
    }
}

fn refused(refused: Refused) -> ApiError {
    match refused {
        Refused::Problems(problems) => {
            let first = problems.first().map_or(1, |problem| problem.line as u64);
            let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
            let mut error = ApiError::new(StatusCode::BAD_REQUEST, "invalid_slo", all.join("\n"));
            error.position = Some(super::error::Position { line: first, column: 1 });
            error.hint("alerting/SLO.md says what is read of OpenSLO, and how")
        }
        Refused::InFile(file) => {
            let message = format!("it is from the file {file}");
            ApiError::new(StatusCode::CONFLICT, "conflict", message).hint("change the file")
        }
        Refused::NotFound => {
            ApiError::new(StatusCode::NOT_FOUND, "not_found", "there is no such SLO")
        }
        Refused::TooMany => ApiError::invalid("there are as many SLOs as one tenant may have"),
        Refused::Failed(error) => failed(&error),
    }
}

fn failed(error: &Error) -> ApiError {
    tracing::error!(%error, "a request about SLOs failed");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string())
}

fn unknown(name: &str) -> ApiError {
    let message = format!("there is no SLO '{name}'");
    ApiError::new(StatusCode::NOT_FOUND, "not_found", message).hint("GET /api/v1/slos lists them")
}
