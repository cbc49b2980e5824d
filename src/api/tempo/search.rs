//! `GET /tempo/api/search`: traces by TraceQL, or by the tags of Tempo's older search.

use super::super::Api;
use super::super::error::ApiError;
use super::super::otlp::key_values;
use super::super::pairs::typed_or_text;
use super::super::request::Tenant;
use super::super::trace::json;
use super::error::TempoError;
use super::params::Params;
use axum::extract::State;
use axum::response::Response;
use binnacle_query::traceql::{MatchedSpan, SpansetMatch, TraceMatch, quoted};
use binnacle_query::value::{AnyValue, Attributes};
use binnacle_query::{TracePage, TraceRequest};
use serde_json::{Value, json as value};

/// Shown for a trace whose root span has not arrived.
pub const NO_ROOT: &str = "<root span not yet received>";

pub async fn search(
    State(api): State<Api>,
    Tenant(tenant): Tenant,
    params: Params,
) -> Result<Response, TempoError> {
    let product = api.ready_product()?;
    let query = match (params.find("q"), params.find("tags")) {
        (Some(query), _) => query.to_owned(),
        (None, Some(tags)) => {
            let tags = parse_tags(tags)?;
            of_tags(tags.iter().map(|(key, tag)| (*key, *tag)))
        }
        (None, None) => String::new(),
    };
    let request = TraceRequest {
        query,
        start: params.time("start")?,
        end: params.time("end")?,
        limit: params.number("limit")?,
        spans_per_set: params.number("spss")?,
        duration_min: params.duration("minDuration")?,
        duration_max: params.duration("maxDuration")?,
        cursor: None,
    };
    let page = product.engine.traces(&tenant, request).await?;
    Ok(json(move || serde_json::to_vec(&answer(&page))).await?)
}

/// The older search's `key=value key="value with spaces"`.
fn parse_tags(text: &str) -> Result<Vec<(&str, &str)>, TempoError> {
    let wrong = || {
        TempoError::bad_request(format!(
            "invalid tags: '{text}' is not of the form key=value key=\"value\""
        ))
    };
    let mut tags = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or_else(wrong)?;
        let (tag, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or_else(wrong)?,
            None => after.split_once(' ').unwrap_or((after, "")),
        };
        tags.push((key.trim(), tag));
        rest = after.trim();
    }
    Ok(tags)
}

/// The older search's tags as TraceQL.
pub fn of_tags<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let conditions: Vec<String> = tags.map(|(key, tag)| condition(key, tag)).collect();
    format!("{{ {} }}", conditions.join(" && "))
}

/// A tag has no type: a value that looks like a number or a truth value may be one, or a text.
fn condition(key: &str, tag: &str) -> String {
    let text = quoted(tag);
    match (key, tag) {
        ("error", "true") => return "status = error".to_owned(),
        ("status.code", "error" | "ok" | "unset") => return format!("status = {tag}"),
        ("name" | "span.name", _) => return format!("name = {text}"),
        ("root.name", _) => return format!("rootName = {text}"),
        ("root.service.name", _) => return format!("rootServiceName = {text}"),
        _ => {}
    }
    let condition = typed_or_text(&format!(".{}", quoted(key)), tag);
    if condition.contains(" || ") { format!("({condition})") } else { condition }
}

fn answer(page: &TracePage) -> Value {
    value!({
        "traces": page.traces.iter().map(trace).collect::<Vec<_>>(),
        "metrics": {
            "inspectedTraces": page.traces.len(),
            "inspectedBytes": page.stats.bytes_read.to_string(),
            "inspectedSpans": page.stats.rows_scanned.to_string(),
            "totalBlocks": page.stats.segments,
            "completedJobs": 1,
            "totalJobs": 1,
        },
    })
}

fn trace(found: &TraceMatch) -> Value {
    let sets: Vec<Value> = found.sets.iter().map(spanset).collect();
    let services = found.services.iter().map(|(name, stats)| {
        (name.clone(), value!({ "spanCount": stats.spans, "errorCount": stats.errors }))
    });
    value!({
        "traceID": found.trace_id.to_string(),
        "rootServiceName": found.root_service.as_deref().unwrap_or(NO_ROOT),
        "rootTraceName": found.root_name.as_deref().unwrap_or(""),
        "startTimeUnixNano": found.start_time.0.to_string(),
        "durationMs": found.duration / 1_000_000,
        // Older clients read one set only.
        "spanSet": sets.first(),
        "spanSets": sets,
        "serviceStats": services.collect::<serde_json::Map<_, _>>(),
    })
}

fn spanset(set: &SpansetMatch) -> Value {
    value!({
        "spans": set.spans.iter().map(span).collect::<Vec<_>>(),
        "matched": set.matched,
        "attributes": key_values(&set.attributes),
    })
}

fn span(span: &MatchedSpan) -> Value {
    let attributes = plain_names(&span.attributes);
    value!({
        "spanID": span.span_id.to_string(),
        "name": span.name,
        "startTimeUnixNano": span.start_time.0.to_string(),
        "durationNanos": span.duration.to_string(),
        "attributes": key_values(&attributes),
    })
}

/// Tempo answers with the attributes' own names.
pub fn plain_names(attributes: &Attributes) -> Attributes {
    let plain = |(key, value): &(String, AnyValue)| {
        let scopes = ["span.", "resource.", "event.", "link.", "instrumentation.", "."];
        let name = scopes.iter().find_map(|scope| key.strip_prefix(scope));
        (name.unwrap_or(key).to_owned(), value.clone())
    };
    attributes.iter().map(plain).collect()
}

impl From<serde_json::Error> for TempoError {
    fn from(error: serde_json::Error) -> TempoError {
        TempoError::from(ApiError::invalid(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_traceql() {
        let check = |tags: &str, expected: &str| {
            let tags = parse_tags(tags).unwrap();
            assert_eq!(of_tags(tags.into_iter()), expected);
        };
        check("service.name=shop error=true", "{ .\"service.name\" = \"shop\" && status = error }");
        check(
            "http.status_code=500",
            "{ (.\"http.status_code\" = \"500\" || .\"http.status_code\" = 500) }",
        );
        check("name=\"GET /cart\"", "{ name = \"GET /cart\" }");
        assert!(parse_tags("service").is_err());
        assert!(parse_tags("a=\"open").is_err());
    }
}
