//! `/alertmanager/api/v2/…`: the HTTP API of Alertmanager, for `amtool`, Grafana's data source, dashboards, and Prometheus
//! servers that send their alerts here.
//!
//! A refusal is a JSON text, as Alertmanager's are, or `{"code", "message"}` where the request has not the form it should.

mod alerts;
mod answer;
mod params;
mod silences;
mod status;

use super::Api;
use axum::Router;
use axum::routing::{get, post};

/// The routes below `/alertmanager`.
pub fn routes() -> Router<Api> {
    let v2 = Router::new()
        .route("/status", get(status::status))
        .route("/receivers", get(status::receivers))
        .route("/silences", get(silences::list).post(silences::set))
        .route("/silence/{id}", get(silences::one).delete(silences::expire))
        .route("/alerts", get(alerts::list).post(alerts::post))
        .route("/alerts/groups", get(alerts::groups));
    Router::new()
        .nest("/api/v2", v2)
        .route("/-/healthy", get(status::healthy))
        .route("/-/ready", get(status::ready))
        .route("/-/reload", post(status::reload))
}

/// What a path of Alertmanager's API answers; `None` when it is none.
pub fn methods(path: &str) -> Option<&'static str> {
    let own = path.strip_prefix("/alertmanager")?;
    Some(match own {
        "/-/reload" => "POST",
        "/api/v2/silences" | "/api/v2/alerts" => "GET, HEAD, POST",
        own if own.starts_with("/api/v2/silence/") => "GET, HEAD, DELETE",
        _ => "GET, HEAD",
    })
}
