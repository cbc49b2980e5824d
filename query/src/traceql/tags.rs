//! Names and values of fields, for completion.

use super::ast::{Field, Intrinsic};
use super::condition::FieldValues;
use super::evaluate::Plan;
use super::metrics::put_key;
use super::print::{kind_name, status_name};
use super::row_fields::RowFields;
use super::scan::{Gather, Scan, Search};
use super::search::times;
use super::token::quoted;
use super::value::Value;
use super::{ast, parse};
use crate::trace::texts;
use crate::value::AnyValue;
use crate::{Error, QueryEngine, QueryStats};
use binnacle_storage::model::{TenantId, Timestamp, TraceId};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// Most names and most values of an answer.
pub const TAGS_LIMIT_MAX: usize = 5000;

/// Names of one scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagScope {
    /// `resource`, `span`, `instrumentation` or `intrinsic`.
    pub name: &'static str,
    /// Sorted.
    pub tags: Vec<String>,
}

/// A value a field has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TagValue {
    /// TraceQL's type: `string`, `int`, `float`, `bool`, `duration` or `keyword`.
    pub kind: &'static str,
    pub text: String,
}

/// Which spans are asked about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TagTimes {
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
}

impl TagTimes {
    /// As a condition of SQL.
    fn condition(self) -> String {
        let bound =
            |op: &str, time: Timestamp| format!("start_time {op} to_timestamp_nanos({})", time.0);
        let start = self.start.map(|start| bound(">=", start));
        let end = self.end.map(|end| bound("<", end));
        match (start, end) {
            (None, None) => "true".to_owned(),
            (Some(one), None) | (None, Some(one)) => one,
            (Some(start), Some(end)) => format!("{start} AND {end}"),
        }
    }
}

impl QueryEngine {
    /// The names of all fields that spans of `tenant` have.
    pub async fn trace_tags(
        &self,
        tenant: &TenantId,
        times: TagTimes,
    ) -> Result<Vec<TagScope>, Error> {
        let keys = "SELECT DISTINCT key FROM attribute_keys WHERE \"table\" = 'spans' ORDER BY 1";
        let span = self.first_texts(tenant, keys.to_owned()).await?;
        let of = |column: &str| {
            format!("SELECT DISTINCT {column} FROM spans WHERE {}", times.condition())
        };
        let resources = self.first_texts(tenant, of("resource")).await?;
        let scopes = self.first_texts(tenant, of("scope_attributes")).await?;
        let intrinsic = Intrinsic::NAMES.iter().map(|(_, name, _)| (*name).to_owned()).collect();
        Ok(vec![
            TagScope { name: "resource", tags: keys_of(&resources) },
            TagScope { name: "span", tags: span },
            TagScope { name: "instrumentation", tags: keys_of(&scopes) },
            TagScope { name: "intrinsic", tags: intrinsic },
        ])
    }

    async fn first_texts(&self, tenant: &TenantId, query: String) -> Result<Vec<String>, Error> {
        let mut all = Vec::new();
        for batch in self.name_rows(tenant, query).await? {
            all.extend(texts(&batch, 0)?);
        }
        Ok(all)
    }

    /// The values of one field, named as TraceQL names it, sorted; at most `limit`. Of spans that `query`, one condition in
    /// braces, leaves open; what it says of whole traces is not looked at.
    pub async fn trace_tag_values(
        &self,
        tenant: &TenantId,
        tag: &str,
        query: Option<&str>,
        when: TagTimes,
        limit: usize,
    ) -> Result<Vec<TagValue>, Error> {
        let field = field(tag)?;
        if let Some(values) = keywords(&field) {
            return Ok(values);
        }
        let (from, to) = times(when.start, when.end)?;
        let search = search_of(field, query, from, to)?;
        let stats = Arc::new(QueryStats::new());
        let (storage, tenant, counted) = (self.storage().clone(), tenant.clone(), stats.clone());
        let threads = self.config().threads;
        let work = async move {
            let snapshot = storage.snapshot(&tenant).await?;
            let mut found = search.values();
            let of = search.search.clone();
            let mut scan = Scan::new(&storage, &snapshot, of, threads, &counted);
            while scan.advance(&mut found, &|| search.values()).await? {}
            Ok(found.values)
        };
        let values = self.run("traceql", stats, |_| work).await?;
        Ok(values.into_iter().take(limit.clamp(1, TAGS_LIMIT_MAX)).collect())
    }
}

/// Which values are looked for.
struct ValueSearch {
    search: Arc<Search>,
    slot: usize,
    /// Of spans without a parent alone: the slot that tells.
    root: Option<usize>,
}

fn search_of(field: Field, query: Option<&str>, from: i64, to: i64) -> Result<ValueSearch, Error> {
    let query = parse(query.filter(|query| !query.trim().is_empty()).unwrap_or("{ }"))?;
    let mut plan = Plan::of(&query.pipeline);
    let (field, of_root) = match field {
        Field::Intrinsic(Intrinsic::RootName) => (Field::Intrinsic(Intrinsic::Name), true),
        Field::Intrinsic(Intrinsic::RootService) => (parse_field("resource.service.name")?, true),
        Field::Attribute { scope, name, .. } => {
            (Field::Attribute { scope, of_parent: false, name }, false)
        }
        field => (field, false),
    };
    let slot = plan.slots.slot(&field);
    let root = of_root.then(|| plan.slots.slot(&Field::Intrinsic(Intrinsic::ParentId)));
    let asked = [slot].into_iter().chain(root).collect();
    let durations = i64::MIN..=i64::MAX;
    Ok(ValueSearch { search: Arc::new(Search { plan, from, to, durations, asked }), slot, root })
}

impl ValueSearch {
    fn values(&self) -> Values {
        Values {
            slot: self.slot,
            root: self.root,
            seen: HashSet::new(),
            last: Vec::new(),
            values: BTreeSet::new(),
        }
    }
}

/// Distinct values of a field.
struct Values {
    slot: usize,
    root: Option<usize>,
    /// Keys of the values seen, and the last of them.
    seen: HashSet<Vec<u8>>,
    last: Vec<u8>,
    values: BTreeSet<TagValue>,
}

/// Most values held; far more than an answer gives.
const VALUES_MAX: usize = 1 << 20;

impl Values {
    fn add(&mut self, value: &Value<'_>) {
        if let Value::Array(values) = value {
            values.iter().for_each(|value| self.add(value));
            return;
        }
        let mut key = Vec::with_capacity(self.last.len());
        put_key(&mut key, value);
        if key == self.last || self.values.len() >= VALUES_MAX {
            return;
        }
        if !self.seen.contains(&key) {
            self.values.extend(tag_value(value));
            self.seen.insert(key.clone());
        }
        self.last = key;
    }
}

impl Gather for Values {
    fn row(&mut self, _: i64, _: TraceId, row: RowFields<'_>) -> Result<(), Error> {
        if self.root.is_none_or(|parent| row.value(parent) == Value::Nil) {
            self.add(&row.value(self.slot));
        }
        Ok(())
    }

    fn unite(&mut self, mut other: Values) -> Result<(), Error> {
        self.values.append(&mut other.values);
        Ok(())
    }
}

fn tag_value(value: &Value<'_>) -> Option<TagValue> {
    let kind = match value {
        Value::Int(_) => "int",
        Value::Float(_) => "float",
        Value::Bool(_) => "bool",
        Value::Duration(_) => "duration",
        Value::String(_) | Value::Id(_) => "string",
        Value::Status(_) | Value::Kind(_) => "keyword",
        Value::Unknown | Value::Nil | Value::Array(_) => return None,
    };
    let text = match (value, value.to_any()) {
        (Value::Duration(nanos), _) => format!("{nanos}ns"),
        (_, AnyValue::String(text)) => text,
        (_, AnyValue::Int(number)) => number.to_string(),
        (_, AnyValue::Double(number)) => number.to_string(),
        (_, AnyValue::Bool(flag)) => flag.to_string(),
        _ => return None,
    };
    Some(TagValue { kind, text }).filter(|value| !value.text.is_empty())
}

/// Reads a field's name, also one without a scope, as Tempo's older search has it.
fn field(tag: &str) -> Result<Field, Error> {
    parse_field(tag).or_else(|_| parse_field(&format!(".{}", quoted(tag))))
}

fn parse_field(tag: &str) -> Result<Field, Error> {
    let read = |text: &str| match parse(&format!("{{ }} | select({text})"))?.pipeline.stages.pop() {
        Some(ast::Stage::Select(mut fields)) if fields.len() == 1 => Ok::<_, Error>(fields.pop()),
        _ => Ok(None),
    };
    let field = read(tag)?;
    field.ok_or_else(|| Error::InvalidRequest {
        message: format!("'{tag}' is not the name of one field"),
        hint: None,
    })
}

/// The values of fields that have only so many.
fn keywords(field: &Field) -> Option<Vec<TagValue>> {
    let names: Vec<&str> = match field {
        Field::Intrinsic(Intrinsic::Status) => (0..3).map(status_name).collect(),
        Field::Intrinsic(Intrinsic::Kind) => (0..6).map(kind_name).collect(),
        _ => return None,
    };
    let value = |text: &str| TagValue { kind: "keyword", text: text.to_owned() };
    Some(names.into_iter().map(value).collect())
}

/// The keys of JSON objects, sorted.
fn keys_of(objects: &[String]) -> Vec<String> {
    let mut keys = BTreeSet::new();
    for object in objects {
        if let Ok(serde_json::Value::Object(object)) = serde_json::from_str(object) {
            keys.extend(object.into_iter().map(|(key, _)| key));
        }
    }
    keys.into_iter().collect()
}
