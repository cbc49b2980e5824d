//! What clients ask about the server: who it is, what it scrapes, what it counts.

use super::super::Api;
use super::error::PromError;
use super::json::{self, Notes};
use super::params::Params;
use axum::extract::State;
use axum::response::Response;
use binnacle_collector::TargetStatus;
use binnacle_query::promql::labels::Labels;
use binnacle_query::promql::parse::parse_selector;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The release of Prometheus whose API and language this is. Grafana switches its features by it.
const PROMETHEUS_VERSION: &str = "3.14.0";

/// Most counts of each kind in one answer.
const LIMIT_MAX: usize = 10_000;

fn success(data: &Value) -> Response {
    json::success(data, &Notes::default())
}

pub async fn buildinfo() -> Response {
    success(&json!({
        "version": PROMETHEUS_VERSION,
        "revision": env!("CARGO_PKG_VERSION"),
        "branch": "",
        "buildUser": "binnacle",
        "buildDate": "",
        "goVersion": "",
    }))
}

/// What each target says of its metrics: of the targets that `match_target` finds, of one metric or all.
pub async fn targets_metadata(
    State(api): State<Api>,
    params: Params,
) -> Result<Response, PromError> {
    let wrong = |error| PromError::parameter("match_target", error);
    let matchers = match params.value("match_target") {
        Some(text) => {
            let selector = parse_selector(text).map_err(|error| wrong(error.text(text)))?;
            selector.matchers
        }
        None => Vec::new(),
    };
    let limit = params.count("limit")?.unwrap_or(usize::MAX);
    let targets = api.ready_product()?.targets.active(&params.tenant);
    let is_meant = |target: &&TargetStatus| {
        let value = |name: &str| target.labels.get(name).map_or("", String::as_str);
        matchers.iter().all(|matcher| matcher.matches(value(&matcher.name)))
    };
    let wanted = params.value("metric");
    let described = targets.iter().filter(is_meant).flat_map(|target| {
        let metrics = target.descriptions.iter();
        let metrics = metrics.filter(|(name, _)| wanted.is_none_or(|wanted| wanted == *name));
        metrics.map(move |(name, of)| {
            let mut item = json!({
                "target": target.labels,
                "type": of.kind.name(),
                "help": of.help,
                "unit": of.unit,
            });
            if wanted.is_none() {
                item["metric"] = name.as_str().into();
            }
            item
        })
    });
    Ok(success(&described.take(limit).collect()))
}

/// Prometheus's own configuration and flags do not exist here.
pub async fn config() -> Response {
    success(&json!({"yaml": ""}))
}

pub async fn flags() -> Response {
    success(&json!({}))
}

pub async fn runtimeinfo(State(api): State<Api>) -> Response {
    let uptime = api.facts().started.elapsed();
    let started = api.now().0 / 1_000_000_000 - i64::try_from(uptime.as_secs()).unwrap_or(0);
    let started = chrono::DateTime::from_timestamp(started, 0).unwrap_or_default();
    success(&json!({
        "startTime": started.to_rfc3339(),
        "CWD": "",
        "reloadConfigSuccess": true,
        "lastConfigTime": started.to_rfc3339(),
        "corruptionCount": 0,
        "goroutineCount": 0,
        "storageRetention": "",
    }))
}

/// How many series there are, and of what: where cardinality comes from.
pub async fn tsdb(State(api): State<Api>, params: Params) -> Result<Response, PromError> {
    let limit = match params.count("limit") {
        Ok(None) if params.value("limit").is_none() => 10,
        Ok(Some(limit)) if limit > 0 => limit,
        _ => return Err(PromError::bad_data("limit must be a positive number")),
    };
    if limit > LIMIT_MAX {
        return Err(PromError::bad_data(format!("limit must not exceed {LIMIT_MAX}")));
    }
    let product = api.ready_product()?;
    let all = product.engine.all_series_labels(&params.tenant).await?;
    Ok(success(&counted(&all, limit)))
}

fn counted(all: &[Labels], limit: usize) -> Value {
    let mut by_metric: BTreeMap<&str, u64> = BTreeMap::new();
    let mut by_pair: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for labels in all {
        *by_metric.entry(labels.metric_name()).or_default() += 1;
        for (name, value) in labels.iter() {
            *by_pair.entry((name, value)).or_default() += 1;
            values.entry(name).or_default().insert(value);
        }
    }
    let bytes = values.iter().map(|(name, values)| {
        let bytes: usize = values.iter().map(|value| value.len()).sum();
        ((*name).to_owned(), bytes as u64)
    });
    let bytes: Vec<(String, u64)> = bytes.collect();
    let counts = values.iter().map(|(name, values)| ((*name).to_owned(), values.len() as u64));
    json!({
        "headStats": {
            "numSeries": all.len(),
            "numLabelPairs": by_pair.len(),
            "chunkCount": 0,
            "minTime": 0,
            "maxTime": 0,
        },
        "seriesCountByMetricName": top(by_metric.into_iter().map(|(n, c)| (n.to_owned(), c)), limit),
        "labelValueCountByLabelName": top(counts, limit),
        "memoryInBytesByLabelName": top(bytes.into_iter(), limit),
        "seriesCountByLabelValuePair":
            top(by_pair.into_iter().map(|((n, v), c)| (format!("{n}={v}"), c)), limit),
    })
}

/// The largest counts.
fn top(counts: impl Iterator<Item = (String, u64)>, limit: usize) -> Value {
    let mut counts: Vec<(String, u64)> = counts.collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let items = counts.into_iter().take(limit);
    items.map(|(name, value)| json!({"name": name, "value": value})).collect()
}
