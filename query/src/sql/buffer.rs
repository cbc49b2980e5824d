//! Scans buffered rows as if they were a file.

use super::adapter;
use super::context::QueryContext;
use super::layout::Layout;
use arrow::array::AsArray;
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use binnacle_storage::Chunk;
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use std::sync::Arc;

/// One chunk in a scan.
#[derive(Debug)]
pub(super) struct ChunkScan {
    chunk: Arc<Chunk>,
    schema: SchemaRef,
    columns: Arc<[Arc<dyn PhysicalExpr>]>,
    /// Rows that fail it are dropped before the columns are made. It is checked again above the scan.
    filters: Arc<[Arc<dyn PhysicalExpr>]>,
    context: Arc<QueryContext>,
}

impl ChunkScan {
    pub(super) fn new(
        chunk: Arc<Chunk>,
        layout: &Arc<Layout>,
        projected: SchemaRef,
        filters: &[Arc<dyn PhysicalExpr>],
        context: Arc<QueryContext>,
    ) -> Result<ChunkScan> {
        let logical = layout.schema.clone();
        let physical = chunk.records.schema();
        let keys = chunk.attributes.clone();
        let adapter = adapter::adapter(layout.clone(), keys, logical.clone(), physical)?;
        let column = |name: &String| -> Result<Arc<dyn PhysicalExpr>> {
            adapter.rewrite(Arc::new(Column::new_with_schema(name, &logical)?))
        };
        let columns = projected.fields().iter().map(|field| column(field.name()));
        let columns = columns.collect::<Result<Vec<_>>>()?.into();
        let filters = filters.iter().map(|filter| adapter.rewrite(filter.clone()));
        let filters = filters.collect::<Result<Vec<_>>>()?.into();
        Ok(ChunkScan { chunk, schema: projected, columns, filters, context })
    }
}

fn scan(
    mut records: RecordBatch,
    filters: &[Arc<dyn PhysicalExpr>],
    columns: &[Arc<dyn PhysicalExpr>],
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    for filter in filters {
        let keep = filter.evaluate(&records)?.into_array(records.num_rows())?;
        let keep = keep
            .as_boolean_opt()
            .ok_or_else(|| internal_datafusion_err!("a filter is not a truth value"))?;
        records = filter_record_batch(&records, keep)?;
    }
    let rows = records.num_rows();
    let arrays = columns.iter().map(|column| column.evaluate(&records)?.into_array(rows));
    let arrays = arrays.collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema.clone(), arrays, &options)?)
}

impl PartitionStream for ChunkScan {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, task: Arc<TaskContext>) -> SendableRecordBatchStream {
        let step = task.session_config().batch_size();
        let records = self.chunk.records.clone();
        let (filters, columns) = (self.filters.clone(), self.columns.clone());
        let (schema, context) = (self.schema.clone(), self.context.clone());
        let starts = (0..records.num_rows()).step_by(step.max(1));
        let batches = starts.map(move |start| {
            let slice = records.slice(start, step.min(records.num_rows() - start));
            context.stats.add_rows_buffered(slice.num_rows() as u64);
            scan(slice, &filters, &columns, &schema)
        });
        let stream = futures::stream::iter(batches);
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), stream))
    }
}
