//! The partner: a system of somebody else that is told of every order by a webhook.

use crate::http::instrumented;
use crate::telemetry::Service;
use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::Value;
use tracing::info;

pub fn routes(service: &Service) -> Router {
    instrumented(Router::new().route("/webhooks/orders", post(take)), service)
}

async fn take(Json(event): Json<Value>) -> StatusCode {
    info!(event.name = event["event"].as_str().unwrap_or("?"), "heard of an order");
    StatusCode::ACCEPTED
}
