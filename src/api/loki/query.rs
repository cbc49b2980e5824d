//! Queries: at a moment, over a range, and how they are written.

use super::super::Api;
use super::error::LokiError;
use super::params::Params;
use super::render;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use binnacle_query::logql::{Direction, LogqlRequest, When, format};
use serde_json::{Value, json};
use std::time::Duration;

pub async fn query(State(api): State<Api>, params: Params) -> Result<Response, LokiError> {
    let when = When::At(params.time_or_now("time")?);
    ask(&api, &params, when).await
}

pub async fn query_range(State(api): State<Api>, params: Params) -> Result<Response, LokiError> {
    let (start, end) = params.range()?;
    let when = When::Range { start, end, step: params.step(start, end)? };
    ask(&api, &params, when).await
}

async fn ask(api: &Api, params: &Params, when: When) -> Result<Response, LokiError> {
    let request = LogqlRequest {
        query: params.required("query")?.to_owned(),
        when,
        limit: params.limit()?,
        direction: direction(params)?,
        interval: params.length("interval")?.unwrap_or(Duration::ZERO),
    };
    let answer = api.ready_product()?.engine.logql(&params.tenant, request).await?;
    render::answer(answer, when, params.categorizes_labels()).await
}

fn direction(params: &Params) -> Result<Direction, LokiError> {
    match params.find("direction").map(str::to_ascii_lowercase).as_deref() {
        None | Some("backward") => Ok(Direction::Backward),
        Some("forward") => Ok(Direction::Forward),
        Some(other) => Err(LokiError::bad_request(format!("invalid direction {other:?}"))),
    }
}

pub async fn format_query(params: Params) -> Result<Json<Value>, LokiError> {
    let text = format(params.required("query")?)?;
    Ok(Json(json!({ "status": "success", "data": text })))
}
