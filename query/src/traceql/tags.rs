//! Names and values of fields, for completion.

use super::ast::{AttributeScope, Field, Intrinsic};
use super::print::{kind_name, status_name};
use super::token::quoted;
use super::{ast, parse};
use crate::{Error, QueryEngine, SqlRequest};
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{TenantId, Timestamp};
use futures::TryStreamExt;
use std::collections::BTreeSet;

/// Most names and most values of an answer.
pub const TAGS_LIMIT_MAX: usize = 5000;

/// Names of one scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagScope {
    /// `resource`, `span` or `intrinsic`.
    pub name: &'static str,
    /// Sorted.
    pub tags: Vec<String>,
}

/// A value a field has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TagValue {
    /// TraceQL's type: `string`, `int`, `float`, `bool` or `keyword`.
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
        let span = texts(&self.rows(tenant, keys.to_owned()).await?)?;
        let resources = format!("SELECT DISTINCT resource FROM spans WHERE {}", times.condition());
        let resources = texts(&self.rows(tenant, resources).await?)?;
        let intrinsic = Intrinsic::NAMES.iter().map(|(_, name, _)| (*name).to_owned()).collect();
        Ok(vec![
            TagScope { name: "resource", tags: keys_of(&resources) },
            TagScope { name: "span", tags: span },
            TagScope { name: "intrinsic", tags: intrinsic },
        ])
    }

    /// The values of one field, named as TraceQL names it, sorted; at most `limit`.
    pub async fn trace_tag_values(
        &self,
        tenant: &TenantId,
        tag: &str,
        times: TagTimes,
        limit: usize,
    ) -> Result<Vec<TagValue>, Error> {
        let field = field(tag)?;
        if let Some(values) = keywords(&field) {
            return Ok(values);
        }
        let Some(column) = column(&field) else {
            return Ok(Vec::new());
        };
        let root = match field {
            Field::Intrinsic(Intrinsic::RootName | Intrinsic::RootService) => {
                "parent_span_id IS NULL AND "
            }
            _ => "",
        };
        let limit = limit.clamp(1, TAGS_LIMIT_MAX);
        let mut values = BTreeSet::new();
        for column in column {
            let query = format!(
                "SELECT DISTINCT {column} FROM spans WHERE {root}{column} IS NOT NULL AND {} ORDER BY 1 LIMIT {limit}",
                times.condition()
            );
            let batches = self.rows(tenant, query).await?;
            let kind = batches.first().map_or("string", |batch| kind(batch.column(0).data_type()));
            values.extend(texts(&batches)?.into_iter().map(|text| TagValue { kind, text }));
        }
        Ok(values.into_iter().take(limit).collect())
    }

    async fn rows(&self, tenant: &TenantId, query: String) -> Result<Vec<RecordBatch>, Error> {
        let request = SqlRequest { query, row_limit: None, memory_limit: None, timeout: None };
        self.sql(tenant, request).await?.batches.try_collect().await
    }
}

/// Reads a field's name, also one without a scope, as Tempo's older search has it.
fn field(tag: &str) -> Result<Field, Error> {
    let read = |text: &str| match parse(&format!("{{ }} | select({text})"))?.pipeline.stages.pop() {
        Some(ast::Stage::Select(mut fields)) if fields.len() == 1 => Ok::<_, Error>(fields.pop()),
        _ => Ok(None),
    };
    let field = match read(tag) {
        Ok(field) => field,
        Err(_) => read(&format!(".{}", quoted(tag)))?,
    };
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

/// Where SQL has the field's values: the first that has any decides for a span.
fn column(field: &Field) -> Option<Vec<String>> {
    let attribute = |of: &str, name: &str| format!("{of}['{}']", name.replace('\'', "''"));
    Some(match field {
        Field::Attribute { scope, of_parent: _, name } => match scope {
            AttributeScope::Any => {
                vec![attribute("attributes", name), attribute("resource", name)]
            }
            AttributeScope::Span => vec![attribute("attributes", name)],
            AttributeScope::Resource => vec![attribute("resource", name)],
            AttributeScope::Instrumentation => vec![attribute("scope_attributes", name)],
            AttributeScope::Event | AttributeScope::Link => return None,
        },
        Field::Intrinsic(intrinsic) => vec![
            match intrinsic {
                Intrinsic::Name | Intrinsic::RootName => "name",
                Intrinsic::RootService => "service",
                Intrinsic::StatusMessage => "status_message",
                Intrinsic::InstrumentationName => "scope_name",
                Intrinsic::InstrumentationVersion => "scope_version",
                _ => return None,
            }
            .to_owned(),
        ],
    })
}

fn kind(of: &DataType) -> &'static str {
    match of {
        DataType::Int64 | DataType::Int32 | DataType::UInt64 => "int",
        DataType::Float64 => "float",
        DataType::Boolean => "bool",
        _ => "string",
    }
}

/// The first column as texts.
fn texts(batches: &[RecordBatch]) -> Result<Vec<String>, Error> {
    let mut texts = Vec::new();
    for batch in batches {
        let column = cast(batch.column(0), &DataType::Utf8)
            .map_err(|error| Error::Execution { message: error.to_string() })?;
        texts.extend(column.as_string::<i32>().iter().flatten().map(str::to_owned));
    }
    Ok(texts)
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
