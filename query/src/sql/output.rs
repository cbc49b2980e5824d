//! Answers in types any client reads.
//!
//! Text formats (JSON, CSV) get ids and other bytes as lower-case hex. Binary formats (Arrow, Parquet) keep bytes as
//! bytes. Both get plain strings in place of views and dictionaries, which many readers do not know.

use super::functions::hex_text;
use crate::Error;
use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::sync::Arc;

/// What the answer is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputKind {
    /// JSON, CSV and their like.
    Text,
    /// Arrow IPC, Parquet and their like.
    Binary,
}

/// The schema that [`convert`] gives batches of `schema`.
pub fn convert_schema(schema: &Schema, kind: OutputKind) -> SchemaRef {
    Arc::new(Schema::new(convert_fields(schema.fields(), kind)))
}

fn convert_fields(fields: &Fields, kind: OutputKind) -> Fields {
    let convert = |field: &Arc<Field>| {
        let data_type = convert_type(field.data_type(), kind);
        Field::new(field.name(), data_type, field.is_nullable())
    };
    fields.iter().map(convert).collect()
}

fn convert_field(field: &Arc<Field>, kind: OutputKind) -> Arc<Field> {
    let data_type = convert_type(field.data_type(), kind);
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

fn convert_type(data_type: &DataType, kind: OutputKind) -> DataType {
    let inner = |field: &Arc<Field>| convert_field(field, kind);
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_)
            if kind == OutputKind::Text =>
        {
            DataType::Utf8
        }
        DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, values) => convert_type(values, kind),
        DataType::List(field) | DataType::LargeList(field) | DataType::ListView(field) => {
            DataType::List(inner(field))
        }
        DataType::FixedSizeList(field, length) => DataType::FixedSizeList(inner(field), *length),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        other => other.clone(),
    }
}

/// `batch` with the columns of [`convert_schema`].
pub fn convert(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, Error> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| convert_column(column, field.data_type()));
    let columns = columns.collect::<Result<Vec<_>, _>>().and_then(|columns| {
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(schema.clone(), columns, &options)
    });
    columns.map_err(|error| Error::Execution { message: error.to_string() })
}

fn convert_column(column: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    use arrow::array::{Array, AsArray, ListArray, StructArray};
    match (column.data_type(), to) {
        (from, to) if from == to => Ok(column.clone()),
        (
            DataType::FixedSizeBinary(_)
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView,
            DataType::Utf8,
        ) => {
            let hex = hex_text(column).map_err(|error| ArrowError::CastError(error.to_string()))?;
            cast(&hex, to)
        }
        (DataType::List(_), DataType::List(field)) => {
            let list = column.as_list::<i32>();
            let values = convert_column(list.values(), field.data_type())?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Ok(Arc::new(ListArray::try_new(field.clone(), offsets, values, nulls)?))
        }
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let parts = column.as_struct();
            let columns = parts.columns().iter().zip(fields);
            let columns = columns.map(|(column, field)| convert_column(column, field.data_type()));
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            Ok(Arc::new(StructArray::try_new(fields.clone(), columns, parts.nulls().cloned())?))
        }
        _ => cast(column, to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, BinaryViewArray, DictionaryArray, FixedSizeBinaryArray};
    use arrow::datatypes::Int32Type;

    fn batch() -> RecordBatch {
        let ids = vec![Some(vec![0x5b, 0x8e]), None];
        let ids = FixedSizeBinaryArray::try_from_sparse_iter_with_size(ids.into_iter(), 2).unwrap();
        let names: DictionaryArray<Int32Type> = ["a", "a"].into_iter().collect();
        let bytes = BinaryViewArray::from(vec![Some(b"x".as_slice()), None]);
        RecordBatch::try_from_iter([
            ("id", Arc::new(ids) as ArrayRef),
            ("name", Arc::new(names)),
            ("bytes", Arc::new(bytes)),
        ])
        .unwrap()
    }

    #[test]
    fn ids_are_lower_case_hex_in_text_and_bytes_in_binary() {
        let batch = batch();
        let text = convert(&batch, &convert_schema(&batch.schema(), OutputKind::Text)).unwrap();
        assert_eq!(text.column(0).as_string::<i32>().value(0), "5b8e");
        assert_eq!(text.column(1).as_string::<i32>().value(1), "a");
        assert!(text.column(0).is_null(1));
        let binary = convert(&batch, &convert_schema(&batch.schema(), OutputKind::Binary)).unwrap();
        assert_eq!(binary.column(0).data_type(), &DataType::FixedSizeBinary(2));
        assert_eq!(binary.column(2).as_binary::<i32>().value(0), b"x");
    }
}
