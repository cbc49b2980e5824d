//! What Grafana asks to find out whom it talks to.

use super::super::Api;
use super::error::TempoError;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

/// The version of Tempo whose API this is.
const TEMPO_VERSION: &str = "2.9.0";

/// The health check of Grafana's data source.
pub async fn echo() -> &'static str {
    "echo"
}

pub async fn ready(State(api): State<Api>) -> Result<&'static str, TempoError> {
    api.ready_product()?;
    Ok("ready")
}

pub async fn buildinfo() -> Json<Value> {
    Json(json!({
        "version": TEMPO_VERSION,
        "revision": env!("CARGO_PKG_VERSION"),
        "branch": "",
        "buildUser": "binnacle",
        "buildDate": "",
        "goVersion": "",
    }))
}

/// Limits of a tenant's own; there are none.
pub async fn overrides() -> Json<Value> {
    Json(json!({ "limits": {} }))
}
