//! Reads segment files for DataFusion's Parquet scan: cached metadata, counted bytes.

use super::context::QueryContext;
use binnacle_storage::segment::Segment;
use bytes::Bytes;
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{
    ParquetFileMetrics, ParquetFileReaderFactory,
};
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet};
use futures::FutureExt;
use futures::future::BoxFuture;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::ParquetMetaData;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Finds the segment of a file in a scan.
#[derive(Debug)]
pub(super) struct ReaderFactory {
    /// File name in the scan → segment.
    pub(super) segments: HashMap<String, Arc<Segment>>,
    pub(super) context: Arc<QueryContext>,
}

/// A segment's name in a scan.
pub(super) fn file_name(segment: &Segment) -> String {
    format!("{}.parquet", segment.info().id.0)
}

impl ParquetFileReaderFactory for ReaderFactory {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        _metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let name = file.object_meta.location.as_ref();
        let segment = self.segments.get(name).cloned();
        let segment = segment.ok_or_else(|| exec_datafusion_err!("{name} is not in this scan"))?;
        let scanned = ParquetFileMetrics::new(partition, name, metrics).bytes_scanned;
        Ok(Box::new(SegmentReader { segment, context: self.context.clone(), scanned }))
    }
}

/// Reads one segment outside of a scan.
pub(super) fn open(segment: Arc<Segment>, context: Arc<QueryContext>) -> impl AsyncFileReader {
    SegmentReader { segment, context, scanned: Count::new() }
}

struct SegmentReader {
    segment: Arc<Segment>,
    context: Arc<QueryContext>,
    /// The scan's own count, for `EXPLAIN ANALYZE`.
    scanned: Count,
}

impl SegmentReader {
    fn failed(&self, error: binnacle_storage::Error) -> ParquetError {
        self.context.set_aside(&self.segment, &error);
        ParquetError::External(Box::new(error))
    }

    async fn read(&self, ranges: Vec<Range<u64>>) -> ParquetResult<Vec<Bytes>> {
        let bytes: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        let read = self.segment.read(ranges).await.map_err(|error| self.failed(error))?;
        self.context.stats.add_bytes_read(bytes);
        self.scanned.add(usize::try_from(bytes).unwrap_or(usize::MAX));
        Ok(read)
    }
}

impl AsyncFileReader for SegmentReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        async move {
            let mut read = self.read(vec![range]).await?;
            read.pop().ok_or_else(|| ParquetError::General("a read returned nothing".to_owned()))
        }
        .boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        self.read(ranges).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move { self.segment.metadata().await.map_err(|error| self.failed(error)) }.boxed()
    }
}
