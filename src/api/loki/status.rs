//! What Grafana asks to find out whom it talks to.

use super::super::Api;
use super::error::LokiError;
use axum::Json;
use axum::extract::State;
use http::header;
use serde_json::{Value, json};

/// The version of Loki whose API this is. Grafana switches its features by it.
const LOKI_VERSION: &str = "3.5.0";

pub async fn ready(State(api): State<Api>) -> Result<&'static str, LokiError> {
    api.ready_product()?;
    Ok("ready\n")
}

pub async fn buildinfo() -> Json<Value> {
    Json(json!({
        "version": LOKI_VERSION,
        "revision": env!("CARGO_PKG_VERSION"),
        "branch": "",
        "buildUser": "binnacle",
        "buildDate": "",
        "goVersion": "",
    }))
}

/// Alerting rules come with alerting; files of rules are YAML.
pub async fn rule_files() -> ([(header::HeaderName, &'static str); 1], &'static str) {
    ([(header::CONTENT_TYPE, "application/yaml")], "{}\n")
}
