//! The series of a segment as a batch again, as far as counting them needs.

use super::file::SegmentFile;
use super::place::each_bytes;
use crate::Error;
use crate::batch::{AttributeColumn, Column, TableBatch, Values};
use crate::model::Table;
use arrow::array::AsArray;
use arrow::datatypes::TimestampNanosecondType;

const COLUMNS: [&str; 5] = ["series_id", "name", "type", "service", "ingested_at"];

impl SegmentFile {
    /// Ids, names, types, services, times of arrival and attributes that have a column.
    pub fn series(&self) -> Result<TableBatch, Error> {
        let mut batch = TableBatch::empty(Table::Series);
        batch.rows = self.rows();
        for name in COLUMNS {
            let Some(index) = Table::Series.column_index(name) else { continue };
            let column = &mut batch.columns[index];
            self.fill(name, column)?;
            if column.len() != self.rows() as usize {
                return Err(self.corrupt(format!("column {name} has no value in some rows")));
            }
        }
        let mut keys = Vec::new();
        self.each_attribute_column(&mut |key, kind, _| keys.push((key.to_owned(), kind)));
        for (key, kind) in keys {
            let mut attribute = AttributeColumn::new(&key, kind);
            self.each_value(&key, kind, &mut |row, value| {
                attribute.push(row, value);
                Ok(())
            })?;
            batch.attributes.push(attribute);
        }
        Ok(batch)
    }

    fn fill(&self, name: &str, column: &mut Column) -> Result<(), Error> {
        let unexpected = || self.corrupt(format!("column {name} has an unexpected type"));
        let width = match &column.values {
            Values::Fixed { width, .. } => Some(*width),
            _ => None,
        };
        let is_int = matches!(column.values, Values::Int(_));
        self.read(name, &mut |first, array| match width {
            None if is_int => {
                let array = array.as_primitive_opt::<TimestampNanosecondType>();
                let values = array.ok_or_else(unexpected)?.values();
                let rows = (first..).zip(values.iter());
                rows.for_each(|(row, value)| column.push_int(row, *value));
                Ok(())
            }
            Some(width) => {
                let ids = array.as_fixed_size_binary_opt().ok_or_else(unexpected)?;
                if ids.value_length() as usize != width {
                    return Err(unexpected());
                }
                let rows = (first..).zip(ids.iter().flatten());
                rows.for_each(|(row, id)| column.push_bytes(row, id));
                Ok(())
            }
            None => each_bytes(array, &mut |row, value| {
                column.push_bytes(first + row as u32, value);
                Ok(())
            }),
        })
    }
}
