//! `red` and `edges`: what spans add up to per minute, from the rollups of segments and of the buffer.

use super::context::QueryContext;
use super::{kept_rollup, prune};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use binnacle_storage::model::{Table, TimeRange};
use binnacle_storage::rollup::{RollupTable, whole_minutes};
use binnacle_storage::segment::Segment;
use binnacle_storage::{Chunk, Stitches, edges};
use bytes::Bytes;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use std::sync::Arc;

/// One rollup table in one query.
#[derive(Debug)]
pub(super) struct RollupScan {
    pub(super) table: RollupTable,
    pub(super) context: Arc<QueryContext>,
    pub(super) stitches: Stitches,
}

#[async_trait]
impl TableProvider for RollupScan {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let live = self.context.snapshot.rollups(TimeRange::all()).len() as u64;
        let Some(range) = prune::time_range(filters, "minute").map(whole_minutes) else {
            self.context.stats.add_segments(live, live);
            let projected = match projection {
                Some(indices) => Arc::new(self.schema().project(indices)?),
                None => self.schema(),
            };
            return Ok(Arc::new(EmptyExec::new(projected)));
        };
        match self.table {
            RollupTable::Red => self.scan_red(state, projection, range, live).await,
            RollupTable::Edges => self.scan_edges(projection, range, live).await,
        }
    }
}

impl RollupScan {
    /// The rows of every segment and chunk, as they are.
    async fn scan_red(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        range: TimeRange,
        live: u64,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let segments = self.context.snapshot.rollups(range);
        let mut parts = Vec::new();
        for segment in segments.iter().filter(|segment| !self.context.is_set_aside(segment)) {
            match segment.rollup().await {
                Ok(rollup) => {
                    self.context.stats.add_bytes_read(rollup.len() as u64);
                    parts.push(Part::File(segment.clone(), rollup));
                }
                Err(error) => self.context.set_aside(segment, &error),
            }
        }
        self.context.stats.add_segments(live, live.saturating_sub(parts.len() as u64));
        let chunks = self.context.snapshot.chunks(Table::Spans, range);
        parts.extend(chunks.into_iter().map(Part::Chunk));
        let schema = match projection {
            Some(indices) => Arc::new(self.schema().project(indices)?),
            None => self.schema(),
        };
        if parts.is_empty() {
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let partitions = state.config().target_partitions().clamp(1, parts.len());
        let mut dealt: Vec<Vec<Part>> = (0..partitions).map(|_| Vec::new()).collect();
        for (index, part) in parts.into_iter().enumerate() {
            dealt[index % partitions].push(part);
        }
        let streams = dealt.into_iter().map(|parts| -> Arc<dyn PartitionStream> {
            Arc::new(RedScan {
                schema: schema.clone(),
                projection: projection.cloned(),
                parts: Arc::new(parts),
                context: self.context.clone(),
            })
        });
        let streams = streams.collect();
        Ok(Arc::new(StreamingTableExec::try_new(schema, streams, None, None, false, None)?))
    }

    /// The calls of all spans of the snapshot, each minute and pair once.
    async fn scan_edges(
        &self,
        projection: Option<&Vec<usize>>,
        range: TimeRange,
        live: u64,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let edges = self.edges(range).await?;
        let read = self.context.snapshot.rollups(range).len() as u64;
        self.context.stats.add_segments(live, live.saturating_sub(read));
        let plan =
            MemorySourceConfig::try_new_exec(&[vec![edges]], self.schema(), projection.cloned())?;
        Ok(plan)
    }
}

impl RollupScan {
    /// Leaves out segments that turn out to be broken.
    async fn edges(&self, range: TimeRange) -> Result<RecordBatch> {
        let snapshot = &self.context.snapshot;
        let mut segments = snapshot.rollups(TimeRange::all());
        loop {
            segments.retain(|segment| !self.context.is_set_aside(segment));
            let count = segments.len();
            let error = match edges(snapshot, &segments, range, &self.stitches).await {
                Ok(edges) => return Ok(edges),
                Err(error) => error,
            };
            let broken = match &error {
                binnacle_storage::Error::Corrupt { id, .. } => {
                    segments.iter().find(|segment| segment.info().id.0.to_string() == *id)
                }
                _ => None,
            };
            match broken {
                Some(segment) if count > 0 => self.context.set_aside(segment, &error),
                _ => return Err(DataFusionError::External(error.into())),
            }
        }
    }
}

/// Where rows of `red` come from.
#[derive(Debug)]
enum Part {
    File(Arc<Segment>, Bytes),
    Chunk(Arc<Chunk>),
}

#[derive(Debug)]
struct RedScan {
    schema: SchemaRef,
    projection: Option<Vec<usize>>,
    parts: Arc<Vec<Part>>,
    context: Arc<QueryContext>,
}

impl PartitionStream for RedScan {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (parts, projection) = (self.parts.clone(), self.projection.clone());
        let context = self.context.clone();
        let batches = (0..parts.len()).map(move |index| {
            let batch = read(&parts[index], projection.as_deref())?;
            context.stats.add_rows_scanned(batch.num_rows() as u64);
            Ok(batch)
        });
        let stream = futures::stream::iter(batches);
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), stream))
    }
}

fn read(part: &Part, projection: Option<&[usize]>) -> Result<RecordBatch> {
    match part {
        Part::File(segment, file) => {
            let id = segment.info().id;
            kept_rollup::red(id, file, projection).map_err(|detail| {
                DataFusionError::Execution(format!("the rollup of segment {}: {detail}", id.0))
            })
        }
        Part::Chunk(chunk) => {
            let rollup = chunk.rollup().map_err(|error| DataFusionError::External(error.into()))?;
            Ok(match projection {
                Some(indices) => rollup.red.project(indices)?,
                None => rollup.red.clone(),
            })
        }
    }
}
