//! A stored table in one query: which files and chunks are read, and how.

use super::adapter::{AdapterFactory, SEGMENT_KEY};
use super::buffer::ChunkScan;
use super::context::QueryContext;
use super::layout::{Layout, file_schema};
use super::prune;
use super::reader::{ReaderFactory, file_name};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use binnacle_storage::model::{TimeRange, TraceId};
use binnacle_storage::segment::{AttributeKeys, Segment};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::config::TableParquetOptions;
use datafusion::common::{DFSchema, Result};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetRowSelection;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::union::UnionExec;
use futures::{StreamExt, TryStreamExt};
use parquet::arrow::arrow_reader::RowSelection;
use parquet::arrow::parquet_to_arrow_schema;
use std::collections::HashMap;
use std::sync::Arc;

/// Segments whose footers and indexes are looked up at the same time.
const LOOKUPS_AT_ONCE: usize = 8;

/// Scans name their files below this address; nothing else can be reached from SQL.
pub(super) const SEGMENTS_URL: &str = "binnacle://segments";

/// One stored table in one query.
#[derive(Debug)]
pub(super) struct StoredTable {
    pub(super) layout: Arc<Layout>,
    pub(super) context: Arc<QueryContext>,
}

/// A segment that will be read.
struct Selected {
    segment: Arc<Segment>,
    file: PartitionedFile,
    keys: Arc<AttributeKeys>,
}

#[async_trait]
impl TableProvider for StoredTable {
    fn schema(&self) -> SchemaRef {
        self.layout.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // The filter stays in the plan; the physical optimizer moves it into the files where they can check it.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let projected = match projection {
            Some(indices) => Arc::new(self.layout.schema.project(indices)?),
            None => self.layout.schema.clone(),
        };
        let live = self.context.snapshot.segment_count(self.layout.table) as u64;
        let Some(range) = prune::time_range(filters, self.layout.table.time_column()) else {
            self.context.stats.add_segments(live, live);
            return Ok(Arc::new(EmptyExec::new(projected)));
        };
        let selected = self.select(range, prune::trace_ids(filters)).await?;
        self.context.stats.add_segments(live, live.saturating_sub(selected.len() as u64));
        let mut parts = Vec::new();
        if !selected.is_empty() {
            parts.push(self.scan_files(state, selected, projection, limit)?);
        }
        parts.extend(self.scan_chunks(state, range, projected.clone(), filters)?);
        Ok(match parts.len() {
            0 => Arc::new(EmptyExec::new(projected)),
            1 => parts.remove(0),
            _ => UnionExec::try_new(parts)?,
        })
    }
}

impl StoredTable {
    /// The readable segments that may hold rows in `range` with one of `traces`.
    async fn select(
        &self,
        range: TimeRange,
        traces: Option<Vec<TraceId>>,
    ) -> Result<Vec<Selected>> {
        let traces = traces.filter(|_| self.layout.table.has_trace_index());
        let segments = self.context.snapshot.segments(self.layout.table, range);
        let segments = segments.into_iter().filter(|segment| !self.context.is_set_aside(segment));
        let looked_up = segments.map(|segment| {
            let traces = traces.clone();
            async move {
                let found = select_one(&segment, traces.as_deref()).await;
                Ok(match found {
                    Ok(found) => found.map(|(file, keys)| Selected { segment, file, keys }),
                    Err(error) => {
                        self.context.set_aside(&segment, &error);
                        None
                    }
                })
            }
        });
        let stream = futures::stream::iter(looked_up).buffered(LOOKUPS_AT_ONCE);
        stream.try_filter_map(|found| std::future::ready(Ok(found))).try_collect().await
    }

    fn scan_files(
        &self,
        state: &dyn Session,
        mut selected: Vec<Selected>,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let segments: Vec<_> = selected.iter().map(|one| one.segment.clone()).collect();
        self.context.note_opened(&segments);
        let readers = ReaderFactory {
            segments: segments.iter().map(|one| (file_name(one), one.clone())).collect(),
            context: self.context.clone(),
        };
        let keys: HashMap<_, _> = selected
            .iter()
            .map(|one| (one.segment.info().id.0.to_string(), one.keys.clone()))
            .collect();
        let adapters = AdapterFactory { layout: self.layout.clone(), keys };
        let source = ParquetSource::new(self.layout.schema.clone())
            .with_table_parquet_options(parquet_options(self.context.filter_pushdown))
            .with_parquet_file_reader_factory(Arc::new(readers));
        // The largest first, dealt out in turn, makes partitions of like size.
        selected.sort_by_key(|one| std::cmp::Reverse(one.segment.info().bytes));
        let partitions = state.config().target_partitions().clamp(1, selected.len().max(1));
        let mut groups = vec![Vec::new(); partitions];
        for (index, one) in selected.into_iter().enumerate() {
            groups[index % partitions].push(one.file);
        }
        let config =
            FileScanConfigBuilder::new(ObjectStoreUrl::parse(SEGMENTS_URL)?, Arc::new(source))
                .with_file_groups(groups.into_iter().map(FileGroup::new).collect())
                .with_limit(limit)
                .with_projection_indices(projection.cloned())?
                .with_expr_adapter(Some(Arc::new(adapters)))
                .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    fn scan_chunks(
        &self,
        state: &dyn Session,
        range: TimeRange,
        projected: SchemaRef,
        filters: &[Expr],
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let chunks = self.context.snapshot.chunks(self.layout.table, range);
        if chunks.is_empty() {
            return Ok(None);
        }
        let schema = DFSchema::try_from(self.layout.schema.clone())?;
        let filters =
            filters.iter().map(|filter| state.create_physical_expr(filter.clone(), &schema));
        let filters = filters.collect::<Result<Vec<_>>>()?;
        let scans = chunks.into_iter().map(|chunk| -> Result<Arc<dyn PartitionStream>> {
            let (projected, context) = (projected.clone(), self.context.clone());
            Ok(Arc::new(ChunkScan::new(chunk, &self.layout, projected, &filters, context)?))
        });
        let scans = scans.collect::<Result<Vec<_>>>()?;
        Ok(Some(Arc::new(StreamingTableExec::try_new(projected, scans, None, None, false, None)?)))
    }
}

/// How to read one segment; `None` when it has none of `traces`.
async fn select_one(
    segment: &Arc<Segment>,
    traces: Option<&[TraceId]>,
) -> Result<Option<(PartitionedFile, Arc<AttributeKeys>)>, binnacle_storage::Error> {
    let mut rows = Vec::new();
    for id in traces.unwrap_or_default() {
        rows.extend(segment.trace_rows(*id).await?);
    }
    if traces.is_some() && rows.is_empty() {
        return Ok(None);
    }
    let info = segment.info();
    let metadata = segment.metadata().await?;
    let corrupt =
        |detail: String| binnacle_storage::Error::Corrupt { id: info.id.0.to_string(), detail };
    let inferred = parquet_to_arrow_schema(metadata.file_metadata().schema_descr(), None);
    let schema = file_schema(&inferred.map_err(|error| corrupt(error.to_string()))?);
    let named = HashMap::from([(SEGMENT_KEY.to_owned(), info.id.0.to_string())]);
    let mut file = PartitionedFile::new(file_name(segment), info.bytes)
        .with_arrow_schema(Arc::new(schema.with_metadata(named)));
    if traces.is_some() {
        let total = usize::try_from(metadata.file_metadata().num_rows()).unwrap_or(0);
        file = file.with_extension(ParquetRowSelection::new(selection(rows, total)));
    }
    Ok(Some((file, segment.attributes().await?)))
}

fn selection(mut rows: Vec<u32>, total: usize) -> RowSelection {
    rows.sort_unstable();
    rows.dedup();
    let ranges = rows.chunk_by(|a, b| a + 1 == *b).map(|run| {
        let start = run[0] as usize;
        start..start + run.len()
    });
    let ranges = ranges.filter(|range| range.end <= total);
    RowSelection::from_consecutive_ranges(ranges, total)
}

fn parquet_options(filter_pushdown: bool) -> TableParquetOptions {
    let mut options = TableParquetOptions::default();
    options.global.pushdown_filters = filter_pushdown;
    options.global.reorder_filters = filter_pushdown;
    options.global.enable_page_index = true;
    // Segments have an exact trace index and no bloom filters.
    options.global.bloom_filter_on_read = false;
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_a_selection_of_runs() {
        let selection = selection(vec![7, 3, 4, 3], 10);
        assert_eq!(selection.row_count(), 3);
        let picked: Vec<_> = selection.iter().map(|part| (part.skip, part.row_count)).collect();
        assert_eq!(picked, [(true, 3), (false, 2), (true, 2), (false, 1), (true, 2)]);
    }
}
