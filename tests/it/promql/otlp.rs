//! An OTLP request of gauges that neither resource nor scope describes.

use super::load::Points;
use binnacle_query::promql::describe::Point;
use binnacle_query::promql::labels::{Labels, METRIC_NAME};
use binnacle_query::promql::series::is_stale;
use serde_json::{Value, json};

pub fn request(series: &[(&Labels, &Points)]) -> Vec<u8> {
    let metrics: Vec<Value> =
        series.iter().map(|(labels, points)| metric(labels, points)).collect();
    let request = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]});
    serde_json::to_vec(&request).unwrap()
}

fn metric(labels: &Labels, points: &Points) -> Value {
    let attributes = labels.iter().filter(|(name, _)| *name != METRIC_NAME);
    let attributes: Vec<Value> = attributes
        .map(|(name, value)| json!({"key": name, "value": {"stringValue": value}}))
        .collect();
    let points = points.iter().filter_map(|(time, point)| {
        let Point::Float(value) = point else { return None };
        let time = (time * 1_000_000).to_string();
        let mut point = json!({"timeUnixNano": time, "attributes": attributes});
        if is_stale(*value) {
            // No recorded value.
            point["flags"] = 1.into();
        } else {
            point["asDouble"] = double(*value);
        }
        Some(point)
    });
    let points: Vec<Value> = points.collect();
    json!({"name": labels.metric_name(), "gauge": {"dataPoints": points}})
}

fn double(value: f64) -> Value {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity".into() } else { "-Infinity".into() }
    } else {
        value.into()
    }
}
