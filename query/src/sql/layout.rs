//! The columns a table shows in one query, and how each is made from what a file stores.
//!
//! The stored columns come first; then those made from stored messages; then one flat column per attribute that the
//! query names, so that filters on attributes are filters on plain columns. No column is nested: Parquet scans drop
//! filters that turn out to touch nested columns.

use super::attribute;
use super::proto::AttributeList;
use super::text::TextSource;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use binnacle_storage::batch::AttributeType;
use binnacle_storage::model::{ColumnKind, Table};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An attribute a query names, and the type it is read as.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct AttributeColumn {
    pub(super) list: AttributeList,
    pub(super) key: String,
    pub(super) kind: AttributeType,
}

/// Where a column's values come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// The stored column of the same name.
    Stored,
    Text(TextSource),
    Attribute(AttributeColumn),
}

/// The columns of one table in one query.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) table: Table,
    pub(super) schema: SchemaRef,
    sources: BTreeMap<String, Source>,
}

/// Name of the flat column of an attribute. The type is part of it when it is not the one the attribute has by itself.
pub(super) fn column_name(column: &AttributeColumn, default: AttributeType) -> String {
    let (list, key) = (column.list.sql_name(), &column.key);
    if column.kind == default {
        format!("{list}['{key}']")
    } else {
        format!("{list}['{key}']:{}", column.kind.name())
    }
}

/// The Arrow type a stored column has in memory.
fn stored_type(kind: ColumnKind) -> DataType {
    match kind {
        ColumnKind::Timestamp => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        ColumnKind::Int64 => DataType::Int64,
        ColumnKind::Int32 => DataType::Int32,
        ColumnKind::UInt32 => DataType::UInt32,
        ColumnKind::UInt64 => DataType::UInt64,
        ColumnKind::Float64 => DataType::Float64,
        ColumnKind::Bool => DataType::Boolean,
        ColumnKind::Fixed(width) => DataType::FixedSizeBinary(width as i32),
        ColumnKind::Text => DataType::Utf8View,
        ColumnKind::Bytes => DataType::BinaryView,
    }
}

/// Stored messages are shown as text; `scope` becomes three columns.
fn shown_as(column: &'static str) -> Option<Vec<(&'static str, TextSource)>> {
    Some(match column {
        "resource" => vec![("resource", TextSource::List(AttributeList::Resource))],
        "scope" => vec![
            ("scope_name", TextSource::ScopeName),
            ("scope_version", TextSource::ScopeVersion),
            ("scope_attributes", TextSource::List(AttributeList::Scope)),
        ],
        "events" => vec![("events", TextSource::Events)],
        "links" => vec![("links", TextSource::Links)],
        "body_value" => vec![("body_value", TextSource::AnyValue)],
        "metadata" => vec![("metadata", TextSource::Metadata)],
        _ => return None,
    })
}

impl Layout {
    /// The layout a query sees. `attributes` maps the flat columns' names to what they hold.
    pub(super) fn new(table: Table, attributes: &BTreeMap<String, AttributeColumn>) -> Layout {
        let mut columns = Vec::new();
        for spec in table.columns() {
            match shown_as(spec.name) {
                Some(texts) => columns.extend(texts.into_iter().map(text_column)),
                None => {
                    let field = Field::new(spec.name, stored_type(spec.kind), !spec.required);
                    columns.push((field, Source::Stored));
                }
            }
        }
        if table.has_attributes() {
            columns.push(text_column(("attributes", TextSource::Attributes)));
        }
        let lists: BTreeSet<AttributeList> = lists_of(table);
        for (name, column) in attributes.iter().filter(|(_, column)| lists.contains(&column.list)) {
            let field = Field::new(name, attribute::data_type(column.kind), true);
            columns.push((field, Source::Attribute(column.clone())));
        }
        Layout::of(table, columns)
    }

    /// Only stored columns, as they are stored.
    pub(super) fn stored(table: Table, names: &[&str]) -> Layout {
        let specs = table.columns().iter().filter(|spec| names.contains(&spec.name));
        let columns = specs.map(|spec| {
            (Field::new(spec.name, stored_type(spec.kind), !spec.required), Source::Stored)
        });
        Layout::of(table, columns.collect())
    }

    fn of(table: Table, columns: Vec<(Field, Source)>) -> Layout {
        let sources = columns.iter().map(|(field, source)| (field.name().clone(), source.clone()));
        let sources = sources.collect();
        let fields: Vec<Field> = columns.into_iter().map(|(field, _)| field).collect();
        Layout { table, schema: Arc::new(Schema::new(fields)), sources }
    }

    pub(super) fn source(&self, column: &str) -> Option<&Source> {
        self.sources.get(column)
    }
}

fn text_column((name, source): (&'static str, TextSource)) -> (Field, Source) {
    (Field::new(name, source.data_type(), true), Source::Text(source))
}

/// The attribute lists rows of `table` have.
fn lists_of(table: Table) -> BTreeSet<AttributeList> {
    let mut lists = BTreeSet::new();
    if table.has_attributes() {
        lists.insert(AttributeList::Row);
    }
    if table.column_index("resource").is_some() {
        lists.insert(AttributeList::Resource);
    }
    if table.column_index("scope").is_some() {
        lists.insert(AttributeList::Scope);
    }
    lists
}

/// The schema a file is read with: its own, with strings and bytes as views, which share memory with the pages.
pub(super) fn file_schema(inferred: &Schema) -> Schema {
    let fields = inferred.fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 => field.as_ref().clone().with_data_type(DataType::Utf8View),
        DataType::Binary => field.as_ref().clone().with_data_type(DataType::BinaryView),
        _ => field.as_ref().clone(),
    });
    Schema::new(fields.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_column_is_nested_and_stored_text_never_hides_stored_bytes() {
        for table in Table::ALL {
            let layout = Layout::new(table, &BTreeMap::new());
            for field in layout.schema.fields() {
                assert!(!field.data_type().is_nested(), "{}", field.name());
                let stored = table.columns().iter().find(|spec| spec.name == field.name());
                if stored.is_some_and(|spec| spec.kind == ColumnKind::Bytes) {
                    assert!(!field.data_type().is_string(), "{}", field.name());
                }
            }
        }
    }
}
