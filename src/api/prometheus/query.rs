//! Queries: instant, range, and what can be said about a query without asking it.

use super::super::Api;
use super::error::PromError;
use super::json::{self, Notes};
use super::params::Params;
use super::tree;
use axum::extract::State;
use axum::response::Response;
use binnacle_query::StatsSnapshot;
use binnacle_query::promql::annotation::Level;
use binnacle_query::promql::parse::{Features, parse};
use binnacle_query::promql::{Answer, Request, Times, Value, print};
use serde_json::json;
use std::time::{Duration, Instant};

/// Most annotations of each kind in an answer, as in Prometheus.
const NOTES_MAX: usize = 10;

pub async fn query(State(api): State<Api>, params: Params) -> Result<Response, PromError> {
    let time = match params.time("time")? {
        Some(time) => time,
        None => api.now().0 / 1_000_000,
    };
    ask(&api, &params, Times { start: time, end: time, step: 0 }).await
}

pub async fn query_range(State(api): State<Api>, params: Params) -> Result<Response, PromError> {
    let times = params.range_times()?;
    ask(&api, &params, times).await
}

async fn ask(api: &Api, params: &Params, times: Times) -> Result<Response, PromError> {
    let product = api.ready_product()?;
    let limit = params.limit("limit")?;
    let mut settings = product.engine.config().promql_settings();
    settings.timeout = params.timeout(settings.timeout)?;
    if let Some(lookback) = params.lookback()? {
        settings.lookback = lookback;
    }
    let query = params.value("query").unwrap_or("").to_owned();
    let started = Instant::now();
    let request = Request { query: query.clone(), times, settings };
    let (answer, stats) = product.engine.promql(&params.tenant, request).await?;
    let mut notes = notes(&answer, &query, &stats);
    let wanted = params.value("stats");
    if let Some(unknown) = wanted.filter(|wanted| !matches!(*wanted, "true" | "all")) {
        notes.warnings.push(format!(
            "value {unknown:?} for parameter \"stats\" is deprecated and will be rejected in the next major release, use \"true\" or \"all\""
        ));
    }
    let stats = wanted.map(|_| query_stats(&answer, &stats, started.elapsed()));
    let value = truncated(answer.value, limit, &mut notes);
    Ok(json::answer(value, times.start, stats, notes))
}

fn notes(answer: &Answer, query: &str, stats: &StatsSnapshot) -> Notes {
    let texts = |level| answer.annotations.texts(level, query, NOTES_MAX);
    let mut warnings = texts(Level::Warning);
    warnings.extend(stats.warnings.iter().cloned());
    Notes { warnings, infos: texts(Level::Info) }
}

/// The first series of an answer.
fn truncated(value: Value, limit: Option<usize>, notes: &mut Notes) -> Value {
    let Some(limit) = limit else { return value };
    let mut cut = false;
    let value = match value {
        Value::Vector(mut list) => {
            cut = list.len() > limit;
            list.truncate(limit);
            Value::Vector(list)
        }
        Value::Matrix(mut list) => {
            cut = list.len() > limit;
            list.truncate(limit);
            Value::Matrix(list)
        }
        other => other,
    };
    if cut {
        notes.warnings.push("results truncated due to limit".to_owned());
    }
    value
}

fn query_stats(answer: &Answer, stats: &StatsSnapshot, elapsed: Duration) -> serde_json::Value {
    let seconds = elapsed.as_secs_f64();
    json!({
        "timings": {
            "evalTotalTime": seconds,
            "resultSortTime": 0,
            "queryPreparationTime": 0,
            "innerEvalTime": stats.elapsed.as_secs_f64(),
            "execQueueTime": (seconds - stats.elapsed.as_secs_f64()).max(0.0),
            "execTotalTime": seconds,
        },
        "samples": {
            "totalQueryableSamples": answer.samples,
            "peakSamples": answer.samples,
            "samplesRead": answer.samples,
        },
        "storage": {
            "segments": stats.segments,
            "segmentsPruned": stats.segments_pruned,
            "rowsScanned": stats.rows_scanned,
            "rowsBuffered": stats.rows_buffered,
            "bytesRead": stats.bytes_read,
        },
    })
}

fn parsed(params: &Params) -> Result<binnacle_query::promql::ast::Expr, PromError> {
    let text = params.value("query").unwrap_or("");
    parse(text, Features { experimental: true })
        .map_err(|error| PromError::parameter("query", error.text(text)))
}

pub async fn format_query(params: Params) -> Result<Response, PromError> {
    let text = print::pretty(&parsed(&params)?);
    Ok(json::success(&text.into(), &Notes::default()))
}

pub async fn parse_query(params: Params) -> Result<Response, PromError> {
    Ok(json::success(&tree::node(&parsed(&params)?), &Notes::default()))
}
