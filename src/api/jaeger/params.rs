//! What to search for, in Jaeger's two notations, as a search in TraceQL.

use super::super::pairs::{Pairs, go_duration, typed_or_text};
use super::error::JaegerError;
use axum::extract::FromRequestParts;
use binnacle_query::TraceRequest;
use binnacle_query::traceql::{TRACES_LIMIT_MAX, quoted};
use binnacle_storage::model::Timestamp;
use http::request::Parts;
use std::collections::BTreeMap;

/// Traces of an answer when the request does not say.
pub const LIMIT_DEFAULT: usize = 100;

/// The parameters of the URL.
#[derive(Debug)]
pub struct Params(pub Pairs);

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = JaegerError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Params, JaegerError> {
        Pairs::of(&parts.uri)
            .map(Params)
            .map_err(|error| JaegerError::bad_request(format!("wrong query parameters: {error}")))
    }
}

impl Params {
    pub fn find(&self, names: &[&str]) -> Option<&str> {
        self.0.find(names)
    }

    /// Version 1: `service`, `operation`, `tag=key:value`, `tags={json}`, times in microseconds.
    pub fn search(&self) -> Result<TraceRequest, JaegerError> {
        let service = self.find(&["service"]);
        let service =
            service.ok_or_else(|| JaegerError::bad_request("parameter 'service' is required"))?;
        let mut tags = BTreeMap::new();
        for (key, value) in &self.0.0 {
            match key.as_str() {
                "tag" => {
                    let (key, tag) = value.split_once(':').ok_or_else(|| {
                        JaegerError::bad_request(format!(
                            "malformed 'tag' parameter, expecting key:value, received: {value}"
                        ))
                    })?;
                    tags.insert(key.to_owned(), tag.to_owned());
                }
                "tags" if !value.is_empty() => tags.extend(json_tags(value)?),
                _ => {}
            }
        }
        Ok(TraceRequest {
            query: query(
                Some(service),
                self.find(&["operation"]),
                &tags,
                self.duration(&["minDuration"])?,
                self.duration(&["maxDuration"])?,
            ),
            start: self.micros("start")?,
            // Jaeger's end belongs to the range.
            end: self.micros("end")?.map(|end| Timestamp(end.0.saturating_add(1))),
            limit: Some(self.limit(&["limit"])?),
            ..TraceRequest::default()
        })
    }

    /// Version 3: `query.service_name`, …, times in RFC 3339.
    pub fn search_v3(&self) -> Result<TraceRequest, JaegerError> {
        let tags = match self.find(&["query.attributes"]) {
            Some(text) => json_tags(text)?,
            None => BTreeMap::new(),
        };
        let start = self.rfc3339(&["query.start_time_min", "query.startTimeMin"])?;
        let end = self.rfc3339(&["query.start_time_max", "query.startTimeMax"])?;
        Ok(TraceRequest {
            query: query(
                self.find(&["query.service_name", "query.serviceName"]),
                self.find(&["query.operation_name", "query.operationName"]),
                &tags,
                self.duration(&["query.duration_min", "query.durationMin"])?,
                self.duration(&["query.duration_max", "query.durationMax"])?,
            ),
            start,
            end: end.map(|end| Timestamp(end.0.saturating_add(1))),
            limit: Some(self.limit(&[
                "query.search_depth",
                "query.searchDepth",
                "query.num_traces",
                "query.numTraces",
            ])?),
            ..TraceRequest::default()
        })
    }

    fn limit(&self, names: &[&str]) -> Result<usize, JaegerError> {
        let Some(text) = self.find(names) else {
            return Ok(LIMIT_DEFAULT);
        };
        let limit: usize = text.parse().map_err(|_| invalid(names[0], text))?;
        match limit {
            0 => Ok(LIMIT_DEFAULT),
            limit => Ok(limit.min(TRACES_LIMIT_MAX)),
        }
    }

    fn micros(&self, name: &str) -> Result<Option<Timestamp>, JaegerError> {
        let parse = |text: &str| {
            let nanos = text.parse::<i64>().ok().and_then(|micros| micros.checked_mul(1000));
            nanos.map(Timestamp).ok_or_else(|| invalid(name, text))
        };
        self.find(&[name]).map(parse).transpose()
    }

    pub fn rfc3339(&self, names: &[&str]) -> Result<Option<Timestamp>, JaegerError> {
        let parse = |text: &str| {
            let time = chrono::DateTime::parse_from_rfc3339(&text.replace(' ', "+")).ok();
            let nanos = time.and_then(|time| time.timestamp_nanos_opt());
            nanos.map(Timestamp).ok_or_else(|| invalid(names[0], text))
        };
        self.find(names).map(parse).transpose()
    }

    fn duration(&self, names: &[&str]) -> Result<Option<i64>, JaegerError> {
        let parse = |text: &str| go_duration(text).ok_or_else(|| invalid(names[0], text));
        self.find(names).map(parse).transpose()
    }
}

fn invalid(name: &str, text: &str) -> JaegerError {
    JaegerError::bad_request(format!("unable to parse param '{name}': '{text}'"))
}

fn json_tags(text: &str) -> Result<BTreeMap<String, String>, JaegerError> {
    let wrong = |reason: String| {
        JaegerError::bad_request(format!(
            "malformed 'tags' parameter, cannot unmarshal JSON: {reason}"
        ))
    };
    let tags: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let text = |(key, value)| match value {
        serde_json::Value::String(text) => (key, text),
        other => (key, other.to_string()),
    };
    Ok(tags.into_iter().map(text).collect())
}

pub fn query(
    service: Option<&str>,
    operation: Option<&str>,
    tags: &BTreeMap<String, String>,
    duration_min: Option<i64>,
    duration_max: Option<i64>,
) -> String {
    let mut conditions = Vec::new();
    if let Some(service) = service {
        conditions.push(format!("resource.service.name = {}", quoted(service)));
    }
    if let Some(operation) = operation {
        conditions.push(format!("name = {}", quoted(operation)));
    }
    if let Some(min) = duration_min {
        conditions.push(format!("duration >= {min}ns"));
    }
    if let Some(max) = duration_max {
        conditions.push(format!("duration <= {max}ns"));
    }
    conditions.extend(tags.iter().map(|(key, tag)| condition(key, tag)));
    format!("{{ {} }}", conditions.join(" && "))
}

/// A tag may be of the span, its resource, its events or its scope; a value that looks like a number or a truth value may be
/// one, or a text.
fn condition(key: &str, tag: &str) -> String {
    let text = quoted(tag);
    match (key, tag) {
        ("error", "true") => return "(status = error || span.error = true)".to_owned(),
        ("error", "false") => return "(status != error && span.error != true)".to_owned(),
        ("span.kind", "client" | "server" | "producer" | "consumer" | "internal") => {
            return format!("kind = {tag}");
        }
        ("otel.status_code", "ERROR" | "OK") => {
            return format!("status = {}", tag.to_lowercase());
        }
        ("otel.status_description", _) => return format!("statusMessage = {text}"),
        ("otel.scope.name" | "otel.library.name", _) => {
            return format!("instrumentation:name = {text}");
        }
        ("otel.scope.version" | "otel.library.version", _) => {
            return format!("instrumentation:version = {text}");
        }
        _ => {}
    }
    let scopes = ["span", "resource", "event", "instrumentation"];
    let alternatives = scopes.map(|scope| typed_or_text(&format!("{scope}.{}", quoted(key)), tag));
    format!("({})", alternatives.join(" || "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(pairs: &[(&str, &str)]) -> Result<TraceRequest, String> {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Params(Pairs(pairs.collect())).search().map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn a_search_becomes_traceql() {
        let request = search(&[
            ("service", "shop"),
            ("operation", "GET \"/\""),
            ("minDuration", "1.5ms"),
            ("tags", r#"{"error":"true"}"#),
            ("end", "1000"),
        ]);
        let request = request.unwrap();
        assert_eq!(
            request.query,
            "{ resource.service.name = \"shop\" && name = \"GET \\\"/\\\"\" && duration >= 1500000ns && (status = error || span.error = true) }"
        );
        assert_eq!((request.end, request.limit), (Some(Timestamp(1_000_001)), Some(100)));
    }

    #[test]
    fn tags_have_no_place_and_no_type() {
        let tagged = condition("code", "500");
        assert!(tagged.contains("span.\"code\" = 500 ||"), "{tagged}");
        assert!(tagged.contains("resource.\"code\" = \"500\""), "{tagged}");
        assert!(!condition("a", "x").contains("= x"));
        assert_eq!(condition("span.kind", "client"), "kind = client");
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for pairs in [
            &[][..],
            &[("service", "a"), ("minDuration", "5")],
            &[("service", "a"), ("tag", "x")],
            &[("service", "a"), ("tags", "{")],
            &[("service", "a"), ("start", "now")],
            &[("service", "a"), ("limit", "-1")],
        ] {
            assert!(search(pairs).is_err(), "{pairs:?}");
        }
    }
}
