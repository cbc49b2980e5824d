//! System tables: what is stored where, and tables the wiring provides.

use super::context::QueryContext;
use arrow::array::{
    ArrayRef, Int32Array, StringArray, TimestampNanosecondArray, UInt32Array, UInt64Array,
};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use binnacle_storage::batch::AttributeType;
use binnacle_storage::model::{Table, TimeRange};
use binnacle_storage::segment::AttributeKeys;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// As many as plans read at once.
const ROWS_AT_ONCE: usize = 8_192;

type MakeRows = dyn Fn() -> BoxFuture<'static, Result<RecordBatch>> + Send + Sync;

/// A table whose rows are made when a query reads it.
pub(super) struct SystemTable {
    schema: SchemaRef,
    rows: Box<MakeRows>,
}

impl SystemTable {
    pub(super) fn new(
        schema: SchemaRef,
        rows: impl Fn() -> BoxFuture<'static, Result<RecordBatch>> + Send + Sync + 'static,
    ) -> SystemTable {
        SystemTable { schema, rows: Box::new(rows) }
    }
}

impl fmt::Debug for SystemTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemTable").field("schema", &self.schema).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for SystemTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = (self.rows)().await?;
        let plan = MemorySourceConfig::try_new_exec(
            &[apart(&rows)?],
            self.schema.clone(),
            projection.cloned(),
        )?;
        Ok(plan)
    }
}

/// Rows in batches that share no memory. Plans slice what is larger, and each slice would count for the memory of the whole.
fn apart(rows: &RecordBatch) -> Result<Vec<RecordBatch>> {
    let starts = (0..rows.num_rows()).step_by(ROWS_AT_ONCE);
    let copy = |start: usize| {
        let rows = rows.slice(start, ROWS_AT_ONCE.min(rows.num_rows() - start));
        let all = UInt32Array::from_iter_values(0..rows.num_rows() as u32);
        Ok(take_record_batch(&rows, &all)?)
    };
    starts.map(copy).collect()
}

/// `segments`: one row per segment of the snapshot.
pub(super) fn segments(context: Arc<QueryContext>) -> SystemTable {
    let time = || DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Utf8, false),
        Field::new("table", DataType::Utf8, false),
        Field::new("day", DataType::Date32, false),
        Field::new("level", DataType::UInt32, false),
        Field::new("part", DataType::UInt32, false),
        Field::new("time_min", time(), false),
        Field::new("time_max", time(), false),
        Field::new("ingested_max", time(), false),
        Field::new("rows", DataType::UInt64, false),
        Field::new("bytes", DataType::UInt64, false),
        Field::new("footer_bytes", DataType::UInt64, false),
        Field::new("index_bytes", DataType::UInt64, false),
        Field::new("schema_version", DataType::UInt32, false),
        Field::new("sort_version", DataType::UInt32, false),
    ]));
    let of = schema.clone();
    SystemTable::new(schema, move || {
        let rows = segment_rows(&context, of.clone());
        Box::pin(std::future::ready(rows))
    })
}

fn segment_rows(context: &QueryContext, schema: SchemaRef) -> Result<RecordBatch> {
    let segments = context.snapshot.all_segments();
    let infos = || segments.iter().map(|segment| segment.info());
    let time = |nanos: Vec<i64>| -> ArrayRef {
        Arc::new(TimestampNanosecondArray::from(nanos).with_timezone("UTC"))
    };
    let days = Int32Array::from_iter_values(infos().map(|info| info.day));
    let number = |values: Vec<u64>| -> ArrayRef { Arc::new(UInt64Array::from(values)) };
    let small = |values: Vec<u32>| -> ArrayRef { Arc::new(UInt32Array::from(values)) };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(infos().map(|info| info.id.0.to_string()))),
        Arc::new(StringArray::from_iter_values(infos().map(|info| info.table.name()))),
        arrow::compute::cast(&days, &DataType::Date32)?,
        small(infos().map(|info| info.level).collect()),
        small(infos().map(|info| info.part).collect()),
        time(infos().map(|info| info.time_min.0).collect()),
        time(infos().map(|info| info.time_max.0).collect()),
        time(infos().map(|info| info.ingested_max.0).collect()),
        number(infos().map(|info| info.rows).collect()),
        number(infos().map(|info| info.bytes).collect()),
        number(infos().map(|info| info.footer_bytes).collect()),
        number(infos().map(|info| info.index_bytes).collect()),
        small(infos().map(|info| info.schema_version).collect()),
        small(infos().map(|info| info.sort_version).collect()),
    ];
    Ok(RecordBatch::try_new(schema, columns)?)
}

/// `attribute_keys`: which attributes there are, with which types, in how many segments.
pub(super) fn attribute_keys(context: Arc<QueryContext>) -> SystemTable {
    let schema = Arc::new(Schema::new(vec![
        Field::new("table", DataType::Utf8, false),
        Field::new("key", DataType::Utf8, false),
        Field::new("type", DataType::Utf8, true),
        Field::new("segments", DataType::UInt64, false),
        Field::new("chunks", DataType::UInt64, false),
    ]));
    let of = schema.clone();
    SystemTable::new(schema, move || {
        let (context, schema) = (context.clone(), of.clone());
        Box::pin(async move { attribute_key_rows(&context, schema).await })
    })
}

/// `type` is null for values without a column: rare keys, and values of another type than the column's.
type KeyCounts = BTreeMap<(&'static str, String, Option<AttributeType>), [u64; 2]>;

async fn attribute_key_rows(context: &QueryContext, schema: SchemaRef) -> Result<RecordBatch> {
    let mut counts = KeyCounts::new();
    for segment in context.snapshot.all_segments() {
        match segment.attributes().await {
            Ok(keys) => count_keys(&mut counts, segment.info().table, &keys, 0),
            Err(error) => context.set_aside(segment, &error),
        }
    }
    for table in Table::ALL {
        for chunk in context.snapshot.chunks(table, TimeRange::all()) {
            count_keys(&mut counts, table, &chunk.attributes, 1);
        }
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(counts.keys().map(|(table, _, _)| table))),
        Arc::new(StringArray::from_iter_values(counts.keys().map(|(_, key, _)| key))),
        Arc::new(StringArray::from_iter(counts.keys().map(|(_, _, kind)| kind.map(|k| k.name())))),
        Arc::new(UInt64Array::from_iter_values(counts.values().map(|counts| counts[0]))),
        Arc::new(UInt64Array::from_iter_values(counts.values().map(|counts| counts[1]))),
    ];
    Ok(RecordBatch::try_new(schema, columns)?)
}

fn count_keys(counts: &mut KeyCounts, table: Table, keys: &AttributeKeys, place: usize) {
    let mut count = |key: &str, kind| {
        counts.entry((table.name(), key.to_owned(), kind)).or_default()[place] += 1;
    };
    keys.columns.iter().for_each(|(key, kind)| count(key, Some(*kind)));
    keys.rest.iter().flatten().for_each(|key| count(key, None));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_of_a_large_table_hold_their_own_rows_alone() {
        let names = (0..100_000).map(|number| format!("a name of some length {number}"));
        let names: ArrayRef = Arc::new(StringArray::from_iter_values(names));
        let rows = RecordBatch::try_from_iter([("name", names)]).unwrap();
        let batches = apart(&rows).unwrap();
        assert_eq!(batches.len(), 13);
        let bytes: usize = batches.iter().map(RecordBatch::get_array_memory_size).sum();
        assert!(bytes < 2 * rows.get_array_memory_size(), "{bytes}");
        let again = arrow::compute::concat_batches(&rows.schema(), &batches).unwrap();
        assert_eq!(again, rows);
        assert!(apart(&rows.slice(0, 0)).unwrap().is_empty());
    }
}
