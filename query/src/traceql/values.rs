//! Values of a few fields of single spans: what spans are grouped by as they are counted.

use super::ast::{AttributeScope, Field, Intrinsic};
use super::condition::FieldValues;
use super::prune::all_have_services;
use super::row_fields::{RowReader, columns};
use crate::Error;
use crate::rows::Shared;
use crate::value::AnyValue;
use arrow::record_batch::RecordBatch;
use binnacle_storage::segment::AttributeKeys;
use parquet::file::metadata::ParquetMetaData;
use std::collections::BTreeSet;

/// Fields of which values are read.
#[derive(Debug)]
pub(crate) struct SpanFields(Vec<Field>);

impl SpanFields {
    /// By name: `service`, `name`, `span.KEY` or `resource.KEY`. `None` for any other.
    pub(crate) fn of(names: &[String]) -> Option<SpanFields> {
        names.iter().map(|name| field(name)).collect::<Option<_>>().map(SpanFields)
    }

    /// Columns of a file that reading them takes.
    pub(crate) fn columns(
        &self,
        keys: &AttributeKeys,
        metadata: &ParquetMetaData,
    ) -> BTreeSet<String> {
        columns(self.0.iter(), keys, all_have_services(metadata))
    }

    /// The values of each of some rows of a batch, in the order of the fields; nothing where a span has none.
    pub(crate) fn values(
        &self,
        batch: &RecordBatch,
        shared: &mut Shared,
        rows: &[usize],
    ) -> Result<Vec<Vec<AnyValue>>, Error> {
        let reader = RowReader::of(batch, &self.0, shared)?;
        let of_row = |row: &usize| {
            let fields = reader.row(*row);
            (0..self.0.len()).map(|slot| fields.value(slot).to_any()).collect()
        };
        Ok(rows.iter().map(of_row).collect())
    }
}

fn field(name: &str) -> Option<Field> {
    let attribute = |scope, name: &str| {
        (!name.is_empty()).then(|| Field::Attribute {
            scope,
            of_parent: false,
            name: name.to_owned(),
        })
    };
    match name {
        "service" => attribute(AttributeScope::Resource, "service.name"),
        "name" => Some(Field::Intrinsic(Intrinsic::Name)),
        _ => match (name.strip_prefix("span."), name.strip_prefix("resource.")) {
            (Some(key), _) => attribute(AttributeScope::Span, key),
            (_, Some(key)) => attribute(AttributeScope::Resource, key),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_named_by_where_they_are() {
        let is_read = |name: &str| SpanFields::of(&[name.to_owned()]).is_some();
        for good in ["service", "name", "span.http.route", "resource.k8s.pod.name"] {
            assert!(is_read(good), "{good}");
        }
        for wrong in ["", "http.route", "span.", "resource.", "parent.x", "event.x"] {
            assert!(!is_read(wrong), "{wrong}");
        }
    }
}
