//! `/api/v1/runs…`: load-test runs, as load generators register them. What they measured is kept beside what the services said.

mod check;
mod run;

use super::Api;
use super::documents::{documents, parse, rfc3339};
use super::error::{ApiError, ErrorBody};
use super::request::{JsonBody, Params, PathText, Tenant, parse_time};
use crate::documents::{Document, Draft, Filter, Kind};
use axum::extract::State;
use axum::{Json, Router, routing::get};
use binnacle_storage::model::{TimeRange, Timestamp};
use http::StatusCode;
pub use run::Run;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 1_000;

/// The runs of a range of time.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Runs {
    /// The newest first; without their timelines and buckets.
    runs: Vec<Run>,
}

pub fn routes() -> Router<Api> {
    Router::new()
        .route("/api/v1/runs", get(list_runs).post(add_run))
        .route("/api/v1/runs/{id}", get(read_run).put(replace_run).delete(delete_run))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListParams {
    limit: Option<usize>,
    name: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

/// Load-test runs, the newest first.
#[utoipa::path(get, path = "/api/v1/runs", tag = "load tests",
    params(
        ("limit" = Option<usize>, Query, description = "At most so many; 100 by default, at most 1,000"),
        ("name" = Option<String>, Query, description = "Part of the name"),
        ("from" = Option<String>, Query, description = "Started at this time or later: Unix ns, RFC 3339, or such as -1h"),
        ("to" = Option<String>, Query, description = "Started before this time")),
    responses(
        (status = 200, description = "The runs", body = Runs),
        (status = 400, description = "A parameter is wrong", body = ErrorBody)))]
pub async fn list_runs(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(params): Params<ListParams>,
) -> Result<Json<Runs>, ApiError> {
    let filter = filter(params, api.now())?;
    let listed = documents(&api, move |documents| documents.list(&tenant, Kind::Run, &filter));
    let listed = listed.await?;
    let runs = listed.iter().map(|document| parse(&document.json));
    Ok(Json(Runs { runs: runs.collect::<Result<_, _>>()? }))
}

fn filter(params: ListParams, now: Timestamp) -> Result<Filter, ApiError> {
    let time = |name, text: Option<String>, default| match text {
        Some(text) => parse_time(name, &text, now),
        None => Ok(default),
    };
    let (from, to) = (
        time("from", params.from, TimeRange::all().start())?,
        time("to", params.to, TimeRange::all().end())?,
    );
    let range =
        TimeRange::new(from, to).ok_or_else(|| ApiError::invalid("to is not after from"))?;
    let limit = params.limit.unwrap_or(LIMIT_DEFAULT);
    if limit == 0 || limit > LIMIT_MAX {
        return Err(ApiError::invalid(format!("limit must be from 1 to {LIMIT_MAX}")));
    }
    Ok(Filter { range, title: params.name, limit })
}

/// One run, whole.
#[utoipa::path(get, path = "/api/v1/runs/{id}", tag = "load tests", params(("id" = String, Path)),
    responses(
        (status = 200, description = "The run", body = Run),
        (status = 404, description = "No such run", body = ErrorBody)))]
pub async fn read_run(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(id): PathText,
) -> Result<Json<Run>, ApiError> {
    let found = documents(&api, move |documents| documents.find(&tenant, Kind::Run, &id));
    render(&found.await?)
}

/// Registers a run; what is not yet known can be given later by PUT.
#[utoipa::path(post, path = "/api/v1/runs", tag = "load tests", request_body = Run,
    responses(
        (status = 201, description = "The run with its `id`", body = Run),
        (status = 400, description = "It is none", body = ErrorBody),
        (status = 409, description = "Its id is taken, or there are too many", body = ErrorBody),
        (status = 413, description = "It is too large", body = ErrorBody),
        (status = 415, description = "It is not JSON", body = ErrorBody)))]
pub async fn add_run(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    JsonBody(mut run): JsonBody<Run>,
) -> Result<(StatusCode, Json<Run>), ApiError> {
    let now = api.now();
    let id = run.id.clone().unwrap_or_else(|| new_id(now));
    let draft = draft(&mut run, &id, now)?;
    let added =
        documents(&api, move |documents| documents.add(&tenant, Kind::Run, &id, &draft, now));
    Ok((StatusCode::CREATED, render(&added.await?)?))
}

/// Says anew what is known of a run.
#[utoipa::path(put, path = "/api/v1/runs/{id}", tag = "load tests", request_body = Run, params(("id" = String, Path)),
    responses(
        (status = 200, description = "The run", body = Run),
        (status = 400, description = "It is none", body = ErrorBody),
        (status = 404, description = "No such run", body = ErrorBody),
        (status = 413, description = "It is too large", body = ErrorBody),
        (status = 415, description = "It is not JSON", body = ErrorBody)))]
pub async fn replace_run(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(id): PathText,
    JsonBody(mut run): JsonBody<Run>,
) -> Result<Json<Run>, ApiError> {
    let now = api.now();
    let draft = draft(&mut run, &id, now)?;
    let replaced = documents(&api, move |documents| {
        documents.replace(&tenant, Kind::Run, &id, &draft, None, now)
    });
    render(&replaced.await?)
}

/// Deletes a run. Telemetry of its time stays.
#[utoipa::path(delete, path = "/api/v1/runs/{id}", tag = "load tests", params(("id" = String, Path)),
    responses(
        (status = 204, description = "Done"),
        (status = 404, description = "No such run", body = ErrorBody)))]
pub async fn delete_run(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    PathText(id): PathText,
) -> Result<StatusCode, ApiError> {
    documents(&api, move |documents| documents.delete(&tenant, Kind::Run, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The run as it is kept: its times in UTC, its percentiles worked out.
fn draft(run: &mut Run, id: &str, now: Timestamp) -> Result<Draft, ApiError> {
    run.id = Some(id.to_owned());
    let started_at = check::normalise(run, now)?;
    let json = |run: &Run| {
        serde_json::to_string(run).map_err(|error| ApiError::invalid(error.to_string()))
    };
    Ok(Draft {
        title: run.name.clone(),
        at: started_at,
        head: json(&run.without_details())?,
        body: json(run)?,
    })
}

/// Ids that begin with their time.
fn new_id(now: Timestamp) -> String {
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), now.0);
    format!(
        "{}-{:06x}",
        rfc3339(now).get(..19).unwrap_or("run").replace(['-', ':', 'T'], ""),
        random & 0xff_ffff
    )
}

fn render(document: &Document) -> Result<Json<Run>, ApiError> {
    parse(&document.json).map(Json)
}
