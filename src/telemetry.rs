//! What this server says about itself, as telemetry in a tenant of its own: spans of API requests and of what it does by itself
//! (flushes, compactions, evaluations), log records with their trace ids, and the metrics of `/metrics`.
//!
//! Spans and records are queued and leave in batches, by the official SDK, over OTLP to the server's own listener; a full queue
//! drops, and no request waits. Metrics are scraped from the API. So the product is used as anybody uses it. What is asked of
//! that tenant or done for it, and what its telemetry costs on its way in, makes no spans: idle, only the metrics' constant trickle remains.
//! Ingest is measured and not traced, since a batch is a matter of microseconds.

use crate::config::TelemetryConfig;
use anyhow::Context as _;
use binnacle_alerting::Alerting;
use binnacle_collector::{JobConfig, TargetGroup};
use binnacle_storage::model::TenantId;
use http::{HeaderMap, HeaderValue, StatusCode};
use opentelemetry::trace::{
    Link, SpanBuilder, SpanKind, Status, TraceContextExt, TraceId, TraceState, Tracer,
    TracerProvider,
};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::{LogExporter, SpanExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{BatchLogProcessor, SdkLogger, SdkLoggerProvider};
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, SamplingDecision, SamplingResult, SdkTracer, SdkTracerProvider,
    ShouldSample,
};
use opentelemetry_sdk::{logs, trace};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tracing::{Event, Level, Metadata, Subscriber, warn};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::{Context as LayerContext, Layer};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::reload;

/// The objectives that this server is held to.
const SLOS: &str = include_str!("telemetry/slos.yaml");
/// Spans and records leave this often.
const BATCH_INTERVAL: Duration = Duration::from_secs(2);
/// Those that wait to be sent; more are dropped.
const QUEUE_MAX: usize = 4096;
/// How long the last batch may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// How often the metrics are read.
const SCRAPE_INTERVAL: Duration = Duration::from_secs(10);
/// Routes that are asked all the time, and say nothing.
const UNTRACED: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Where log events go once there is somewhere; the process has one log.
static BRIDGE: OnceLock<OpenTelemetryTracingBridge<SdkLoggerProvider, SdkLogger>> = OnceLock::new();

/// Makes spans of what the server does by itself, once they go somewhere.
type Work = Option<OpenTelemetryLayer<Registry, SdkTracer>>;

static WORK: OnceLock<reload::Handle<Work, Registry>> = OnceLock::new();

/// Whose data a span is about.
const TENANT_ATTRIBUTE: &str = "binnacle.tenant";

/// The layer of the process's log that makes spans of the product's work, with its log events as theirs.
pub fn work() -> impl Layer<Registry> {
    let (layer, handle) = reload::Layer::new(None);
    let _ = WORK.set(handle);
    layer.with_filter(filter_fn(is_work).with_max_level_hint(LevelFilter::DEBUG))
}

/// Spans of storage and alerting; those of requests are made by [`Telemetry::begin`].
fn is_work(metadata: &Metadata<'_>) -> bool {
    let is_own = ["binnacle_storage", "binnacle_alerting"]
        .iter()
        .any(|name| metadata.target().starts_with(name));
    is_own && (metadata.is_span() || *metadata.level() <= Level::INFO)
}

/// All but what is done for the tenant that the spans themselves go to.
#[derive(Debug, Clone)]
struct Others {
    own: TenantId,
}

impl ShouldSample for Others {
    fn should_sample(
        &self,
        _parent: Option<&Context>,
        _trace: TraceId,
        _name: &str,
        _kind: &SpanKind,
        attributes: &[KeyValue],
        _links: &[Link],
    ) -> SamplingResult {
        let is_own = |of: &KeyValue| {
            of.key.as_str() == TENANT_ATTRIBUTE && of.value.as_str() == self.own.as_str()
        };
        let decision = match attributes.iter().any(is_own) {
            true => SamplingDecision::Drop,
            false => SamplingDecision::RecordAndSample,
        };
        SamplingResult { decision, attributes: Vec::new(), trace_state: TraceState::default() }
    }
}

/// The layer of the process's log that makes records of events.
#[derive(Debug)]
pub struct Bridge;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Bridge {
    fn on_event(&self, event: &Event<'_>, context: LayerContext<'_, S>) {
        if let Some(bridge) = BRIDGE.get() {
            bridge.on_event(event, context);
        }
    }
}

/// The server's own spans and records, while it runs.
#[derive(Debug)]
pub struct Telemetry {
    tenant: TenantId,
    tracers: SdkTracerProvider,
    tracer: SdkTracer,
    loggers: SdkLoggerProvider,
}

impl Telemetry {
    /// Starts sending to the server's own OTLP/gRPC listener. To be called on the runtime.
    pub fn start(tenant: &TenantId, listener: SocketAddr) -> anyhow::Result<Telemetry> {
        let endpoint = format!("http://{}", reachable(listener));
        let mut headers = HeaderMap::new();
        let name = HeaderValue::from_str(tenant.as_str()).context("no tenant for a header")?;
        headers.insert(crate::api::TENANT_HEADER, name);
        let headers = MetadataMap::from_headers(headers);
        let resource = Resource::builder()
            .with_service_name("binnacle")
            .with_attributes([
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("service.instance.id", listener.to_string()),
            ])
            .build();

        let spans = SpanExporter::builder().with_tonic().with_endpoint(&endpoint);
        let spans = spans.with_metadata(headers.clone()).build().context("failed to send spans")?;
        let batches = trace::BatchConfigBuilder::default()
            .with_scheduled_delay(BATCH_INTERVAL)
            .with_max_queue_size(QUEUE_MAX)
            .build();
        let spans = BatchSpanProcessor::builder(spans).with_batch_config(batches).build();
        let tracers = SdkTracerProvider::builder()
            .with_resource(resource.clone())
            .with_sampler(Others { own: tenant.clone() })
            .with_span_processor(spans)
            .build();

        let records = LogExporter::builder().with_tonic().with_endpoint(&endpoint);
        let records = records.with_metadata(headers).build().context("failed to send logs")?;
        let batches = logs::BatchConfigBuilder::default()
            .with_scheduled_delay(BATCH_INTERVAL)
            .with_max_queue_size(QUEUE_MAX)
            .build();
        let records = BatchLogProcessor::builder(records).with_batch_config(batches).build();
        let loggers = SdkLoggerProvider::builder()
            .with_resource(resource)
            .with_log_processor(records)
            .build();
        // A second start in one process would go on with the first one's log.
        let _ = BRIDGE.set(OpenTelemetryTracingBridge::new(&loggers));

        let scope =
            InstrumentationScope::builder("binnacle").with_version(env!("CARGO_PKG_VERSION"));
        let tracer = tracers.tracer_with_scope(scope.build());
        let work = tracing_opentelemetry::layer()
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_tracer(tracer.clone());
        if let Some(handle) = WORK.get() {
            handle.reload(Some(work)).context("failed to trace the server's own work")?;
        }
        Ok(Telemetry { tenant: tenant.clone(), tracers, tracer, loggers })
    }

    /// Whose all of it is.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The span of an API request, unless it is one of those that are left out.
    pub fn begin(&self, method: &str, route: &str, tenant: Option<&str>) -> Option<Context> {
        if tenant == Some(self.tenant.as_str()) || !is_traced(route) {
            return None;
        }
        let span = SpanBuilder::from_name(format!("{method} {route}"))
            .with_kind(SpanKind::Server)
            .with_attributes([
                KeyValue::new("http.request.method", method.to_owned()),
                KeyValue::new("http.route", route.to_owned()),
                KeyValue::new(TENANT_ATTRIBUTE, tenant.unwrap_or(TenantId::DEFAULT).to_owned()),
            ]);
        // Never below whatever asked: that is another tenant's trace.
        let span = self.tracer.build_with_context(span, &Context::new());
        Some(Context::new().with_span(span))
    }

    /// Sends what waits.
    pub async fn stop(self: Arc<Self>) {
        let sent = tokio::task::spawn_blocking(move || {
            let ended = [self.tracers.shutdown(), self.loggers.shutdown()];
            for error in ended.into_iter().filter_map(Result::err) {
                warn!(%error, "the server's own telemetry was not sent to its end");
            }
        });
        // What takes longer is left.
        let _ = tokio::time::timeout(STOP_TIMEOUT, sent).await;
    }
}

/// Ends the span of an API request.
pub fn finish(context: &Context, status: StatusCode) {
    let span = context.span();
    span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
    if status.is_server_error() {
        span.set_attribute(KeyValue::new("error.type", status.as_str().to_owned()));
        span.set_status(Status::error(""));
    }
    span.end();
}

/// The tenant of the server's own telemetry, if it is kept.
pub fn tenant(config: &TelemetryConfig) -> Option<TenantId> {
    // A name that is none was refused at the start.
    config.enabled.then(|| config.tenant.parse().ok()).flatten()
}

/// Has the API's metrics scraped into the tenant.
pub fn job(config: &TelemetryConfig, api: SocketAddr) -> JobConfig {
    let targets = vec![reachable(api).to_string()];
    JobConfig {
        job_name: "binnacle".to_owned(),
        tenant: config.tenant.clone(),
        scrape_interval: Some(SCRAPE_INTERVAL),
        scrape_timeout: Some(SCRAPE_INTERVAL / 2),
        static_configs: vec![TargetGroup { targets, labels: Default::default() }],
        ..JobConfig::default()
    }
}

/// Writes the objectives of this server, unless they are there already.
pub fn add_slos(tenant: &TenantId, alerting: &Alerting) {
    if let Err(error) = alerting.slos().put(tenant, SLOS) {
        warn!(?error, "failed to write the objectives of the server itself");
    }
}

/// The UI's files are no questions.
fn is_traced(route: &str) -> bool {
    let is_question = ["/api/", "/prometheus/", "/loki/", "/tempo/", "/jaeger/", "/alertmanager/"];
    is_question.iter().any(|of| route.starts_with(of)) && !UNTRACED.contains(&route)
}

/// The address by which a listener is reached from its own process.
fn reachable(listener: SocketAddr) -> SocketAddr {
    match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, listener.port()).into(),
        IpAddr::V6(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, listener.port()).into(),
        _ => listener,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_traced_and_the_probes_are_not() {
        assert!(is_traced("/api/v1/sql") && is_traced("/prometheus/api/v1/query"));
        for route in ["/metrics", "/healthz", "/readyz", "/", "unknown", "/assets/{file}"] {
            assert!(!is_traced(route), "{route}");
        }
    }

    #[test]
    fn a_listener_of_all_addresses_is_reached_over_loopback() {
        let reached = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:4317"), "127.0.0.1:4317");
        assert_eq!(reached("[::]:4317"), "127.0.0.1:4317");
        assert_eq!(reached("10.0.0.1:4317"), "10.0.0.1:4317");
    }

    #[test]
    fn the_objectives_are_well_formed() {
        assert_eq!(SLOS.matches("kind: SLO").count(), 3);
    }
}
