//! The attributes of a batch's rows: their own columns and the rest put together again.

use super::{ByteColumn, Columns, malformed};
use crate::Error;
use crate::value::{AnyValue, Attributes};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{Value, wire};
use binnacle_storage::segment::{ATTRIBUTES_REST, attribute_column_name};

/// Reads the attributes of one row at a time.
pub(crate) struct RowAttributes {
    columns: Vec<(String, ArrayRef)>,
    rest: ByteColumn,
}

impl RowAttributes {
    pub(crate) fn of(batch: &RecordBatch) -> Result<RowAttributes, Error> {
        let prefix = attribute_column_name("");
        let schema = batch.schema();
        let columns = schema.fields().iter().zip(batch.columns()).filter_map(|(field, array)| {
            let key = field.name().strip_prefix(&prefix)?;
            Some((key.to_owned(), array.clone()))
        });
        Ok(RowAttributes {
            columns: columns.collect(),
            rest: Columns(batch).bytes(ATTRIBUTES_REST)?,
        })
    }

    /// All attributes of `row`, by key; equal keys in the order they are stored.
    pub(crate) fn read(&self, row: usize) -> Result<Attributes, Error> {
        let mut attributes = Attributes::new();
        let owned = |value: &Value<'_>| {
            AnyValue::of(value).map_err(|error| malformed(ATTRIBUTES_REST, error))
        };
        for (key, column) in &self.columns {
            if let Some(value) = attribute_value(column, row) {
                attributes.push((key.clone(), owned(&value)?));
            }
        }
        for attribute in wire::attributes(self.rest.value(row).unwrap_or_default()) {
            let attribute = attribute.map_err(|error| malformed(ATTRIBUTES_REST, error))?;
            attributes.push((attribute.key.to_owned(), owned(&attribute.value)?));
        }
        attributes.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(attributes)
    }
}

/// One cell of an attribute column. Columns have one of four types; texts come in two layouts.
pub(crate) fn attribute_value(column: &ArrayRef, row: usize) -> Option<Value<'_>> {
    if column.is_null(row) {
        return None;
    }
    Some(match column.data_type() {
        DataType::Utf8View => Value::String(column.as_string_view().value(row)),
        DataType::Utf8 => Value::String(column.as_string::<i32>().value(row)),
        DataType::Int64 => Value::Int(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Value::Double(column.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => Value::Bool(column.as_boolean().value(row)),
        _ => return None,
    })
}
