//! Detected fields: what the lines of a query hold, besides the labels of their streams.

use super::gather::Scope;
use super::parse::parse_logs;
use super::parser::{Found, LogfmtFlags, extract_json, extract_logfmt};
use super::pipeline::Pipeline;
use super::rows::Lines;
use super::scan::Prefilter;
use super::select::{Direction, Entry, Page, select};
use super::unit;
use crate::promql::labels::Labels;
use crate::{Error, QueryEngine};
use binnacle_storage::model::{TenantId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Which lines are looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldsRequest {
    pub query: String,
    pub start: Timestamp,
    pub end: Timestamp,
    /// The newest of them.
    pub lines: usize,
}

/// A field and its values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DetectedField {
    /// `string`, `int`, `float`, `boolean`, `duration` or `bytes`: what all values are.
    pub kind: &'static str,
    /// `json` or `logfmt`; none for structured metadata.
    pub parsers: BTreeSet<&'static str>,
    pub values: BTreeSet<String>,
}

impl QueryEngine {
    /// The fields of the newest lines of a query, by name.
    pub async fn log_fields(
        &self,
        tenant: &TenantId,
        request: FieldsRequest,
    ) -> Result<BTreeMap<String, DetectedField>, Error> {
        let scope = self.log_scope(tenant).await?;
        let stats = scope.stats.clone();
        let work = move |_| async move { fields(&scope, &request).await };
        self.run("logql_fields", stats, work).await
    }
}

async fn fields(
    scope: &Scope,
    request: &FieldsRequest,
) -> Result<BTreeMap<String, DetectedField>, Error> {
    if request.end <= request.start {
        return Ok(BTreeMap::new());
    }
    let query = parse_logs(&request.query)?;
    let lines = Lines {
        matchers: query.matchers.clone(),
        pipeline: Pipeline::new(&query.stages, None, None),
        from: request.start.0,
        to: request.end.0.saturating_sub(1),
        needs_line: true,
    };
    let prefilter = Prefilter::of(&query.stages);
    let limit = request.lines.clamp(1, super::LINES_MAX);
    let page = Page { direction: Direction::Backward, limit, bytes_max: scope.bytes_max };
    let entries =
        select(&scope.storage, &scope.snapshot, &lines, &prefilter, page, &scope.stats).await?;
    let mut fields = Fields::default();
    entries.iter().for_each(|entry| fields.look_at(entry));
    Ok(fields.finish())
}

#[derive(Default)]
struct Fields {
    found: BTreeMap<String, DetectedField>,
}

/// Takes the fields that a parser finds in one line.
struct FromLine<'a> {
    fields: &'a mut Fields,
    parser: &'static str,
    stream: &'a Labels,
}

impl Found for FromLine<'_> {
    fn wants(&self, _: &str) -> bool {
        true
    }

    fn add(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        let name =
            if self.stream.has(name) { format!("{name}_extracted") } else { name.to_owned() };
        let field = self.fields.found.entry(name).or_default();
        field.parsers.insert(self.parser);
        field.values.insert(value.to_owned());
    }
}

impl Fields {
    fn look_at(&mut self, entry: &Entry) {
        for (name, value) in entry.labels.structured.iter().chain(entry.labels.parsed.iter()) {
            if value.is_empty() {
                continue;
            }
            self.found.entry(name.to_owned()).or_default().values.insert(value.to_owned());
        }
        let stream = &entry.labels.stream;
        if entry.line.trim_start().starts_with('{') {
            // What is no JSON after all, has no fields.
            let _ =
                extract_json(&entry.line, &mut FromLine { fields: self, parser: "json", stream });
        } else if entry.line.contains('=') {
            let flags = LogfmtFlags::default();
            let _ = extract_logfmt(
                &entry.line,
                flags,
                &[],
                &mut FromLine { fields: self, parser: "logfmt", stream },
            );
        }
    }

    fn finish(mut self) -> BTreeMap<String, DetectedField> {
        for field in self.found.values_mut() {
            field.kind = kind(&field.values);
        }
        self.found
    }
}

fn kind(values: &BTreeSet<String>) -> &'static str {
    type Test = fn(&str) -> bool;
    let tests: [(&'static str, Test); 5] = [
        ("int", |text| text.parse::<i64>().is_ok()),
        ("float", |text| text.parse::<f64>().is_ok()),
        ("boolean", |text| matches!(text, "true" | "false")),
        ("duration", |text| unit::parse_duration(text).is_some()),
        ("bytes", |text| unit::parse_bytes(text).is_some()),
    ];
    let found = tests.iter().find(|(_, test)| values.iter().all(|value| test(value)));
    found.map_or("string", |(kind, _)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_tell_their_kind() {
        let cases = [
            (vec!["1", "-2"], "int"),
            (vec!["1", "2.5"], "float"),
            (vec!["true"], "boolean"),
            (vec!["1ms", "2m3s"], "duration"),
            (vec!["1KB", "2MiB"], "bytes"),
            (vec!["1", "x"], "string"),
        ];
        for (values, expected) in cases {
            let values = values.into_iter().map(str::to_owned).collect();
            assert_eq!(kind(&values), expected, "{values:?}");
        }
    }
}
