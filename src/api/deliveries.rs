//! `GET /api/v1/deliveries`: what was said to whom about alerts, attempt by attempt.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::request::{Params, Tenant};
use axum::Json;
use axum::extract::State;
use binnacle_alerting::Error;
use binnacle_alerting::notify::outbox::{Attempt, Delivery, DeliveryState, Filter};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::error;

const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 1000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    receiver: Option<String>,
    state: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// Notifications and what became of them, newest first: waiting, delivered, refused by their receiver, or given up.
#[utoipa::path(get, path = "/api/v1/deliveries", tag = "query",
    params(
        ("receiver" = Option<String>, Query, description = "Only to this receiver"),
        ("state" = Option<String>, Query, description = "Only `waiting`, `delivered`, `refused` or `given_up`"),
        ("cursor" = Option<String>, Query, description = "As the last answer gave it, for the next page"),
        ("limit" = Option<usize>, Query, description = "At most so many; 100 by default, at most 1000")),
    responses(
        (status = 200, description = "`deliveries` with their `attempts`, and a `cursor` when there are more", body = Object),
        (status = 400, description = "A parameter is wrong", body = ErrorBody)))]
pub async fn deliveries(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    Params(wanted): Params<Wanted>,
) -> Result<Json<Value>, ApiError> {
    let notifier = api.ready_product()?.alerting.notifier().clone();
    let filter = filter(wanted)?;
    let limit = filter.limit;
    let listing = move || notifier.list_deliveries(&tenant, &filter);
    let listed = tokio::task::spawn_blocking(listing).await.unwrap_or(Err(Error::Stopped));
    let deliveries = listed.map_err(|source| {
        error!(error = %source, "failed to list deliveries");
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", source.to_string())
    })?;
    let last = deliveries.last().filter(|_| deliveries.len() == limit);
    let cursor = last.map(|delivery| delivery.id.to_string());
    let rendered: Vec<Value> = deliveries.iter().map(render).collect();
    Ok(Json(json!({ "deliveries": rendered, "cursor": cursor })))
}

fn filter(wanted: Wanted) -> Result<Filter, ApiError> {
    let state = wanted.state.map(|text| {
        DeliveryState::parse(&text).ok_or_else(|| {
            ApiError::invalid(format!("state '{text}' is none"))
                .hint("waiting, delivered, refused or given_up")
        })
    });
    let before = wanted.cursor.map(|text| {
        text.parse().map_err(|_| ApiError::invalid("the cursor is none that was given"))
    });
    let limit = wanted.limit.unwrap_or(LIMIT_DEFAULT);
    if limit == 0 || limit > LIMIT_MAX {
        return Err(ApiError::invalid(format!("limit must be from 1 to {LIMIT_MAX}")));
    }
    Ok(Filter {
        receiver: wanted.receiver,
        state: state.transpose()?,
        before: before.transpose()?,
        limit,
    })
}

fn render(delivery: &Delivery) -> Value {
    let attempts =
        delivery.attempts.iter().map(|(number, attempt)| render_attempt(*number, attempt));
    json!({
        "id": delivery.id.to_string(),
        "receiver": delivery.receiver,
        "integration": delivery.integration,
        "group_key": delivery.group_key,
        "idempotency_key": delivery.idempotency_key,
        "status": delivery.status,
        "reason": delivery.reason,
        "alerts": delivery.alerts,
        "body": delivery.body,
        "created_at": delivery.created_at.to_string(),
        "state": delivery.state,
        "attempt_count": delivery.attempt_count,
        "next_attempt_at": (delivery.finished_at.is_none()).then(|| delivery.next_attempt_at.to_string()),
        "finished_at": delivery.finished_at.map(|time| time.to_string()),
        "error": delivery.error,
        "attempts": attempts.collect::<Vec<_>>(),
    })
}

fn render_attempt(number: i64, attempt: &Attempt) -> Value {
    json!({
        "number": number,
        "at": attempt.at.to_string(),
        "duration": attempt.elapsed.as_nanos().to_string(),
        "status": attempt.status,
        "error": attempt.error,
    })
}
