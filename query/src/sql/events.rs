//! `span_events` and `span_links`: rows decoded from the spans that carry them.

use super::attribute;
use super::context::QueryContext;
use super::layout::{AttributeColumn, Layout};
use super::proto::{self, AttributeList, Event, Link};
use super::provider::StoredTable;
use arrow::array::{
    ArrayRef, FixedSizeBinaryBuilder, StringViewBuilder, TimestampNanosecondArray, UInt32Array,
};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use binnacle_storage::batch::AttributeType;
use binnacle_storage::model::{Attribute, Table, Value};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, Result, internal_datafusion_err};
use datafusion::datasource::provider_as_source;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{
    Expr, LogicalPlanBuilder, TableProviderFilterPushDown, TableType, col,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use futures::StreamExt;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a row is decoded from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Events,
    Links,
}

impl Part {
    pub(super) fn sql_name(self) -> &'static str {
        match self {
            Part::Events => "span_events",
            Part::Links => "span_links",
        }
    }

    fn stored_column(self) -> &'static str {
        match self {
            Part::Events => "events",
            Part::Links => "links",
        }
    }

    fn attributes(self, message: &[u8]) -> Box<dyn Iterator<Item = Attribute<'_>> + '_> {
        match self {
            Part::Events => Box::new(Event::read(message).attributes()),
            Part::Links => Box::new(Link::read(message).attributes()),
        }
    }
}

/// Columns taken from the span: name here, name in `spans`.
const SPAN_COLUMNS: [(&str, &str); 5] = [
    ("trace_id", "trace_id"),
    ("span_id", "span_id"),
    ("service", "service"),
    ("span_name", "name"),
    ("span_start_time", "start_time"),
];

/// A column of an event or link itself.
#[derive(Debug, Clone, PartialEq)]
enum Own {
    Time,
    Name,
    LinkedTraceId,
    LinkedSpanId,
    TraceState,
    Flags,
    DroppedAttributesCount,
    Attributes,
    Attribute(String, AttributeType),
}

#[derive(Debug)]
pub(super) struct PartTable {
    part: Part,
    schema: SchemaRef,
    own: BTreeMap<String, Own>,
    context: Arc<QueryContext>,
}

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

impl PartTable {
    pub(super) fn new(
        part: Part,
        attributes: &BTreeMap<String, AttributeColumn>,
        context: Arc<QueryContext>,
    ) -> PartTable {
        let mut fields = vec![
            Field::new("trace_id", DataType::FixedSizeBinary(16), false),
            Field::new("span_id", DataType::FixedSizeBinary(8), false),
            Field::new("service", DataType::Utf8View, false),
            Field::new("span_name", DataType::Utf8View, false),
            Field::new("span_start_time", timestamp(), false),
        ];
        let mut own = vec![];
        match part {
            Part::Events => own.extend([
                (Field::new("time", timestamp(), false), Own::Time),
                (Field::new("name", DataType::Utf8View, false), Own::Name),
            ]),
            Part::Links => own.extend([
                (
                    Field::new("linked_trace_id", DataType::FixedSizeBinary(16), true),
                    Own::LinkedTraceId,
                ),
                (
                    Field::new("linked_span_id", DataType::FixedSizeBinary(8), true),
                    Own::LinkedSpanId,
                ),
                (Field::new("trace_state", DataType::Utf8View, false), Own::TraceState),
                (Field::new("flags", DataType::UInt32, false), Own::Flags),
            ]),
        }
        let count = Field::new("dropped_attributes_count", DataType::UInt32, false);
        own.push((count, Own::DroppedAttributesCount));
        own.push((Field::new("attributes", DataType::Utf8View, false), Own::Attributes));
        let rows = attributes.iter().filter(|(_, column)| column.list == AttributeList::Row);
        own.extend(rows.map(|(name, column)| {
            let field = Field::new(name, attribute::data_type(column.kind), true);
            (field, Own::Attribute(column.key.clone(), column.kind))
        }));
        fields.extend(own.iter().map(|(field, _)| field.clone()));
        let own = own.into_iter().map(|(field, own)| (field.name().clone(), own)).collect();
        PartTable { part, schema: Arc::new(Schema::new(fields)), own, context }
    }

    /// Filters that can be asked of the span, in its columns' names.
    fn span_filters(&self, filters: &[Expr]) -> Result<Vec<Expr>> {
        let here = |name: &str| SPAN_COLUMNS.iter().find(|(own, _)| *own == name);
        let about_span =
            |filter: &&Expr| filter.column_refs().iter().all(|c| here(&c.name).is_some());
        let rename = |filter: &Expr| {
            let renamed = filter.clone().transform(|expr| match &expr {
                Expr::Column(column) => match here(&column.name) {
                    Some((_, span)) => {
                        Ok(Transformed::yes(Expr::Column(Column::new_unqualified(*span))))
                    }
                    None => Ok(Transformed::no(expr)),
                },
                _ => Ok(Transformed::no(expr)),
            });
            renamed.data()
        };
        filters.iter().filter(about_span).map(rename).collect()
    }
}

#[async_trait]
impl TableProvider for PartTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
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
        let projected = match projection {
            Some(indices) => Arc::new(self.schema.project(indices)?),
            None => self.schema.clone(),
        };
        let stored = self.part.stored_column();
        let names = ["trace_id", "span_id", "service", "name", "start_time", stored];
        let layout = Arc::new(Layout::stored(Table::Spans, &names));
        let spans = StoredTable { layout, context: self.context.clone() };
        let mut plan =
            LogicalPlanBuilder::scan("spans", provider_as_source(Arc::new(spans)), None)?
                .filter(col(stored).is_not_null())?;
        for filter in self.span_filters(filters)? {
            plan = plan.filter(filter)?;
        }
        let wanted = SPAN_COLUMNS.iter().filter(|(own, _)| projected.index_of(own).is_ok());
        let wanted = wanted.map(|(_, span)| col(*span)).chain([col(stored)]);
        let plan = plan.project(wanted)?.build()?;
        let spans = state.create_physical_plan(&plan).await?;
        self.context.note_plan(&spans);
        let partitions = spans.output_partitioning().partition_count();
        let parts = (0..partitions).map(|partition| -> Arc<dyn PartitionStream> {
            let own = projected.fields().iter().filter_map(|field| {
                Some((field.name().clone(), self.own.get(field.name())?.clone()))
            });
            Arc::new(PartScan {
                part: self.part,
                schema: projected.clone(),
                own: Arc::new(own.collect()),
                spans: spans.clone(),
                partition,
            })
        });
        let parts = parts.collect();
        Ok(Arc::new(StreamingTableExec::try_new(projected, parts, None, None, false, None)?))
    }
}

#[derive(Debug)]
struct PartScan {
    part: Part,
    schema: SchemaRef,
    own: Arc<BTreeMap<String, Own>>,
    spans: Arc<dyn ExecutionPlan>,
    partition: usize,
}

impl PartitionStream for PartScan {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, task: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (part, schema, own) = (self.part, self.schema.clone(), self.own.clone());
        let stream = match self.spans.execute(self.partition, task) {
            Ok(spans) => spans.map(move |batch| decode(part, &batch?, &schema, &own)).boxed(),
            Err(error) => futures::stream::once(std::future::ready(Err(error))).boxed(),
        };
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), stream))
    }
}

/// The events or links of a batch of spans.
fn decode(
    part: Part,
    spans: &RecordBatch,
    schema: &SchemaRef,
    own: &BTreeMap<String, Own>,
) -> Result<RecordBatch> {
    let stored = spans
        .column_by_name(part.stored_column())
        .ok_or_else(|| internal_datafusion_err!("the spans came without their {part:?}"))?;
    let stored = attribute::binary(stored)?;
    let mut rows = Vec::new();
    let mut messages = Vec::new();
    for (row, list) in stored.iter().enumerate() {
        for message in list.into_iter().flat_map(|list| proto::messages(list, 1)) {
            rows.push(row as u32);
            messages.push(message);
        }
    }
    let rows = UInt32Array::from(rows);
    let columns = schema.fields().iter().map(|field| match own.get(field.name()) {
        Some(own) => own_column(part, own, &messages),
        None => {
            let span = SPAN_COLUMNS.iter().find(|(own, _)| own == field.name());
            let column = span.and_then(|(_, span)| spans.column_by_name(span));
            let column =
                column.ok_or_else(|| internal_datafusion_err!("no column {}", field.name()))?;
            Ok(take(column, &rows, None)?)
        }
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(messages.len()));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
}

fn own_column(part: Part, own: &Own, messages: &[&[u8]]) -> Result<ArrayRef> {
    let events = || messages.iter().map(|message| Event::read(message));
    let links = || messages.iter().map(|message| Link::read(message));
    let text = |values: &mut dyn Iterator<Item = &str>| -> ArrayRef {
        let mut out = StringViewBuilder::with_capacity(messages.len());
        values.for_each(|value| out.append_value(value));
        Arc::new(out.finish())
    };
    Ok(match own {
        Own::Time => {
            let nanos = |event: Event<'_>| i64::try_from(event.time).unwrap_or(i64::MAX);
            let times: TimestampNanosecondArray = events().map(nanos).map(Some).collect();
            Arc::new(times.with_timezone("UTC"))
        }
        Own::Name => text(&mut events().map(|event| event.name)),
        Own::TraceState => text(&mut links().map(|link| link.trace_state)),
        Own::LinkedTraceId => ids(16, links().map(|link| link.trace_id))?,
        Own::LinkedSpanId => ids(8, links().map(|link| link.span_id))?,
        Own::Flags => Arc::new(links().map(|link| Some(link.flags)).collect::<UInt32Array>()),
        Own::DroppedAttributesCount => {
            let count = |message: &&[u8]| match part {
                Part::Events => Event::read(message).dropped_attributes_count,
                Part::Links => Link::read(message).dropped_attributes_count,
            };
            let counts = messages.iter().map(count).map(|count| Some(count as u32));
            Arc::new(counts.collect::<UInt32Array>())
        }
        Own::Attributes => {
            let mut out = StringViewBuilder::with_capacity(messages.len());
            let mut json = String::new();
            for message in messages {
                json.clear();
                let attributes = part.attributes(message).map(|a| (a.key, a.value));
                proto::put_json_object(&mut json, attributes);
                out.append_value(&json);
            }
            Arc::new(out.finish())
        }
        Own::Attribute(key, kind) => attribute::build(*kind, messages.len(), |row| {
            let mut attributes = part.attributes(messages[row]);
            attributes.find(|attribute| attribute.key == key).map_or(Value::Empty, |a| a.value)
        }),
    })
}

/// Ids of one width; one of another width is none.
fn ids<'a>(width: usize, ids: impl Iterator<Item = &'a [u8]>) -> Result<ArrayRef> {
    let mut out = FixedSizeBinaryBuilder::new(width as i32);
    for id in ids {
        if id.len() == width {
            out.append_value(id)?;
        } else {
            out.append_null();
        }
    }
    Ok(Arc::new(out.finish()))
}
