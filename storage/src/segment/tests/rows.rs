//! Rows in words, from whatever holds them.

use super::super::{ATTRIBUTES_REST, WrittenSegment};
use crate::batch::{Column, TableBatch, Values};
use crate::model::{ColumnKind, Value, wire};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    Float64Type, Int32Type, Int64Type, TimestampNanosecondType, UInt32Type, UInt64Type,
};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// One value of one column, in words.
pub(in crate::segment) type Cell = (String, String);

/// A row: its columns, then its attributes sorted.
pub(in crate::segment) type Row = Vec<Cell>;

fn render(value: &Value<'_>) -> String {
    match value {
        Value::Double(number) => format!("Double({:x})", number.to_bits()),
        other => format!("{other:?}"),
    }
}

fn with_attributes(mut row: Row, mut attributes: Vec<Cell>) -> Row {
    attributes.sort();
    row.extend(attributes);
    row
}

/// Rows of a batch, value by value.
pub(in crate::segment) fn rows_of_batch(batch: &TableBatch) -> Vec<Row> {
    let mut rows: Vec<(Row, Vec<Cell>)> = vec![Default::default(); batch.rows as usize];
    for (spec, column) in batch.table.columns().iter().zip(&batch.columns) {
        for index in 0..column.len() {
            let value = cell_of_column(column, index, spec.kind);
            rows[column.row(index) as usize].0.push((spec.name.to_owned(), value));
        }
    }
    for attribute in &batch.attributes {
        for index in 0..attribute.column.len() {
            let cell = (attribute.key.to_string(), render(&attribute.value(index)));
            rows[attribute.column.row(index) as usize].1.push(cell);
        }
    }
    let Values::Bytes(rest) = &batch.rest.values else { unreachable!() };
    for index in 0..batch.rest.len() {
        let attribute = wire::key_value(rest.value(index)).unwrap();
        let cell = (attribute.key.to_owned(), render(&attribute.value));
        rows[batch.rest.row(index) as usize].1.push(cell);
    }
    rows.into_iter().map(|(row, attributes)| with_attributes(row, attributes)).collect()
}

fn cell_of_column(column: &Column, index: usize, kind: ColumnKind) -> String {
    match &column.values {
        Values::Int(values) if kind == ColumnKind::UInt64 => (values.get(index) as u64).to_string(),
        Values::Int(values) => values.get(index).to_string(),
        Values::Double(values) => format!("{:x}", values[index].to_bits()),
        Values::Bool(values) => values[index].to_string(),
        Values::Text(strings) | Values::Bytes(strings) => format!("{:?}", strings.value(index)),
        Values::Fixed { width, bytes } => format!("{:?}", &bytes[index * width..][..*width]),
    }
}

/// One value of an array, in the same words.
fn cell_of_array(array: &ArrayRef, row: usize) -> String {
    use arrow::datatypes::DataType::*;
    match array.data_type() {
        Timestamp(_, zone) => {
            assert_eq!(zone.as_deref(), Some("UTC"));
            array.as_primitive::<TimestampNanosecondType>().value(row).to_string()
        }
        Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        UInt32 => array.as_primitive::<UInt32Type>().value(row).to_string(),
        UInt64 => array.as_primitive::<UInt64Type>().value(row).to_string(),
        Float64 => format!("{:x}", array.as_primitive::<Float64Type>().value(row).to_bits()),
        Boolean => array.as_boolean().value(row).to_string(),
        Utf8 => format!("{:?}", array.as_string::<i32>().value(row).as_bytes()),
        Utf8View => format!("{:?}", array.as_string_view().value(row).as_bytes()),
        Binary => format!("{:?}", array.as_binary::<i32>().value(row)),
        BinaryView => format!("{:?}", array.as_binary_view().value(row)),
        FixedSizeBinary(_) => format!("{:?}", array.as_fixed_size_binary().value(row)),
        other => panic!("unexpected type {other}"),
    }
}

fn attribute_of_array(array: &ArrayRef, row: usize) -> String {
    use arrow::datatypes::DataType::*;
    match array.data_type() {
        Int64 => render(&Value::Int(array.as_primitive::<Int64Type>().value(row))),
        Float64 => render(&Value::Double(array.as_primitive::<Float64Type>().value(row))),
        Boolean => render(&Value::Bool(array.as_boolean().value(row))),
        Utf8 => render(&Value::String(array.as_string::<i32>().value(row))),
        Utf8View => render(&Value::String(array.as_string_view().value(row))),
        other => panic!("unexpected attribute type {other}"),
    }
}

/// Rows of a record batch in the shape of a segment's file.
pub(in crate::segment) fn rows_of_records(records: &RecordBatch) -> Vec<Row> {
    let row_at = |row: usize| {
        let (mut cells, mut attributes) = (Vec::new(), Vec::new());
        for (field, array) in records.schema().fields().iter().zip(records.columns()) {
            if array.is_null(row) {
                continue;
            }
            if let Some(key) = field.name().strip_prefix("attributes.") {
                attributes.push((key.to_owned(), attribute_of_array(array, row)));
            } else if field.name() == ATTRIBUTES_REST {
                let list = match array.as_binary_opt::<i32>() {
                    Some(binary) => binary.value(row),
                    None => array.as_binary_view().value(row),
                };
                for attribute in wire::attributes(list) {
                    let attribute = attribute.unwrap();
                    attributes.push((attribute.key.to_owned(), render(&attribute.value)));
                }
            } else {
                cells.push((field.name().clone(), cell_of_array(array, row)));
            }
        }
        with_attributes(cells, attributes)
    };
    (0..records.num_rows()).map(row_at).collect()
}

/// Rows of a file, read by the Parquet crate alone.
pub(in crate::segment) fn rows_of_file(parquet: &Bytes) -> Vec<Row> {
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(parquet.clone()).unwrap().build().unwrap();
    reader.flat_map(|records| rows_of_records(&records.unwrap())).collect()
}

pub(in crate::segment) fn rows_of_segments(segments: &[WrittenSegment]) -> Vec<Row> {
    segments.iter().flat_map(|segment| rows_of_file(&segment.parquet)).collect()
}

pub(in crate::segment) fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort();
    rows
}

pub(in crate::segment) fn cell<'a>(row: &'a Row, column: &str) -> Option<&'a str> {
    row.iter().find(|(name, _)| name == column).map(|(_, value)| value.as_str())
}
