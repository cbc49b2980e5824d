//! An instrumented program, written against the official OpenTelemetry SDK, and what it handed to its exporters.

use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{
    Link, Span, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
    TraceState, Tracer, TracerProvider,
};
use opentelemetry::{Array, Context, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::ResourceLogs;
use opentelemetry_proto::tonic::metrics::v1::ResourceMetrics;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::logs::tonic::group_logs_by_resource_and_scope;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogBatch, SdkLoggerProvider};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{
    Aggregation, Instrument, PeriodicReader, SdkMeterProvider, Stream, Temporality, data,
};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// The three exporters of one protocol.
pub struct Exporters {
    pub spans: SpanExporter,
    pub logs: LogExporter,
    pub metrics: MetricExporter,
}

/// What was exported, as OTLP.
#[derive(Debug, Default)]
pub struct Exported {
    pub spans: Vec<ResourceSpans>,
    pub logs: Vec<ResourceLogs>,
    pub metrics: Vec<ResourceMetrics>,
}

type Notes = Arc<Mutex<Exported>>;

/// An exporter that notes what it passes on, once the server has taken it.
#[derive(Debug)]
struct Noting<E> {
    exporter: E,
    notes: Notes,
}

impl opentelemetry_sdk::trace::SpanExporter for Noting<SpanExporter> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let sent = group_spans_by_resource_and_scope(batch.clone(), &(&resource()).into());
        self.exporter.export(batch).await?;
        self.notes.lock().unwrap().spans.extend(sent);
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl opentelemetry_sdk::logs::LogExporter for Noting<LogExporter> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let resource = ResourceAttributesWithSchema::from(&resource());
        let sent = group_logs_by_resource_and_scope(&batch, &resource);
        self.exporter.export(batch).await?;
        self.notes.lock().unwrap().logs.extend(sent);
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl PushMetricExporter for Noting<MetricExporter> {
    async fn export(&self, metrics: &data::ResourceMetrics) -> OTelSdkResult {
        let sent = ExportMetricsServiceRequest::from(metrics);
        self.exporter.export(metrics).await?;
        self.notes.lock().unwrap().metrics.extend(sent.resource_metrics);
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

fn resource() -> Resource {
    Resource::builder_empty()
        .with_schema_url(
            [
                KeyValue::new("service.name", "checkout-rs"),
                KeyValue::new("process.pid", 4711),
                KeyValue::new("cpu.share", 0.75),
                KeyValue::new("canary", true),
                KeyValue::new("zones", strings(&["a", "b"])),
            ],
            "https://opentelemetry.io/schemas/1.37.0",
        )
        .build()
}

fn strings(items: &[&'static str]) -> Value {
    Value::Array(Array::String(items.iter().map(|item| StringValue::from(*item)).collect()))
}

fn scope(name: &'static str) -> InstrumentationScope {
    InstrumentationScope::builder(name)
        .with_version("1.4.2")
        .with_schema_url("https://example.com/scope")
        .with_attributes([KeyValue::new("scope.kind", "manual")])
        .build()
}

/// Runs the program once; the server has taken everything when it returns.
pub fn run(exporters: Exporters) -> Exported {
    let notes = Notes::default();
    trace(Noting { exporter: exporters.spans, notes: notes.clone() });
    log(Noting { exporter: exporters.logs, notes: notes.clone() });
    measure(Noting { exporter: exporters.metrics, notes: notes.clone() });
    std::mem::take(&mut notes.lock().unwrap())
}

fn trace(exporter: Noting<SpanExporter>) {
    let provider = SdkTracerProvider::builder()
        .with_resource(resource())
        .with_batch_exporter(exporter)
        .build();
    let tracer = provider.tracer_with_scope(scope("shop.checkout"));
    let kinds = [
        SpanKind::Server,
        SpanKind::Client,
        SpanKind::Producer,
        SpanKind::Consumer,
        SpanKind::Internal,
    ];
    for number in 0..20_i64 {
        let links = (0..number % 3).map(|other| Link::new(linked(other), attributes(other), 7));
        let mut root = tracer
            .span_builder(format!("order {number}"))
            .with_kind(kinds[number as usize % 5].clone())
            .with_attributes(attributes(number))
            .with_links(links.collect())
            .start_with_context(&tracer, &Context::new());
        for _ in 0..number % 4 {
            root.add_event("tick", attributes(number));
        }
        let context = Context::new().with_span(root);
        let mut inner = tracer.start_with_context("inner \u{2603}", &context);
        match number % 3 {
            0 => inner.set_status(Status::error("out of stock")),
            1 => inner.set_status(Status::Ok),
            _ => {}
        }
        inner.end();
        context.span().end();
    }
    provider.shutdown().unwrap();
}

fn linked(number: i64) -> SpanContext {
    SpanContext::new(
        TraceId::from(1000 + number as u128),
        SpanId::from(2000 + number as u64),
        TraceFlags::SAMPLED,
        true,
        TraceState::from_key_value([("vendor", "linked")]).unwrap(),
    )
}

fn attributes(number: i64) -> Vec<KeyValue> {
    vec![
        KeyValue::new("s", "text"),
        KeyValue::new("i", number),
        KeyValue::new("f", number as f64 * 0.1),
        KeyValue::new("b", number % 2 == 0),
        KeyValue::new("ints", Value::Array(Array::I64(vec![1, i64::MIN]))),
        KeyValue::new("doubles", Value::Array(Array::F64(vec![0.5, 1.0]))),
        KeyValue::new("bools", Value::Array(Array::Bool(vec![true, false]))),
        KeyValue::new("names", strings(&["a", ""])),
    ]
}

fn log(exporter: Noting<LogExporter>) {
    let provider = SdkLoggerProvider::builder()
        .with_resource(resource())
        .with_batch_exporter(exporter)
        .build();
    let logger = provider.logger_with_scope(scope("shop.log"));
    let nested = || [("k", AnyValue::ListAny(Box::new(vec![1.into(), "two".into(), 3.5.into()])))];
    let bodies: Vec<AnyValue> = vec![
        "plain".into(),
        17.into(),
        2.5.into(),
        true.into(),
        AnyValue::Bytes(Box::new(vec![0, 255])),
        AnyValue::ListAny(Box::new(vec!["a".into(), 1.into()])),
        nested().into_iter().collect(),
    ];
    for (number, body) in bodies.into_iter().enumerate() {
        let mut record = logger.create_log_record();
        let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_772_366_400_000_000_001);
        record.set_timestamp(time + Duration::from_nanos(number as u64));
        record.set_observed_timestamp(time + Duration::from_secs(1));
        record.set_severity_number(if number % 2 == 0 { Severity::Info } else { Severity::Error3 });
        record.set_severity_text("WORD");
        record.set_body(body);
        record.add_attribute("n", number as i64);
        record.add_attribute("nested", nested().into_iter().collect::<AnyValue>());
        if number % 2 == 1 {
            record.set_event_name("shop.event");
        }
        let (trace, span) = (TraceId::from(77_u128), SpanId::from(78_u64));
        record.set_trace_context(trace, span, Some(TraceFlags::SAMPLED));
        logger.emit(record);
    }
    provider.shutdown().unwrap();
}

fn measure(exporter: Noting<MetricExporter>) {
    let exponential = |instrument: &Instrument| {
        let aggregation = Aggregation::Base2ExponentialHistogram {
            max_size: 160,
            max_scale: 20,
            record_min_max: true,
        };
        let wanted = instrument.name() == "sizes";
        wanted.then(|| Stream::builder().with_aggregation(aggregation).build().unwrap())
    };
    let reader = PeriodicReader::builder(exporter).with_interval(Duration::from_secs(3600)).build();
    let provider = SdkMeterProvider::builder()
        .with_resource(resource())
        .with_reader(reader)
        .with_view(exponential)
        .build();
    let meter = provider.meter_with_scope(scope("shop.meter"));
    let orders = meter.u64_counter("orders").with_unit("1").with_description("placed").build();
    let stock = meter.i64_up_down_counter("stock").build();
    let latency = meter.f64_histogram("latency").with_unit("ms").build();
    let sizes = meter.f64_histogram("sizes").with_unit("By").build();
    let level = meter.f64_gauge("level").build();
    for round in 0..3_u64 {
        for number in 0..10_u64 {
            let route =
                [KeyValue::new("route", format!("/r{}", number % 3)), KeyValue::new("ok", true)];
            orders.add(number, &route);
            stock.add(5 - number as i64, &[]);
            latency.record(number as f64 * 3.7, &route);
            sizes.record(2_f64.powi(number as i32) - 3.0, &route);
            level.record(number as f64 / 3.0 + round as f64, &[]);
        }
        provider.force_flush().unwrap();
    }
    provider.shutdown().unwrap();
}
