//! Decoding row ranges of a segment's file.

use super::pick::{Dictionaries, plan};
use crate::pages::Unreadable;
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

/// As many as pages usually have.
const PAGE_ROWS: u32 = 8192;

/// Rows are picked one by one where fewer than one in so many of their pages' rows are wanted.
const PICKED_OF: u64 = 8;

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
    dictionaries: Dictionaries,
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
        Ok(SegmentRows { segment, metadata, dictionaries: Dictionaries::default(), stats })
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
        if are_few(rows)
            && let Some(batches) = self.pick(wanted, rows).await?
        {
            return Ok(batches);
        }
        self.decode(wanted, rows).await
    }

    /// Reads single rows; `None` when their pages are not such as we write.
    pub(super) async fn pick(
        &self,
        wanted: Wanted<'_>,
        rows: &[Range<u32>],
    ) -> Result<Option<Vec<RecordBatch>>, Error> {
        let metadata = self.metadata();
        let Ok(picked) = plan(metadata, &self.leaves(wanted), rows) else { return Ok(None) };
        let mut batches = Vec::with_capacity(picked.len());
        for picked in picked {
            let Ok(places) = picked.places(metadata, &self.dictionaries) else { return Ok(None) };
            self.stats.add_bytes_read(places.iter().map(|place| place.end - place.start).sum());
            let mut read = self.segment.read(places).await?.into_iter();
            let schema = self.metadata.schema();
            let segment = self.segment.info().id;
            match picked.batch(segment, metadata, schema, &self.dictionaries, &mut read) {
                Ok(batch) => batches.push(batch),
                Err(Unreadable) => return Ok(None),
            }
        }
        Ok(Some(batches))
    }

    /// Reads whole pages.
    pub(super) async fn decode(
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
        ProjectionMask::leaves(self.metadata.parquet_schema(), self.leaves(wanted))
    }

    /// Columns are flat: the number of a field is that of its column.
    fn leaves(&self, wanted: Wanted<'_>) -> Vec<usize> {
        let fields = self.metadata.schema().fields().iter().enumerate();
        let is_wanted = |name: &String| match wanted {
            Wanted::All => true,
            Wanted::Named(names) => names.contains(name),
        };
        fields.filter(|(_, field)| is_wanted(field.name())).map(|(leaf, _)| leaf).collect()
    }
}

/// Whether so few rows are wanted of their pages that picking them costs less.
fn are_few(rows: &[Range<u32>]) -> bool {
    let wanted: u64 = rows.iter().map(|range| u64::from(range.end - range.start)).sum();
    let mut pages = 0;
    let mut next = 0;
    for range in rows {
        let (first, last) = (range.start / PAGE_ROWS, range.end.saturating_sub(1) / PAGE_ROWS);
        pages += u64::from((last + 1).saturating_sub(first.max(next)));
        next = next.max(last + 1);
    }
    wanted * PICKED_OF < pages * u64::from(PAGE_ROWS)
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
