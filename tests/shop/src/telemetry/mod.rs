//! Instrumentation: every service of the shop has its own resource and providers of the official SDK, so that one process
//! shows as many.
//!
//! A [`Service`] starts [`Work`], which is one span. What runs within it sees its context, and its log events become
//! records with the trace's ids. When the SDK measures, [`exemplars`] notes which trace the value belongs to.

mod carry;
mod exemplars;
mod gated;

pub use carry::{extract, from_pairs, inject, to_pairs, traceparent};

use crate::Error;
use crate::faults::{Fault, Faults};
use exemplars::{ExemplarExporter, Exemplars};
use gated::Gated;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::context::FutureExt;
use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter, MeterProvider};
use opentelemetry::trace::{Link, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, InstrumentationScope, KeyValue, Value};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{LogExporter, SpanExporter, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{BatchLogProcessor, SdkLoggerProvider};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracer, SdkTracerProvider};
use opentelemetry_sdk::{logs, trace};
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tonic::transport::Channel;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};

/// The semantic conventions that names and attributes follow.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.40.0";
/// Spans and logs leave this often, metrics that often: somebody is watching.
const BATCH_INTERVAL: Duration = Duration::from_secs(1);
const METRIC_INTERVAL: Duration = Duration::from_secs(5);
/// Spans and log records of one service that wait to be sent; more are dropped, and the SDK says so.
const QUEUE_MAX: usize = 8192;
/// How far the clock of a service is off while its clock is skewed.
const SKEW: Duration = Duration::from_secs(3);
/// Bounds of all durations, in seconds, as the conventions advise.
pub const DURATION_BOUNDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// What a service is called.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    pub name: &'static str,
    pub version: &'static str,
    pub instance: &'static str,
}

/// Makes services, and ends them.
#[derive(Debug)]
pub struct Telemetry {
    channel: Channel,
    faults: Faults,
    made: Mutex<Vec<Service>>,
}

/// One instance of a service, with its own providers. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    identity: Identity,
    faults: Faults,
    tracers: SdkTracerProvider,
    tracer: SdkTracer,
    loggers: SdkLoggerProvider,
    meters: SdkMeterProvider,
    meter: Meter,
    events: Dispatch,
    exemplars: Arc<Exemplars>,
    instruments: Mutex<Instruments>,
}

/// Made when first used.
#[derive(Debug, Default)]
struct Instruments {
    durations: HashMap<&'static str, Histogram<f64>>,
    counters: HashMap<&'static str, Counter<u64>>,
    gauges: HashMap<&'static str, Gauge<f64>>,
}

impl Telemetry {
    /// Sends to the OTLP/gRPC endpoint, such as `http://127.0.0.1:4317`. To be called on the runtime.
    pub fn new(endpoint: &str, faults: Faults) -> Result<Telemetry, Error> {
        let endpoint = tonic::transport::Endpoint::from_shared(endpoint.to_owned());
        let endpoint = endpoint.map_err(|error| Error::Telemetry(error.to_string()))?;
        let channel = endpoint.timeout(Duration::from_secs(10)).connect_lazy();
        Ok(Telemetry { channel, faults, made: Mutex::default() })
    }

    pub fn service(&self, identity: Identity) -> Result<Service, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::Telemetry(error.to_string());
        let faults = &self.faults;
        let resource = Resource::builder_empty()
            .with_detector(Box::new(TelemetryResourceDetector))
            .with_schema_url(
                [
                    KeyValue::new("service.name", identity.name),
                    KeyValue::new("service.version", identity.version),
                    KeyValue::new("service.instance.id", identity.instance),
                    KeyValue::new("service.namespace", "shop"),
                    KeyValue::new("deployment.environment.name", "demo"),
                ],
                SCHEMA,
            )
            .build();
        let spans = SpanExporter::builder().with_tonic().with_channel(self.channel.clone());
        let spans = spans.build().map_err(|error| failed(&error))?;
        let batches = trace::BatchConfigBuilder::default()
            .with_scheduled_delay(BATCH_INTERVAL)
            .with_max_queue_size(QUEUE_MAX)
            .build();
        let spans = BatchSpanProcessor::builder(Gated::new(spans, faults.clone()))
            .with_batch_config(batches)
            .build();
        let tracers = SdkTracerProvider::builder()
            .with_resource(resource.clone())
            .with_span_processor(spans)
            .build();

        let records = LogExporter::builder().with_tonic().with_channel(self.channel.clone());
        let records = records.build().map_err(|error| failed(&error))?;
        let batches = logs::BatchConfigBuilder::default()
            .with_scheduled_delay(BATCH_INTERVAL)
            .with_max_queue_size(QUEUE_MAX)
            .build();
        let records = BatchLogProcessor::builder(Gated::new(records, faults.clone()))
            .with_batch_config(batches)
            .build();
        let loggers = SdkLoggerProvider::builder()
            .with_resource(resource.clone())
            .with_log_processor(records)
            .build();
        // Only the shop's own events, not those of the libraries below it.
        let bridge = OpenTelemetryTracingBridge::new(&loggers);
        let own = Targets::new().with_target(env!("CARGO_CRATE_NAME"), tracing::Level::INFO);
        let events = Dispatch::new(tracing_subscriber::registry().with(bridge.with_filter(own)));

        let exemplars = Arc::new(Exemplars::default());
        let points = ExemplarExporter::new(self.channel.clone(), exemplars.clone(), faults.clone());
        let reader = PeriodicReader::builder(points).with_interval(METRIC_INTERVAL).build();
        let meters =
            SdkMeterProvider::builder().with_resource(resource).with_reader(reader).build();

        let scope = || InstrumentationScope::builder("binnacle-shop").with_version("1.0.0").build();
        let inner = Inner {
            identity,
            faults: faults.clone(),
            tracer: tracers.tracer_with_scope(scope()),
            tracers,
            loggers,
            meter: meters.meter_with_scope(scope()),
            meters,
            events,
            exemplars,
            instruments: Mutex::default(),
        };
        let service = Service { inner: Arc::new(inner) };
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(service.clone());
        Ok(service)
    }

    /// Sends what waits and ends all services. Blocks.
    pub fn shutdown(&self) {
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        std::thread::scope(|scope| {
            for service in &made {
                scope.spawn(|| service.shutdown());
            }
        });
    }
}

impl Service {
    pub fn name(&self) -> &'static str {
        self.inner.identity.name
    }

    pub fn instance(&self) -> &'static str {
        self.inner.identity.instance
    }

    /// Starts a span below `parent`.
    pub fn start(
        &self,
        kind: SpanKind,
        name: impl Into<String>,
        parent: &Context,
        attributes: Vec<KeyValue>,
    ) -> Work {
        self.start_linked(kind, name, parent, attributes, Vec::new())
    }

    pub fn start_linked(
        &self,
        kind: SpanKind,
        name: impl Into<String>,
        parent: &Context,
        mut attributes: Vec<KeyValue>,
        links: Vec<Link>,
    ) -> Work {
        // Who the customer is travels as baggage, and stands on every span on the way.
        if let Some(customer) = parent.baggage().get("customer.id") {
            attributes.push(KeyValue::new("customer.id", customer.clone()));
        }
        let mut began = SystemTime::now();
        if self.name() == "payment" && self.inner.faults.is_on(Fault::ClockSkew) {
            began += SKEW;
        }
        let span = self
            .inner
            .tracer
            .span_builder(name.into())
            .with_kind(kind)
            .with_start_time(began)
            .with_attributes(attributes)
            .with_links(links)
            .start_with_context(&self.inner.tracer, parent);
        let context = parent.with_span(span);
        Work { service: self.clone(), context, began, started: Instant::now() }
    }

    /// Runs `future` so that its log events are this service's.
    pub fn within<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        future.with_subscriber(self.inner.events.clone())
    }

    /// Measures a duration in seconds, with the trace of `context` as its exemplar.
    pub fn measure(
        &self,
        name: &'static str,
        elapsed: Duration,
        attributes: &[KeyValue],
        context: &Context,
    ) {
        let seconds = elapsed.as_secs_f64();
        let mut instruments = self.instruments();
        let histogram = instruments.durations.entry(name).or_insert_with(|| {
            let builder = self.inner.meter.f64_histogram(name).with_unit("s");
            builder.with_boundaries(DURATION_BOUNDS.to_vec()).build()
        });
        histogram.record(seconds, attributes);
        drop(instruments);
        self.inner.exemplars.offer(name, seconds, attributes, context);
    }

    /// Counts one, with the trace of `context` as its exemplar.
    pub fn count(
        &self,
        name: &'static str,
        unit: &'static str,
        attributes: &[KeyValue],
        context: &Context,
    ) {
        let mut instruments = self.instruments();
        let made = || self.inner.meter.u64_counter(name).with_unit(unit).build();
        instruments.counters.entry(name).or_insert_with(made).add(1, attributes);
        drop(instruments);
        self.inner.exemplars.offer(name, 1.0, attributes, context);
    }

    pub fn gauge(&self, name: &'static str, unit: &'static str, value: f64, of: &[KeyValue]) {
        let mut instruments = self.instruments();
        let made = || self.inner.meter.f64_gauge(name).with_unit(unit).build();
        instruments.gauges.entry(name).or_insert_with(made).record(value, of);
    }

    fn instruments(&self) -> std::sync::MutexGuard<'_, Instruments> {
        self.inner.instruments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shutdown(&self) {
        let ended = [
            self.inner.tracers.shutdown(),
            self.inner.loggers.shutdown(),
            self.inner.meters.shutdown(),
        ];
        for error in ended.into_iter().filter_map(Result::err) {
            tracing::warn!(service = self.name(), %error, "telemetry was not sent to its end");
        }
    }
}

/// One span, from its start to [`Work::finish`].
#[derive(Debug)]
pub struct Work {
    service: Service,
    context: Context,
    began: SystemTime,
    started: Instant,
}

impl Work {
    pub fn context(&self) -> &Context {
        &self.context
    }

    pub fn set(&self, key: &'static str, value: impl Into<Value>) {
        self.context.span().set_attribute(KeyValue::new(key, value));
    }

    /// The span failed: `kind` is a class of failures, `detail` is for people.
    pub fn fail(&self, kind: impl Into<String>, detail: impl Into<String>) {
        self.set("error.type", kind.into());
        self.context.span().set_status(Status::error(detail.into()));
    }

    /// Runs `future` within this span.
    pub fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        self.service.within(future.with_context(self.context.clone()))
    }

    /// Ends the span; says how long it took.
    pub fn finish(self) -> Duration {
        let elapsed = self.started.elapsed();
        self.context.span().end_with_timestamp(self.began + elapsed);
        elapsed
    }
}
