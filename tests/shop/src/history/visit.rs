//! One visit of the month that never was, as the spans and logs of the services that it went through.

use crate::spread;
use crate::telemetry::DURATION_BOUNDS;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    Histogram, HistogramDataPoint, Metric, ResourceMetrics, ScopeMetrics,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use std::collections::BTreeMap;

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLISECOND;
/// Seconds between two points of a series.
const POINT_SECONDS: u64 = 300;

/// What may be wrong at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incident {
    PaymentDown,
    SlowDatabase,
    BadCanary,
}

/// Name and version of a service.
type Of = (&'static str, &'static str);

const SHOPPER: Of = ("shopper", "1.0.0");
const CDN: Of = ("cdn", "2.9.4");
const GATEWAY: Of = ("gateway", "7.2.0");
const CATALOG: Of = ("catalog", "4.0.2");
const ORDERS: Of = ("orders", "5.1.0");
const PAYMENT: Of = ("payment", "1.8.3");
const CANARY: Of = ("payment", "1.9.0");
const FULFILMENT: Of = ("fulfilment", "2.3.1");

/// What one request to the collector holds.
#[derive(Debug, Default)]
pub struct Part {
    spans: BTreeMap<Of, Vec<Span>>,
    logs: BTreeMap<Of, Vec<LogRecord>>,
    metrics: Vec<Metric>,
}

/// A span that is being made.
struct Made {
    of: Of,
    span: Span,
}

/// One visit as it is made.
struct Visit {
    trace: u128,
    next: u64,
}

impl Visit {
    fn span(
        &mut self,
        of: Of,
        kind: SpanKind,
        name: &str,
        below: Option<&Made>,
        (start, length): (u64, u64),
    ) -> Made {
        self.next += 1;
        let id = spread(self.next ^ (self.trace as u64)).max(1);
        let span = Span {
            trace_id: self.trace.to_be_bytes().to_vec(),
            span_id: id.to_be_bytes().to_vec(),
            parent_span_id: below.map(|made| made.span.span_id.clone()).unwrap_or_default(),
            name: name.to_owned(),
            kind: kind as i32,
            start_time_unix_nano: start,
            end_time_unix_nano: start + length,
            flags: 1,
            ..Span::default()
        };
        Made { of, span }
    }
}

impl Made {
    fn with(mut self, key: &str, value: impl Into<Value>) -> Made {
        self.span.attributes.push(pair(key, value));
        self
    }

    fn failed(mut self, is_failed: bool, kind: &str, detail: &str) -> Made {
        if is_failed {
            self.span.status =
                Some(Status { code: StatusCode::Error as i32, message: detail.to_owned() });
            self.span.attributes.push(pair("error.type", kind));
        }
        self
    }
}

impl Part {
    /// A visit that begins at `at`: a page, a checkout, and what comes of the order.
    pub fn visit(&mut self, at: u64, incident: Option<Incident>) {
        let draw = |of: u64| spread(at.wrapping_mul(31).wrapping_add(of));
        let trace = (u128::from(draw(1)) << 64) | u128::from(draw(2));
        let mut visit = Visit { trace, next: 0 };
        let is_new = incident == Some(Incident::BadCanary) && draw(3).is_multiple_of(2);
        let fails = match incident {
            Some(Incident::PaymentDown) => draw(4) % 100 < 45,
            _ if is_new => draw(4) % 100 < 80,
            _ => draw(4) % 1000 < 2,
        };
        // Most are near the least, a few take long.
        let length = |of: u64, least: u64| {
            let x = (draw(of) % 1000) as f64 / 1000.0;
            (least as f64 * MILLISECOND as f64 * (1.0 + 0.5 * x + 6.0 * x.powi(40))) as u64
        };
        let slow = incident == Some(Incident::SlowDatabase);
        let write = length(10, 4) + if slow { length(11, 600) } else { 0 };
        let charge = length(12, 14);
        let place = length(13, 12) + charge + write;
        let start = at * SECOND + draw(14) % SECOND;
        let page = length(15, 9);
        let checkout = start + 80 * MILLISECOND;
        let total = place + length(16, 6);

        let payment = if is_new { CANARY } else { PAYMENT };
        let status = if fails { 500 } else { 200 };
        let message = if is_new { crate::payment::OVERFLOW } else { "the bank declined" };
        let (server, client) = (SpanKind::Server, SpanKind::Client);
        let whole = (start, 80 * MILLISECOND + total + 9 * MILLISECOND);
        let root = visit
            .span(SHOPPER, SpanKind::Internal, "visit buy", None, whole)
            .with("visit.purpose", "buy")
            .failed(fails, "visit_failed", "the shop answered 500 Internal Server Error");
        let http = |made: Made, route: &str, status: i64| {
            let made = made.with("http.request.method", "POST").with("http.route", route);
            made.with("http.response.status_code", status).failed(status >= 500, "500", "")
        };
        let rpc = |made: Made, code: &str| {
            let method = made.span.name.clone();
            let made = made.with("rpc.system.name", "grpc").with("rpc.method", method);
            made.with("rpc.response.status_code", code).failed(code != "OK", code, message)
        };
        let code = if fails { "INTERNAL" } else { "OK" };
        let near = |margin: u64| (checkout + margin * MILLISECOND, total - margin * MILLISECOND);

        let get = |made: Made| {
            made.with("http.request.method", "GET").with("http.response.status_code", 200)
        };
        let looking =
            visit.span(SHOPPER, client, "GET", Some(&root), (start, page + 7 * MILLISECOND));
        let passed = visit.span(
            CDN,
            server,
            "GET /{*path}",
            Some(&looking),
            (start, page + 5 * MILLISECOND),
        );
        let shown = visit.span(
            GATEWAY,
            server,
            "GET /api/products/{id}",
            Some(&passed),
            (start, page + 3 * MILLISECOND),
        );
        let (looking, passed) = (get(looking), get(passed).with("http.route", "/{*path}"));
        let shown = get(shown).with("http.route", "/api/products/{id}");
        let asked = visit.span(
            GATEWAY,
            client,
            "shop.v1.Catalog/Page",
            Some(&shown),
            (start + MILLISECOND, page + MILLISECOND),
        );
        let listed = visit.span(
            CATALOG,
            server,
            "shop.v1.Catalog/Page",
            Some(&asked),
            (start + 2 * MILLISECOND, page),
        );
        let posted =
            visit.span(SHOPPER, client, "POST", Some(&root), (checkout, total + 6 * MILLISECOND));
        let posted = posted
            .with("http.request.method", "POST")
            .with("http.response.status_code", status)
            .failed(fails, "500", "");
        let edge = visit.span(
            CDN,
            server,
            "POST /{*path}",
            Some(&posted),
            (checkout, total + 4 * MILLISECOND),
        );
        let edge = http(edge, "/{*path}", status);
        let entry =
            visit.span(GATEWAY, server, "POST /api/checkout", Some(&edge), (checkout, total));
        let entry = http(entry, "/api/checkout", status);
        let placing = visit.span(GATEWAY, client, "shop.v1.Orders/Place", Some(&entry), near(1));
        let placed = visit.span(ORDERS, server, "shop.v1.Orders/Place", Some(&placing), near(2));
        let charging = (checkout + 4 * MILLISECOND, charge + MILLISECOND);
        let charging =
            visit.span(ORDERS, client, "shop.v1.Payment/Charge", Some(&placed), charging);
        let charged = (checkout + 5 * MILLISECOND, charge);
        let charged =
            visit.span(payment, server, "shop.v1.Payment/Charge", Some(&charging), charged);
        if fails {
            self.logs.entry(payment).or_default().push(LogRecord {
                time_unix_nano: checkout + 6 * MILLISECOND,
                observed_time_unix_nano: checkout + 6 * MILLISECOND,
                severity_number: 17,
                severity_text: "ERROR".to_owned(),
                body: Some(any(message)),
                trace_id: charged.span.trace_id.clone(),
                span_id: charged.span.span_id.clone(),
                flags: 1,
                ..LogRecord::default()
            });
        } else {
            let written = (checkout + 6 * MILLISECOND + charge, write);
            let written = visit.span(ORDERS, client, "INSERT orders", Some(&placed), written);
            let written = written
                .with("db.system.name", "sqlite")
                .with("db.namespace", "shop")
                .with("db.collection.name", "orders")
                .with("db.operation.name", "INSERT");
            self.take(written);
            let mut later = Visit { trace: trace ^ 1, next: 0 };
            let handled = (checkout + total + 20 * MILLISECOND, length(17, 6));
            let handled =
                later.span(FULFILMENT, SpanKind::Consumer, "process orders", None, handled);
            let handled = handled
                .with("messaging.system", crate::queue::SYSTEM)
                .with("messaging.destination.name", crate::queue::DESTINATION);
            self.take(handled);
        }
        let calls = [asked, listed].map(|made| rpc(made, "OK"));
        let failing = [placing, placed, charging, charged].map(|made| rpc(made, code));
        calls.into_iter().chain(failing).for_each(|made| self.take(made));
        [root, looking, passed, shown, posted, edge, entry]
            .into_iter()
            .for_each(|made| self.take(made));
    }

    fn take(&mut self, made: Made) {
        self.spans.entry(made.of).or_default().push(made.span);
    }

    /// How long the gateway's requests took, as running totals.
    pub fn measure(&mut self, start: u64, end: u64, now: u64) {
        let began = now.saturating_sub(30 * 86_400);
        for (route, bucket) in [("/api/checkout", 3), ("/api/products/{id}", 1)] {
            let points =
                (start.next_multiple_of(POINT_SECONDS)..end).step_by(POINT_SECONDS as usize);
            let point = |at: u64| {
                let count = (at - began.min(at)) / 20;
                let mut buckets = vec![0; DURATION_BOUNDS.len() + 1];
                let slow = count / 100;
                buckets[bucket] = count - slow;
                buckets[bucket + 3] = slow;
                HistogramDataPoint {
                    attributes: vec![
                        pair("http.request.method", if bucket == 3 { "POST" } else { "GET" }),
                        pair("http.route", route),
                        pair("http.response.status_code", 200),
                        pair("url.scheme", "http"),
                    ],
                    start_time_unix_nano: began * SECOND,
                    time_unix_nano: at * SECOND,
                    count,
                    sum: Some(count as f64 * DURATION_BOUNDS[bucket] * 0.9),
                    bucket_counts: buckets,
                    explicit_bounds: DURATION_BOUNDS.to_vec(),
                    ..HistogramDataPoint::default()
                }
            };
            let data_points: Vec<_> = points.map(point).collect();
            let data = Data::Histogram(Histogram { data_points, aggregation_temporality: 2 });
            self.metrics.push(Metric {
                name: "http.server.request.duration".to_owned(),
                unit: "s".to_owned(),
                data: Some(data),
                ..Metric::default()
            });
        }
    }

    pub fn spans(&self) -> u64 {
        self.spans.values().map(|of| of.len() as u64).sum()
    }

    pub fn logs(&self) -> u64 {
        self.logs.values().map(|of| of.len() as u64).sum()
    }

    pub fn points(&self) -> u64 {
        let points = |metric: &Metric| match &metric.data {
            Some(Data::Histogram(of)) => of.data_points.len() as u64,
            _ => 0,
        };
        self.metrics.iter().map(points).sum()
    }

    pub fn take_spans(&mut self) -> Vec<ResourceSpans> {
        let all = std::mem::take(&mut self.spans).into_iter();
        all.map(|(of, spans)| ResourceSpans {
            resource: Some(resource(of)),
            scope_spans: vec![ScopeSpans { scope: Some(scope()), spans, ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        })
        .collect()
    }

    pub fn take_logs(&mut self) -> Vec<ResourceLogs> {
        let all = std::mem::take(&mut self.logs).into_iter();
        all.map(|(of, log_records)| ResourceLogs {
            resource: Some(resource(of)),
            scope_logs: vec![ScopeLogs {
                scope: Some(scope()),
                log_records,
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        })
        .collect()
    }

    pub fn take_metrics(&mut self) -> Vec<ResourceMetrics> {
        let metrics = std::mem::take(&mut self.metrics);
        vec![ResourceMetrics {
            resource: Some(resource(GATEWAY)),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(scope()),
                metrics,
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }]
    }
}

fn resource((name, version): Of) -> Resource {
    let attributes = vec![
        pair("service.name", name),
        pair("service.version", version),
        pair("service.instance.id", format!("{name}-a")),
        pair("service.namespace", "shop"),
        pair("deployment.environment.name", "demo"),
    ];
    Resource { attributes, ..Resource::default() }
}

fn scope() -> InstrumentationScope {
    let (name, version) = ("binnacle-shop".to_owned(), "1.0.0".to_owned());
    InstrumentationScope { name, version, ..InstrumentationScope::default() }
}

/// A text or a number.
enum Value {
    Text(String),
    Number(i64),
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Number(number)
    }
}

fn any(value: impl Into<Value>) -> AnyValue {
    let value = match value.into() {
        Value::Text(text) => any_value::Value::StringValue(text),
        Value::Number(number) => any_value::Value::IntValue(number),
    };
    AnyValue { value: Some(value) }
}

fn pair(key: &str, value: impl Into<Value>) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any(value)), ..KeyValue::default() }
}
