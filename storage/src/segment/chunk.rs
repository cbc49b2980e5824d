//! Chunks: buffered rows in the shape of a segment's file, for queries.

use super::attributes::{self, AttributeKeys, Listing};
use super::column::StringMode;
use super::merge::Merge;
use super::order::{identity, row_count};
use super::schema::field;
use super::source::Source;
use crate::Error;
use crate::batch::TableBatch;
use crate::model::{Table, Timestamp};
use crate::snapshot::Chunk;
use arrow::array::Array;
use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use std::sync::{Arc, OnceLock};

/// Buffered rows of one table in the shape of a segment's file, unsorted. Strings are copied once per batch, not per row.
pub fn chunk(table: Table, batches: &[&TableBatch]) -> Result<Chunk, Error> {
    let sources: Vec<Source<'_>> = batches.iter().map(|batch| Source::Batch(batch)).collect();
    let rows = row_count(&sources)?;
    let positions = identity(rows);
    let chosen = if table.has_attributes() { attributes::choose(&sources)? } else { Vec::new() };
    let whole = 0..rows as u32;
    let merge = Merge {
        table,
        sources: &sources,
        positions: &positions,
        rows,
        extents: std::slice::from_ref(&whole),
        chosen: &chosen,
        weights: None,
        strings: Some(StringMode::Views),
    };
    let (mut fields, mut arrays, mut listed) = (Vec::new(), Vec::new(), Vec::new());
    let rest = merge.each_column(&mut |column| {
        fields.push(field(&column.name, column.kind, column.required));
        let array = column.slots.into_array()?;
        if let Some((key, kind)) = column.attribute {
            listed.push((key, kind, (array.len() - array.null_count()) as u64));
        }
        arrays.push(array);
        Ok(())
    })?;
    let keys: AttributeKeys =
        Listing::new(listed, rest.into_iter().next().unwrap_or_default()).keys();
    let records = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(super::column::encode_error)?;
    let times = batches.iter().filter(|batch| batch.rows > 0);
    Ok(Chunk {
        records,
        attributes: Arc::new(keys),
        time_min: times.clone().map(|b| b.time_min).min().unwrap_or(Timestamp(i64::MAX)),
        time_max: times.map(|b| b.time_max).max().unwrap_or(Timestamp(i64::MIN)),
        entries: Vec::new(),
        rollup: OnceLock::new(),
    })
}
