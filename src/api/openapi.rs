//! `/api/v1/openapi.json`: the API's description, made from the handlers and types themselves.

use super::prometheus::rules;
use super::{
    admin, backtest, cardinality, compare, dashboards, deliveries, demo, differences, error, flame,
    health, log_counts, logs, loki, metrics, related, remote_write, render, runs, series, services,
    slos, sql, tail, targets, trace, traces,
};
use axum::Json;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Binnacle",
        description = "OpenTelemetry traces, logs and metrics: SQL, whole traces, log search, metric series.\n\n\
            Times and durations are Unix ns as decimal strings, ids lower-case hex. Attributes keep their JSON type: ints are \
            integers, doubles have a point or exponent, bytes are `{\"$bytes\": \"<base64>\"}`, doubles without a JSON number \
            `{\"$double\": \"NaN\" | \"Infinity\" | \"-Infinity\"}`, an empty value is null, and a key–value list that no object \
            can say (a key twice, or a lone key beginning with `$`) is `{\"$kvlist\": [[\"key\", value], …]}`.\n\n\
            Every answer carries `X-Request-Id`. Every answer that is not a success has the body `ErrorBody`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        sql::sql, traces::traces, trace::trace, flame::flame_graph, flame::critical_path,
        flame::of_trace, compare::traces, compare::sets, differences::compare, logs::logs, log_counts::facets,
        log_counts::histogram, related::context, related::related_spans, related::related_logs, tail::logs, tail::spans,
        series::series, services::red, services::service_map, remote_write::write, loki::push,
        targets::targets, cardinality::cardinality, backtest::try_rules, rules::reload,
        deliveries::deliveries,
        slos::list, slos::put, slos::check, slos::one, slos::delete, slos::versions, slos::transitions, slos::backtest::backtest, slos::graph::graph, slos::graph::slices, slos::graph::groups,
        slos::timeline::timeline,
        slos::explain::explain, slos::explain::of_alert, slos::gate::ask, slos::gate::ask_with_body,
        dashboards::list_dashboards, dashboards::add_dashboard, dashboards::read_dashboard, dashboards::replace_dashboard, dashboards::delete_dashboard,
        runs::list_runs, runs::add_run, runs::read_run, runs::replace_run, runs::delete_run,
        health::status, health::healthz, health::readyz, metrics::metrics, admin::admin, demo::list_faults, demo::begin_fault, demo::end_fault, openapi
    ),
    components(schemas(error::ErrorBody, traces::TracesPart, traces::TracesEnd, sql::SqlAnswer, render::Format, related::ContextOf, tail::TailNotice)),
    tags(
        (name = "query", description = "Questions about stored telemetry"),
        (name = "ingest", description = "Telemetry in; OTLP has ports of its own"),
        (name = "alerting", description = "SLOs, rules and alerts"),
        (name = "dashboards", description = "Dashboards as JSON documents"),
        (name = "load tests", description = "Runs of load generators"),
        (name = "operation", description = "The process itself")
    )
)]
struct Description;

/// The description, as served.
pub fn description() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "operation",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(description())
}
