//! What this Alertmanager is, how it is configured, and whether it is well.

use super::answer::{Refusal, ask};
use crate::api::Api;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use binnacle_alerting::notify::message::time;
use http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

/// The configuration is shown without its secrets.
pub async fn status(State(api): State<Api>) -> Result<Json<Value>, Refusal> {
    let configuration = ask(&api, |notifier| Ok(notifier.configuration())).await?;
    let up: Duration = api.facts().started.elapsed();
    Ok(Json(json!({
        "cluster": { "peers": [], "status": "disabled" },
        "config": { "original": configuration.shown },
        "uptime": time::millis(api.now().saturating_sub(up)),
        "versionInfo": {
            "branch": "",
            "buildDate": "",
            "buildUser": "",
            "goVersion": "",
            "revision": "",
            "version": concat!("binnacle-", env!("CARGO_PKG_VERSION")),
        },
    })))
}

pub async fn receivers(State(api): State<Api>) -> Result<Json<Value>, Refusal> {
    let configuration = ask(&api, |notifier| Ok(notifier.configuration())).await?;
    let receivers = configuration.receivers.iter().map(|known| json!({ "name": known.name }));
    Ok(Json(receivers.collect()))
}

pub async fn healthy() -> &'static str {
    "OK"
}

pub async fn ready(State(api): State<Api>) -> Result<&'static str, Refusal> {
    ask(&api, |_| Ok("OK")).await
}

/// Reads the configuration again. A file that is refused leaves the earlier one in force.
pub async fn reload(State(api): State<Api>) -> Response {
    match ask(&api, |notifier| Ok(notifier.reload().map_err(|error| error.to_string()))).await {
        Ok(Ok(())) => StatusCode::OK.into_response(),
        Ok(Err(why)) => {
            let message = format!("failed to reload config: {why}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}
