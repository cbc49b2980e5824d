//! The HTTP API on one listener: routes, and what every request passes through on its way.
//!
//! It listens before recovery has finished, so that `/healthz` and `/metrics` answer; whatever needs data is answered
//! with 503 until [`Api::set_ready`]. Only this module names JSON answers.

mod admin;
mod alertmanager;
mod backtest;
mod browser;
mod cardinality;
mod compare;
mod dashboards;
mod deliveries;
mod demo;
mod differences;
mod documents;
mod error;
mod events;
mod flame;
mod grpc;
mod health;
mod jaeger;
mod layers;
mod log_counts;
mod logs;
mod loki;
mod metrics;
mod openapi;
mod otlp;
mod pairs;
mod progress;
mod prometheus;
mod record;
mod related;
mod remote_write;
mod render;
mod request;
mod runs;
mod series;
mod services;
mod slos;
mod sql;
mod tail;
mod targets;
mod tempo;
mod trace;
mod trace_set;
mod traces;
mod ui;
mod value;

pub use health::Listener;
pub use request::TENANT_HEADER;

use crate::config::ApiConfig;
use crate::demo::DemoFaults;
use crate::documents::Documents;
use crate::process::ProcessMetrics;
use crate::telemetry::Telemetry;
use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use binnacle_alerting::Alerting;
use binnacle_collector::{Collector, ScrapeTargets};
use binnacle_query::QueryEngine;
use binnacle_storage::model::{TenantId, Timestamp};
use binnacle_storage::{Clock, RecoveryReport, Storage, SystemClock};
use error::ApiError;
use http::{HeaderValue, StatusCode};
use prometheus::rules;
use prometheus_client::registry::Registry;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// What the API answers from; there once recovery has finished.
#[derive(Debug)]
pub struct Product {
    pub storage: Storage,
    pub engine: QueryEngine,
    pub collector: Collector,
    pub targets: ScrapeTargets,
    pub alerting: Alerting,
    pub documents: Documents,
    pub recovery: RecoveryReport,
}

/// What is known before recovery.
#[derive(Debug)]
pub struct Facts {
    pub started: Instant,
    pub data_path: PathBuf,
    pub listeners: Vec<Listener>,
    /// Address by which people reach this server.
    pub external_url: String,
}

/// The API's state. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Api {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: ApiConfig,
    facts: Facts,
    product: OnceLock<Product>,
    demo: OnceLock<DemoFaults>,
    telemetry: OnceLock<Arc<Telemetry>>,
    stop: CancellationToken,
    metrics: metrics::ApiMetrics,
    registry: RwLock<Registry>,
}

impl Api {
    pub fn new(config: ApiConfig, facts: Facts) -> Api {
        let metrics = metrics::ApiMetrics::default();
        let mut registry = Registry::default();
        registry.register_collector(Box::new(ProcessMetrics));
        metrics.register(registry.sub_registry_with_prefix("binnacle"));
        let inner = Inner {
            config,
            facts,
            product: OnceLock::new(),
            demo: OnceLock::new(),
            telemetry: OnceLock::new(),
            stop: CancellationToken::new(),
            metrics,
            registry: RwLock::new(registry),
        };
        Api { inner: Arc::new(inner) }
    }

    /// Adds the metrics of parts that have started.
    pub fn register_metrics(&self, register: impl FnOnce(&mut Registry)) {
        let mut registry = self.inner.registry.write().unwrap_or_else(PoisonError::into_inner);
        register(registry.sub_registry_with_prefix("binnacle"));
    }

    /// From now on questions are answered.
    pub fn set_ready(&self, product: Product) {
        // A second call cannot happen: only the wiring calls this, once.
        let _ = self.inner.product.set(product);
    }

    /// From now on requests are traced.
    pub fn set_telemetry(&self, telemetry: Arc<Telemetry>) {
        // As above.
        let _ = self.inner.telemetry.set(telemetry);
    }

    /// The tenant of the server's own telemetry, if it is kept.
    fn telemetry_tenant(&self) -> Option<&TenantId> {
        self.inner.telemetry.get().map(|telemetry| telemetry.tenant())
    }

    /// Lets the faults of the demo's shop be started and ended.
    pub fn set_demo(&self, faults: DemoFaults) {
        // As above.
        let _ = self.inner.demo.set(faults);
    }

    /// From now on `/readyz` answers 503, so that load balancers send elsewhere, and answers without an end end.
    pub fn set_stopping(&self) {
        self.inner.stop.cancel();
    }

    fn is_stopping(&self) -> bool {
        self.inner.stop.is_cancelled()
    }

    /// Done once the server stops: answers that go on for ever end then.
    fn stopped(&self) -> WaitForCancellationFutureOwned {
        self.inner.stop.clone().cancelled_owned()
    }

    fn config(&self) -> &ApiConfig {
        &self.inner.config
    }

    fn facts(&self) -> &Facts {
        &self.inner.facts
    }

    fn product(&self) -> Option<&Product> {
        self.inner.product.get()
    }

    fn demo(&self) -> Option<&DemoFaults> {
        self.inner.demo.get()
    }

    fn ready_product(&self) -> Result<&Product, ApiError> {
        self.product().ok_or_else(health::starting)
    }

    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn encode_metrics(&self) -> String {
        let registry = self.inner.registry.read().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        // Writing to memory cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }
}

/// The whole API as a service.
pub fn router(api: Api) -> Router {
    let routes = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::metrics))
        .route("/api/v1/openapi.json", get(openapi::openapi))
        .route("/api/v1/status", get(health::status))
        .route("/api/v1/sql", post(sql::sql))
        .route("/api/v1/traces", get(traces::traces))
        .route("/api/v1/traces/flame-graph", get(flame::flame_graph))
        .route("/api/v1/traces/critical-path", get(flame::critical_path))
        .route("/api/v1/traces/compare", get(compare::traces))
        .route("/api/v1/traces/compare/sets", get(compare::sets))
        .route("/api/v1/traces/attributes/compare", get(differences::compare))
        .route("/api/v1/traces/{trace_id}", get(trace::trace))
        .route("/api/v1/traces/{trace_id}/flame-graph", get(flame::of_trace))
        .route("/api/v1/logs", get(logs::logs))
        .route("/api/v1/logs/tail", get(tail::logs))
        .route("/api/v1/logs/facets", get(log_counts::facets))
        .route("/api/v1/logs/histogram", get(log_counts::histogram))
        .route("/api/v1/logs/context", get(related::context))
        .route("/api/v1/logs/related_spans", get(related::related_spans))
        .route("/api/v1/traces/{trace_id}/related_logs", get(related::related_logs))
        .route("/api/v1/spans/tail", get(tail::spans))
        .route("/api/v1/red", get(services::red))
        .route("/api/v1/service-map", get(services::service_map))
        .route("/api/v1/series", get(series::series))
        .route("/api/v1/deliveries", get(deliveries::deliveries))
        .route("/api/v1/cardinality", get(cardinality::cardinality))
        .route("/api/v1/rules/backtest", post(backtest::try_rules))
        .route("/api/v1/admin/{job}", post(admin::admin))
        .route("/api/v1/demo/faults", get(demo::list_faults).post(demo::begin_fault))
        .route("/api/v1/demo/faults/{name}", delete(demo::end_fault))
        .merge(slos::routes())
        .merge(dashboards::routes())
        .merge(runs::routes())
        .merge(ui::routes())
        .route("/prometheus/api/v1/write", post(remote_write::write))
        .route("/prometheus/api/v1/targets", get(targets::targets))
        .route("/prometheus/-/reload", post(rules::reload).put(rules::reload))
        .nest("/prometheus/api/v1", prometheus::routes())
        .route("/loki/api/v1/push", post(loki::push))
        .nest("/loki", loki::routes())
        .merge(loki::root_routes())
        .nest("/tempo", tempo::routes())
        .nest("/jaeger", jaeger::routes())
        .nest("/alertmanager", alertmanager::routes())
        .merge(jaeger::root_routes())
        .nest("/tempopb.StreamingQuerier", tempo::grpc_routes())
        .nest("/jaeger.api_v3.QueryService", jaeger::grpc_routes())
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method);
    layers::around(routes, api.clone()).with_state(api)
}

/// Lists that can be added to.
const COLLECTIONS: [&str; 4] =
    ["/api/v1/slos", "/api/v1/dashboards", "/api/v1/runs", "/api/v1/demo/faults"];

async fn unknown_path(request: Request) -> Response {
    let path: String = request.uri().path().chars().take(200).collect();
    if let Some(page) = ui::page_of_nothing(&path, request.headers()) {
        return page;
    }
    discard_body(request).await;
    ApiError::new(StatusCode::NOT_FOUND, "not_found", format!("there is nothing at {path}"))
        .hint("/api/v1/openapi.json lists what there is")
        .into_response()
}

/// Reads what nobody will look at, up to a limit, so that the connection can be used again.
async fn discard_body(request: Request) {
    const BYTES_MAX: usize = 1 << 20;
    // A body that is longer or ends early costs its connection, not the answer.
    let _ = axum::body::to_bytes(request.into_body(), BYTES_MAX).await;
}

async fn unknown_method(request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let path = path.as_str();
    let message = format!("{path} does not answer {}", request.method());
    discard_body(request).await;
    let refused = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
    if path.starts_with("/prometheus/") {
        return prometheus::unknown_method(path, refused);
    }
    let posts = matches!(path, "/api/v1/sql" | "/api/v1/rules/backtest")
        || path.starts_with("/api/v1/admin/");
    let allow = match posts {
        true => "POST",
        false if COLLECTIONS.contains(&path) => "GET, HEAD, POST",
        false if path.starts_with("/api/v1/demo/faults/") => "DELETE",
        false if ["/api/v1/dashboards/", "/api/v1/runs/"].iter().any(|of| path.starts_with(of)) => {
            "DELETE, GET, HEAD, PUT"
        }
        false if matches!(path, "/api/v1/slos/check" | "/api/v1/slos/backtest") => "POST",
        false => loki::methods(path).or_else(|| alertmanager::methods(path)).unwrap_or("GET, HEAD"),
    };
    let allow_header = Some(HeaderValue::from_static(allow));
    ApiError { allow: allow_header, ..refused.hint(format!("use {allow}")) }.into_response()
}

#[cfg(test)]
mod tests;
