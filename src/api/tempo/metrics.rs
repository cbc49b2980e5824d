//! `GET /tempo/api/metrics/query_range` and `query`: time series from spans.

use super::super::Api;
use super::super::otlp::key_values;
use super::super::request::Tenant;
use super::super::trace::json;
use super::super::value::JsonValue;
use super::error::TempoError;
use super::params::Params;
use axum::extract::State;
use axum::response::Response;
use binnacle_query::traceql::{MetricSeries, MetricsPage, MetricsRequest, SpanExemplar, quoted};
use binnacle_query::value::AnyValue;
use binnacle_storage::model::Timestamp;
use serde_json::{Value, json as value};

/// How far back a request without times looks.
const LOOKBACK_NANOS: i64 = 3600 * 1_000_000_000;

pub async fn query_range(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, TempoError> {
    let request = request(&api, &params, false)?;
    let page = api.ready_product()?.engine.trace_metrics(&tenant, request).await?;
    Ok(json(move || serde_json::to_vec(&answer(&page, range_json))).await?)
}

pub async fn query(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, TempoError> {
    let request = request(&api, &params, true)?;
    let page = api.ready_product()?.engine.trace_metrics(&tenant, request).await?;
    Ok(json(move || serde_json::to_vec(&answer(&page, instant_json))).await?)
}

fn request(api: &Api, params: &Params, instant: bool) -> Result<MetricsRequest, TempoError> {
    let query = params.find("q").or_else(|| params.find("query"));
    let query = query.ok_or_else(|| TempoError::bad_request("parameter 'q' is required"))?;
    let end = params.time("end")?.unwrap_or_else(|| api.now());
    let lookback = params.duration("since")?.unwrap_or(LOOKBACK_NANOS);
    let start = params.time("start")?;
    Ok(MetricsRequest {
        query: query.to_owned(),
        start: start.unwrap_or(Timestamp(end.0.saturating_sub(lookback))),
        end,
        step: params.duration("step")?,
        instant,
        exemplars: params.number("exemplars")?.unwrap_or(0),
    })
}

fn answer(page: &MetricsPage, series: fn(&MetricSeries) -> Value) -> Value {
    value!({
        "series": page.series.iter().map(series).collect::<Vec<_>>(),
        "metrics": {
            "inspectedBytes": page.stats.bytes_read.to_string(),
            "inspectedSpans": page.stats.rows_scanned.to_string(),
            "totalBlocks": page.stats.segments,
            "completedJobs": 1,
            "totalJobs": 1,
        },
    })
}

fn range_json(series: &MetricSeries) -> Value {
    let sample = |(time, number): &(Timestamp, f64)| value!({ "timestampMs": (time.0 / 1_000_000).to_string(), "value": number });
    value!({
        "labels": key_values(&labels(series)),
        "promLabels": prometheus_labels(series),
        "samples": series.points.iter().map(sample).collect::<Vec<_>>(),
        "exemplars": series.exemplars.iter().map(exemplar_json).collect::<Vec<_>>(),
    })
}

fn exemplar_json(exemplar: &SpanExemplar) -> Value {
    value!({
        "labels": key_values(&exemplar_labels(exemplar)),
        "value": exemplar.value,
        "timestampMs": (exemplar.time.0 / 1_000_000).to_string(),
    })
}

/// The label by which Grafana finds the trace.
pub fn exemplar_labels(exemplar: &SpanExemplar) -> Vec<(String, AnyValue)> {
    vec![("trace:id".to_owned(), AnyValue::String(exemplar.trace_id.to_string()))]
}

fn instant_json(series: &MetricSeries) -> Value {
    value!({
        "labels": key_values(&labels(series)),
        "promLabels": prometheus_labels(series),
        "value": series.points.first().map(|(_, number)| number),
    })
}

/// Tempo writes the value of spans without the field as the text `nil`.
pub fn labels(series: &MetricSeries) -> Vec<(String, AnyValue)> {
    let label = |(name, value): &(String, AnyValue)| match value {
        AnyValue::Empty => (name.clone(), AnyValue::String("nil".to_owned())),
        value => (name.clone(), value.clone()),
    };
    series.labels.iter().map(label).collect()
}

/// The labels in Prometheus's notation, by which Grafana tells series apart.
pub fn prometheus_labels(series: &MetricSeries) -> String {
    let label = |(name, value): (String, AnyValue)| {
        let text = match value {
            AnyValue::String(text) => text,
            AnyValue::Int(number) => number.to_string(),
            AnyValue::Double(number) => number.to_string(),
            AnyValue::Bool(flag) => flag.to_string(),
            other => value!(JsonValue(&other)).to_string(),
        };
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let name = if is_plain { name } else { quoted(&name) };
        format!("{name}={}", quoted(&text))
    };
    let labels: Vec<String> = labels(series).into_iter().map(label).collect();
    format!("{{{}}}", labels.join(", "))
}
