//! Overflow: series that are too many lose their own identity, and their points go on under a common one.

use super::column::{AttributeColumn, AttributeType, Column, Rows, Values};
use super::numbers::retain;
use super::{Batch, TableBatch};
use crate::model::{SeriesId, Table, Value};
use std::collections::HashMap;
use std::hash::BuildHasher;

impl Batch {
    /// Gives the series in `moved` the identity it says. Their rows lose all attributes but the flag `key`; their points and
    /// exemplars keep all else.
    pub fn overflow<S: BuildHasher>(&mut self, moved: &HashMap<SeriesId, SeriesId, S>, key: &str) {
        for table in &mut self.tables {
            let Some(index) = table.table.column_index("series_id") else { continue };
            let rows = move_ids(&mut table.columns[index], moved);
            if table.table == Table::Series {
                forget_attributes(table, &rows);
                set_flag(table, &rows, key);
            }
        }
    }
}

/// Replaces ids; answers with the rows whose id was replaced, ascending.
fn move_ids<S: BuildHasher>(
    column: &mut Column,
    moved: &HashMap<SeriesId, SeriesId, S>,
) -> Vec<u32> {
    let Values::Fixed { width: 16, bytes } = &mut column.values else { return Vec::new() };
    let (ids, _) = bytes.as_chunks_mut::<16>();
    let mut rows = Vec::new();
    for (row, id) in ids.iter_mut().enumerate() {
        if let Some(to) = moved.get(&SeriesId(*id)) {
            *id = to.0;
            rows.push(row as u32);
        }
    }
    rows
}

fn forget_attributes(table: &mut TableBatch, rows: &[u32]) {
    for attribute in &mut table.attributes {
        forget(&mut attribute.column, rows);
    }
    table.attributes.retain(|attribute| !attribute.column.is_empty());
    forget(&mut table.rest, rows);
}

/// Removes the values of some rows from a sparse column.
fn forget(column: &mut Column, forgotten: &[u32]) {
    let Rows::Sparse(rows) = &mut column.rows else { return };
    let keep: Vec<bool> = rows.iter().map(|row| forgotten.binary_search(&row).is_err()).collect();
    if keep.iter().all(|keep| *keep) {
        return;
    }
    rows.retain(&keep);
    match &mut column.values {
        Values::Int(values) => values.retain(&keep),
        Values::Double(values) => retain(values, &keep),
        Values::Bool(values) => retain(values, &keep),
        Values::Text(strings) | Values::Bytes(strings) => strings.codes.retain(&keep),
        Values::Fixed { .. } => unreachable!("no attribute is an id"),
    }
}

/// Sets an attribute to true in some rows. Other rows keep what they have under its name.
fn set_flag(table: &mut TableBatch, rows: &[u32], key: &str) {
    let is_flag =
        |column: &AttributeColumn| &*column.key == key && column.kind == AttributeType::Bool;
    let before = table.attributes.iter().position(is_flag);
    let before = before.map(|index| table.attributes.remove(index));
    let mut flags: Vec<(u32, bool)> = rows.iter().map(|row| (*row, true)).collect();
    if let Some(AttributeColumn { column: Column { rows: Rows::Sparse(rows), values }, .. }) =
        before
        && let Values::Bool(values) = values
    {
        flags.extend(rows.iter().zip(values));
        flags.sort_unstable();
    }
    let mut column = AttributeColumn::new(key, AttributeType::Bool);
    flags.into_iter().for_each(|(row, flag)| column.push(row, &Value::Bool(flag)));
    if !column.column.is_empty() {
        table.attributes.push(column);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BatchBuilder, MetricPointRow, SeriesRow};
    use super::*;
    use crate::model::{Attribute, Signal, Timestamp};

    #[test]
    fn moved_series_keep_their_points_and_lose_their_labels() {
        let mut builder = BatchBuilder::new(Signal::Metrics, Timestamp(1));
        let id = |number: u8| SeriesId([number; 16]);
        for number in 0..4 {
            let text = number.to_string();
            let attribute = |key, value| Attribute { key, value, wire: b"wire" };
            let attributes = [
                attribute("label", Value::String(&text)),
                attribute("odd", Value::Empty),
                attribute("flag", Value::Bool(false)),
            ];
            builder.push_series(&SeriesRow {
                series_id: id(number),
                time: Timestamp(1),
                name: "metric",
                description: "",
                unit: "",
                kind: "gauge",
                temporality: None,
                is_monotonic: None,
                metadata: b"",
                attributes: &attributes,
            });
            builder.push_point(&MetricPointRow {
                series_id: id(number),
                time: Timestamp(i64::from(number)),
                ..MetricPointRow::default()
            });
        }
        let mut batch = builder.finish();
        let moved = HashMap::from([(id(1), id(9)), (id(3), id(9))]);
        batch.overflow(&moved, "flag");

        let ids = |table| match &batch.table(table).unwrap().columns[0].values {
            Values::Fixed { bytes, .. } => bytes.iter().step_by(16).copied().collect::<Vec<_>>(),
            _ => unreachable!(),
        };
        assert_eq!(ids(Table::Series), [0, 9, 2, 9]);
        assert_eq!(ids(Table::MetricPoints), [0, 9, 2, 9]);
        let series = batch.table(Table::Series).unwrap();
        let of = |key: &str| {
            let column = series.attributes.iter().find(|column| &*column.key == key).unwrap();
            let cells = (0..column.column.len())
                .map(|index| (column.column.row(index), column.value(index)));
            cells.collect::<Vec<_>>()
        };
        assert_eq!(of("label"), [(0, Value::String("0")), (2, Value::String("2"))]);
        let flags = [false, true, false, true].map(Value::Bool);
        assert_eq!(of("flag"), [0, 1, 2, 3].into_iter().zip(flags).collect::<Vec<_>>());
        assert_eq!(series.rest.len(), 2);
    }
}
