//! Rows read back out of a batch, in a form that compares.

use super::stored::normal;
use binnacle_storage::batch::{Batch, Column, Rows, TableBatch, Values};
use binnacle_storage::model::{ColumnKind, Table, Value};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use prost::Message;
use std::collections::HashMap;

#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Int(i64),
    Double(u64),
    Bool(bool),
    Bytes(Vec<u8>),
    Text(String),
}

/// One row: its columns in the table's order, then its attributes as sorted `(key, AnyValue bytes)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub table: Table,
    pub cells: Vec<Option<Cell>>,
    pub attributes: Vec<(String, Vec<u8>)>,
}

pub fn read(batch: &Batch) -> Vec<Row> {
    let mut kinds = HashMap::new();
    let mut ordinals = HashMap::new();
    if let Some(points) = batch.table(Table::MetricPoints) {
        for row in 0..points.rows {
            let id = cell(&points.columns[0], row);
            let next = ordinals.len() as i64;
            ordinals.entry(bytes(id)).or_insert(next);
        }
    }
    if let Some(series) = batch.table(Table::Series) {
        let kind = series.column("type").unwrap();
        for row in 0..series.rows {
            let kind = String::from_utf8(bytes(cell(kind, row))).unwrap();
            kinds.insert(bytes(cell(&series.columns[0], row)), kind);
        }
    }
    let tables = batch.tables.iter();
    tables
        .flat_map(|table| {
            (0..table.rows).map(|row| read_row(table, row, &kinds, &ordinals)).collect::<Vec<_>>()
        })
        .collect()
}

fn bytes(cell: Option<Cell>) -> Vec<u8> {
    match cell {
        Some(Cell::Bytes(bytes)) => bytes,
        Some(Cell::Text(text)) => text.into_bytes(),
        other => panic!("{other:?} is not bytes"),
    }
}

fn read_row(
    table: &TableBatch,
    row: u32,
    kinds: &HashMap<Vec<u8>, String>,
    ordinals: &HashMap<Vec<u8>, i64>,
) -> Row {
    let specs = table.table.columns();
    let mut cells = Vec::new();
    for (spec, column) in specs.iter().zip(&table.columns) {
        let value = cell(column, row);
        cells.push(match (spec.name, value) {
            ("series_id", Some(Cell::Bytes(id))) => Some(Cell::Int(ordinals[&id])),
            ("distribution", Some(Cell::Bytes(message))) => {
                let kind = &kinds[&bytes(cell(&table.columns[0], row))];
                let message = normal(kind, &message);
                // What was unknown to the reference is kept too, and may be all there is.
                (kind != "histogram" || !message.is_empty()).then_some(Cell::Bytes(message))
            }
            (name, Some(Cell::Bytes(message))) if spec.kind == ColumnKind::Bytes => {
                Some(Cell::Bytes(normal(name, &message)))
            }
            (_, value) => value,
        });
    }
    Row { table: table.table, cells, attributes: attributes(table, row) }
}

fn attributes(table: &TableBatch, row: u32) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for attribute in &table.attributes {
        if let Some(index) = index_of(&attribute.column, row) {
            let value = match attribute.value(index) {
                Value::String(text) => any_value::Value::StringValue(text.to_owned()),
                Value::Int(number) => any_value::Value::IntValue(number),
                Value::Double(number) => any_value::Value::DoubleValue(number),
                Value::Bool(flag) => any_value::Value::BoolValue(flag),
                other => panic!("{other:?} has a column"),
            };
            found
                .push((attribute.key.to_string(), AnyValue { value: Some(value) }.encode_to_vec()));
        }
    }
    let (Rows::Sparse(rows), Values::Bytes(values)) = (&table.rest.rows, &table.rest.values) else {
        panic!("rest is sparse bytes");
    };
    for (index, _) in rows.iter().enumerate().filter(|(_, of)| *of == row) {
        let message = KeyValue::decode(values.value(index)).unwrap();
        found.push((message.key, message.value.unwrap_or_default().encode_to_vec()));
    }
    found.sort();
    found
}

fn index_of(column: &Column, row: u32) -> Option<usize> {
    match &column.rows {
        Rows::Dense => Some(row as usize),
        Rows::Sparse(rows) => rows.iter().position(|of| of == row),
    }
}

fn cell(column: &Column, row: u32) -> Option<Cell> {
    let index = index_of(column, row)?;
    Some(match &column.values {
        Values::Int(values) => Cell::Int(values.get(index)),
        Values::Double(values) => Cell::Double(values[index].to_bits()),
        Values::Bool(values) => Cell::Bool(values[index]),
        Values::Text(values) => {
            Cell::Text(String::from_utf8(values.value(index).to_vec()).unwrap())
        }
        Values::Bytes(values) => Cell::Bytes(values.value(index).to_vec()),
        Values::Fixed { width, bytes } => {
            Cell::Bytes(bytes[index * width..(index + 1) * width].to_vec())
        }
    })
}
