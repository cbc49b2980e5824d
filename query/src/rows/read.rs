//! Decoding row ranges of a segment's file.

use crate::{Error, QueryStats};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use binnacle_storage::segment::Segment;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, TryStreamExt};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection};
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use std::ops::Range;
use std::sync::Arc;

/// Rows of one decoded batch: as many as a page has.
const BATCH_ROWS: usize = 8192;

/// Which columns to read. Names the file does not have are passed over.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted<'a> {
    All,
    Named(&'a [String]),
}

/// A segment opened for reading rows. Texts and bytes come as views, as in the buffer's chunks.
pub(crate) struct SegmentRows {
    segment: Arc<Segment>,
    metadata: ArrowReaderMetadata,
    stats: Arc<QueryStats>,
}

impl SegmentRows {
    pub(crate) async fn open(
        segment: Arc<Segment>,
        stats: Arc<QueryStats>,
    ) -> Result<SegmentRows, Error> {
        let file = segment.metadata().await?;
        let options = || ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let plain = ArrowReaderMetadata::try_new(file.clone(), options()).map_err(unreadable)?;
        let schema = Arc::new(with_views(plain.schema()));
        let metadata = ArrowReaderMetadata::try_new(file, options().with_schema(schema))
            .map_err(unreadable)?;
        Ok(SegmentRows { segment, metadata, stats })
    }

    pub(crate) fn metadata(&self) -> &ParquetMetaData {
        self.metadata.metadata()
    }

    /// Reads `rows` (ascending, apart), in their order.
    pub(crate) async fn read(
        &self,
        wanted: Wanted<'_>,
        rows: &[Range<u32>],
    ) -> Result<Vec<RecordBatch>, Error> {
        let (groups, selection) = selection(self.metadata(), rows);
        let reader = Reader {
            segment: self.segment.clone(),
            metadata: self.metadata.metadata().clone(),
            stats: self.stats.clone(),
        };
        let stream =
            ParquetRecordBatchStreamBuilder::new_with_metadata(reader, self.metadata.clone())
                .with_projection(self.projection(wanted))
                .with_row_groups(groups)
                .with_row_selection(selection)
                .with_batch_size(BATCH_ROWS)
                .build()
                .map_err(unreadable)?;
        stream.try_collect().await.map_err(unreadable)
    }

    fn projection(&self, wanted: Wanted<'_>) -> ProjectionMask {
        let Wanted::Named(names) = wanted else {
            return ProjectionMask::all();
        };
        let fields = self.metadata.schema().fields().iter().enumerate();
        let roots =
            fields.filter(|(_, field)| names.contains(field.name())).map(|(index, _)| index);
        ProjectionMask::roots(self.metadata.parquet_schema(), roots)
    }
}

/// The row groups that hold any of `rows`, and which of their rows to keep.
fn selection(metadata: &ParquetMetaData, rows: &[Range<u32>]) -> (Vec<usize>, RowSelection) {
    let mut groups = Vec::new();
    let mut kept: Vec<Range<usize>> = Vec::new();
    let mut group_start = 0u64;
    let mut selected_rows = 0usize;
    let mut rest = rows;
    for (index, group) in metadata.row_groups().iter().enumerate() {
        let group_rows = u64::try_from(group.num_rows()).unwrap_or(0);
        let group_end = group_start + group_rows;
        let before = kept.len();
        while let Some(range) = rest.first() {
            let start = u64::from(range.start).max(group_start);
            let end = u64::from(range.end).min(group_end);
            if start < end {
                let offset = |row: u64| (row - group_start) as usize + selected_rows;
                kept.push(offset(start)..offset(end));
            }
            if u64::from(range.end) > group_end {
                break;
            }
            rest = &rest[1..];
        }
        if kept.len() > before {
            groups.push(index);
            selected_rows += group_rows as usize;
        }
        group_start = group_end;
    }
    (groups, RowSelection::from_consecutive_ranges(kept.into_iter(), selected_rows))
}

/// Single rows (ascending, distinct) as ranges.
pub(crate) fn ranges_of(rows: impl IntoIterator<Item = u32>) -> Vec<Range<u32>> {
    let mut ranges: Vec<Range<u32>> = Vec::new();
    for row in rows {
        match ranges.last_mut() {
            Some(last) if last.end == row => last.end = row + 1,
            _ => ranges.push(row..row + 1),
        }
    }
    ranges
}

/// The same columns with texts and bytes as views: values then share their dictionary page instead of being copied.
fn with_views(schema: &Schema) -> Schema {
    let fields = schema.fields().iter().map(|field| {
        let kind = match field.data_type() {
            DataType::Utf8 => DataType::Utf8View,
            DataType::Binary => DataType::BinaryView,
            other => other.clone(),
        };
        Field::new(field.name(), kind, field.is_nullable())
    });
    Schema::new(fields.collect::<Vec<_>>())
}

fn unreadable(error: ParquetError) -> Error {
    let error = match error {
        ParquetError::External(cause) => match cause.downcast::<binnacle_storage::Error>() {
            Ok(storage) => return Error::Storage(*storage),
            Err(cause) => ParquetError::External(cause),
        },
        other => other,
    };
    Error::Execution { message: format!("failed to read a segment: {error}") }
}

/// Feeds the Parquet reader from a segment.
struct Reader {
    segment: Arc<Segment>,
    metadata: Arc<ParquetMetaData>,
    stats: Arc<QueryStats>,
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move {
            let mut parts = self.get_byte_ranges(vec![range]).await?;
            parts.pop().ok_or_else(|| ParquetError::EOF("no bytes were read".to_owned()))
        }
        .boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        self.stats.add_bytes_read(ranges.iter().map(|range| range.end - range.start).sum());
        let read = self.segment.read(ranges);
        async move { read.await.map_err(|error| ParquetError::External(Box::new(error))) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        futures::future::ready(Ok(self.metadata.clone())).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_ranges() {
        assert_eq!(ranges_of([1, 2, 3, 7, 9, 10]), [1..4, 7..8, 9..11]);
        assert!(ranges_of([]).is_empty());
    }
}
