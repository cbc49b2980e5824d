//! Finding a trace without its index: reads the whole `trace_id` column.

use super::reader::{Segment, blocking};
use super::sidecar::corrupt;
use crate::Error;
use crate::model::TraceId;
use arrow::array::{Array, AsArray};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{ChunkReader, Length};
use std::sync::Arc;

/// Rows (ascending) of `segment` that have this trace id.
pub(super) async fn rows(
    metadata: Arc<ParquetMetaData>,
    segment: &Segment,
    id: TraceId,
) -> Result<Vec<u32>, Error> {
    let schema = metadata.file_metadata().schema_descr();
    let column = schema.columns().iter().position(|column| column.path().string() == "trace_id");
    let column = column.ok_or_else(|| corrupt("column trace_id is missing".into()))?;
    let chunks = metadata.row_groups().iter().filter_map(|group| group.columns().get(column));
    let ranges: Vec<_> = chunks
        .map(|chunk| {
            let (start, length) = chunk.byte_range();
            start..start.saturating_add(length)
        })
        .collect();
    let starts: Vec<u64> = ranges.iter().map(|range| range.start).collect();
    let chunks = starts.into_iter().zip(segment.read(ranges).await?).collect();
    let size = segment.info().bytes;
    blocking(move || scan(metadata, Chunks { size, chunks }, column, id)).await
}

fn scan(
    metadata: Arc<ParquetMetaData>,
    chunks: Chunks,
    column: usize,
    id: TraceId,
) -> Result<Vec<u32>, Error> {
    let broken = |error: &dyn std::fmt::Display| corrupt(format!("column trace_id: {error}"));
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata = ArrowReaderMetadata::try_new(metadata, options).map_err(|e| broken(&e))?;
    let mask = ProjectionMask::leaves(metadata.parquet_schema(), [column]);
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, metadata)
        .with_projection(mask)
        .with_batch_size(8_192)
        .build()
        .map_err(|error| broken(&error))?;
    let (mut found, mut first) = (Vec::new(), 0u32);
    for records in reader {
        let records = records.map_err(|error| broken(&error))?;
        let ids = records.column(0).as_fixed_size_binary_opt();
        let ids = ids.ok_or_else(|| broken(&"it does not hold ids"))?;
        let matching = (0..ids.len()).filter(|&row| ids.is_valid(row) && ids.value(row) == id.0);
        found.extend(matching.map(|row| first + row as u32));
        first += ids.len() as u32;
    }
    Ok(found)
}

/// The column's chunks, each at its place in the file.
struct Chunks {
    size: u64,
    chunks: Vec<(u64, Bytes)>,
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for Chunks {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        use bytes::Buf;
        let chunk = self.chunks.iter().find_map(|(at, bytes)| {
            let skip = usize::try_from(start.checked_sub(*at)?).ok()?;
            (skip < bytes.len()).then(|| bytes.slice(skip..))
        });
        chunk.map(Buf::reader).ok_or_else(outside)
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let chunk = self.chunks.iter().find_map(|(at, bytes)| {
            let skip = usize::try_from(start.checked_sub(*at)?).ok()?;
            let end = skip.checked_add(length)?;
            (end <= bytes.len()).then(|| bytes.slice(skip..end))
        });
        chunk.ok_or_else(outside)
    }
}

fn outside() -> ParquetError {
    ParquetError::EOF("a page lies outside of its column".into())
}
