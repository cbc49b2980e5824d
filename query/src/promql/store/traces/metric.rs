//! The metrics made of spans: their names, labels and meanings.

use crate::promql::labels::{BUCKET_LABEL, METRIC_NAME, Matcher};

/// Metrics with the same labels, made of the same rows.
pub struct Family {
    pub metrics: &'static [Metric],
    labels: &'static [&'static str],
    /// Labels whose values are those of a column.
    pub columns: &'static [(&'static str, &'static str)],
}

pub struct Metric {
    pub name: &'static str,
    pub value: Value,
}

/// What a metric counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    Count,
    Errors,
    /// Of durations in seconds, of one side of a call.
    Sum(Side),
    Measured(Side),
    Buckets(Side),
}

/// Who measured a duration. That of a span is the client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

const fn metric(name: &'static str, value: Value) -> Metric {
    Metric { name, value }
}

/// Calls between services.
pub static CALLS: Family = Family {
    metrics: &[
        metric("traces_service_graph_request_total", Value::Count),
        metric("traces_service_graph_request_failed_total", Value::Errors),
        metric("traces_service_graph_request_server_seconds_bucket", Value::Buckets(Side::Server)),
        metric("traces_service_graph_request_server_seconds_sum", Value::Sum(Side::Server)),
        metric("traces_service_graph_request_server_seconds_count", Value::Measured(Side::Server)),
        metric("traces_service_graph_request_client_seconds_bucket", Value::Buckets(Side::Client)),
        metric("traces_service_graph_request_client_seconds_sum", Value::Sum(Side::Client)),
        metric("traces_service_graph_request_client_seconds_count", Value::Measured(Side::Client)),
    ],
    labels: &["client", "server", "connection_type"],
    columns: &[("client", "caller"), ("server", "callee")],
};

/// Spans of operations.
pub static SPANS: Family = Family {
    metrics: &[
        metric("traces_spanmetrics_calls_total", Value::Count),
        metric("traces_spanmetrics_latency_bucket", Value::Buckets(Side::Client)),
        metric("traces_spanmetrics_latency_sum", Value::Sum(Side::Client)),
        metric("traces_spanmetrics_latency_count", Value::Measured(Side::Client)),
    ],
    labels: &["service", "span_name", "span_kind", "status_code"],
    columns: &[("service", "service"), ("span_name", "name")],
};

impl Family {
    pub fn is_calls(&self) -> bool {
        self.labels == CALLS.labels
    }

    /// The metrics of which series may meet the matchers.
    pub fn matching(&self, matchers: &[Matcher]) -> Vec<&'static Metric> {
        let may_match = |metric: &&Metric| {
            matchers.iter().all(|matcher| match &*matcher.name {
                METRIC_NAME => matcher.matches(metric.name),
                BUCKET_LABEL if metric.is_bucket() => true,
                label => self.labels.contains(&label) || matcher.matches(""),
            })
        };
        self.metrics.iter().filter(may_match).collect()
    }
}

impl Metric {
    pub fn is_bucket(&self) -> bool {
        matches!(self.value, Value::Buckets(_))
    }
}

/// How Tempo names the kind of a connection; one between two services that both sent spans has none.
pub fn connection_type(stored: &str, instrumented: &str) -> &'static str {
    match (stored, instrumented) {
        ("messaging", _) => "messaging_system",
        ("database", _) => "database",
        (_, "both") => "",
        _ => "virtual_node",
    }
}

pub fn span_kind(kind: i32) -> &'static str {
    match kind {
        1 => "SPAN_KIND_INTERNAL",
        2 => "SPAN_KIND_SERVER",
        3 => "SPAN_KIND_CLIENT",
        4 => "SPAN_KIND_PRODUCER",
        5 => "SPAN_KIND_CONSUMER",
        _ => "SPAN_KIND_UNSPECIFIED",
    }
}

pub fn status_code(status: i32) -> &'static str {
    match status {
        1 => "STATUS_CODE_OK",
        2 => "STATUS_CODE_ERROR",
        _ => "STATUS_CODE_UNSET",
    }
}
