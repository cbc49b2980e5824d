//! Building a batch: rows in, columns out.

use super::column::{AttributeColumn, AttributeType, Column};
use super::interner::is_equal;
use super::row_writer::{RESOURCE, RowWriter, SCOPE, SERVICE};
use super::rows::{ExemplarRow, LogRow, MetricPointRow, SeriesRow, SpanRow, TimeOrigin};
use crate::model::{Attribute, ColumnKind, Signal, Table, Timestamp};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::cell::RefCell;
use std::hash::BuildHasher;

/// Most attribute columns in one batch; keys beyond go into `rest`. Keeps a request of 10,000 distinct keys from
/// building as many columns, and is far more than a segment shreds.
const ATTRIBUTE_COLUMNS_MAX: usize = 512;

/// A builder with more columns or memory is not kept for the next request.
const SPARE_COLUMNS_MAX: usize = 128;
const SPARE_BYTES_MAX: usize = 4 << 20;

thread_local! {
    /// Builders of earlier requests: growing fresh columns costs more than filling them.
    static SPARE: RefCell<Vec<TableBuilder>> = const { RefCell::new(Vec::new()) };
}

/// Rows of one table, by column.
#[derive(Debug, Clone)]
pub struct TableBatch {
    pub table: Table,
    pub rows: u32,
    /// One per [`Table::columns`], in that order.
    pub columns: Vec<Column>,
    /// Attributes that have a type and came before the limit of columns.
    pub attributes: Vec<AttributeColumn>,
    /// All other attributes: `(row, KeyValue message)`, rows ascending.
    pub rest: Column,
    /// Smallest and largest value of the table's time column; meaningless without rows.
    pub time_min: Timestamp,
    pub time_max: Timestamp,
}

/// What one request carries, decoded: the tables of one signal, without the empty ones.
#[derive(Debug, Clone)]
pub struct Batch {
    pub signal: Signal,
    pub tables: Vec<TableBatch>,
}

impl Batch {
    pub fn table(&self, table: Table) -> Option<&TableBatch> {
        self.tables.iter().find(|batch| batch.table == table)
    }

    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Rows over all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|batch| u64::from(batch.rows)).sum()
    }

    /// Bytes of memory held.
    pub fn memory(&self) -> usize {
        self.tables.iter().map(TableBatch::memory).sum()
    }
}

impl TableBatch {
    /// Without rows.
    pub(crate) fn empty(table: Table) -> TableBatch {
        let columns = table.columns().iter();
        TableBatch {
            table,
            rows: 0,
            columns: columns.map(|spec| Column::new(spec.kind, spec.required)).collect(),
            attributes: Vec::new(),
            rest: Column::new(ColumnKind::Bytes, false),
            time_min: Timestamp(i64::MAX),
            time_max: Timestamp(i64::MIN),
        }
    }

    pub fn column(&self, name: &str) -> Option<&Column> {
        self.table.column_index(name).map(|index| &self.columns[index])
    }

    /// Bytes of memory held.
    pub fn memory(&self) -> usize {
        let attributes =
            self.attributes.iter().map(|a| a.column.memory() + size_of::<AttributeColumn>());
        self.columns.iter().map(|column| column.memory() + size_of::<Column>()).sum::<usize>()
            + attributes.sum::<usize>()
            + self.rest.memory()
    }
}

/// Appends rows to the tables of one signal.
///
/// [`BatchBuilder::resource`] and [`BatchBuilder::scope`] say whose rows follow. Rows are taken whole: a decoder checks
/// a record before it pushes it.
#[derive(Debug)]
pub struct BatchBuilder {
    signal: Signal,
    ingested_at: Timestamp,
    resource: Vec<u8>,
    service: String,
    scope: Vec<u8>,
    tables: Vec<TableBuilder>,
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct TableBuilder {
    batch: TableBatch,
    /// `(key, type)` → index into `batch.attributes`.
    index: HashTable<u32>,
    hasher: RandomState,
    /// Which column followed column `i` the last time: senders repeat their attributes in one order.
    next: Vec<u32>,
    last: usize,
    /// Codes of the current service, resource and scope.
    known: [Option<u32>; 3],
}

impl BatchBuilder {
    /// `ingested_at` is our clock's time of arrival, recorded with every row.
    pub fn new(signal: Signal, ingested_at: Timestamp) -> BatchBuilder {
        let tables = Table::ALL.into_iter().filter(|table| table.signal() == signal);
        let tables = tables.map(TableBuilder::take).collect();
        BatchBuilder {
            signal,
            ingested_at,
            resource: Vec::new(),
            service: String::new(),
            scope: Vec::new(),
            tables,
            scratch: Vec::new(),
        }
    }

    /// The resource of the rows that follow. `message`: the bytes of a `ResourceSpans` (or logs, metrics) message holding
    /// its fields `resource` (1) and `schema_url` (3) only. `service`: its `service.name`, empty without one.
    pub fn resource(&mut self, message: &[u8], service: &str) {
        self.resource.clear();
        self.resource.extend_from_slice(message);
        self.service.clear();
        self.service.push_str(service);
        for table in &mut self.tables {
            table.known[SERVICE] = None;
            table.known[RESOURCE] = None;
        }
    }

    /// The scope of the rows that follow. `message`: the bytes of a `ScopeSpans` (or logs, metrics) message holding its
    /// fields `scope` (1) and `schema_url` (3) only.
    pub fn scope(&mut self, message: &[u8]) {
        self.scope.clear();
        self.scope.extend_from_slice(message);
        self.tables.iter_mut().for_each(|table| table.known[SCOPE] = None);
    }

    pub fn push_span(&mut self, span: &SpanRow<'_>) {
        let BatchBuilder { tables, resource, service, scope, ingested_at, scratch, .. } = self;
        let table = table(tables, Table::Spans);
        let mut row = table.row(span.start_time);
        row.bytes(&span.trace_id.0);
        row.bytes(&span.span_id.0);
        row.optional_bytes(span.parent_span_id.as_ref().map(|id| id.0.as_slice()));
        row.non_empty(span.trace_state);
        row.non_zero(span.flags);
        row.known(SERVICE, service.as_bytes());
        row.bytes(span.name.as_bytes());
        row.int(i64::from(span.kind));
        row.int(span.start_time.0);
        row.int(span.end_time.0.wrapping_sub(span.start_time.0));
        row.int(i64::from(span.status_code));
        row.non_empty(span.status_message);
        row.non_zero(span.dropped_attributes_count);
        row.non_zero(span.dropped_events_count);
        row.non_zero(span.dropped_links_count);
        row.list(span.events, scratch);
        row.list(span.links, scratch);
        row.known(RESOURCE, resource);
        row.known(SCOPE, scope);
        row.int(ingested_at.0);
        row.optional_int(None);
        table.finish_row(span.attributes);
    }

    pub fn push_log(&mut self, log: &LogRow<'_>) {
        let BatchBuilder { tables, resource, service, scope, ingested_at, .. } = self;
        let table = table(tables, Table::Logs);
        let origin = (log.time_origin != TimeOrigin::Sent).then_some(log.time_origin as i64);
        let mut row = table.row(log.time);
        row.int(log.time.0);
        row.optional_int(origin);
        row.optional_int(log.observed_time.map(|time| time.0));
        row.optional_bytes(log.trace_id.as_ref().map(|id| id.0.as_slice()));
        row.optional_bytes(log.span_id.as_ref().map(|id| id.0.as_slice()));
        row.non_zero(log.flags);
        row.known(SERVICE, service.as_bytes());
        row.int(i64::from(log.severity_number));
        row.non_empty(log.severity_text);
        row.non_empty(log.event_name);
        row.optional_bytes(log.body.map(str::as_bytes));
        row.optional_bytes(log.body_value);
        row.non_zero(log.dropped_attributes_count);
        row.known(RESOURCE, resource);
        row.known(SCOPE, scope);
        row.int(ingested_at.0);
        row.optional_int(None);
        table.finish_row(log.attributes);
    }

    pub fn push_series(&mut self, series: &SeriesRow<'_>) {
        let BatchBuilder { tables, resource, service, scope, ingested_at, .. } = self;
        let table = table(tables, Table::Series);
        let mut row = table.row(series.time);
        row.bytes(&series.series_id.0);
        row.int(series.time.0);
        row.known(SERVICE, service.as_bytes());
        row.bytes(series.name.as_bytes());
        row.non_empty(series.description);
        row.non_empty(series.unit);
        row.bytes(series.kind.as_bytes());
        row.optional_int(series.temporality.map(i64::from));
        row.optional_bool(series.is_monotonic);
        row.optional_bytes((!series.metadata.is_empty()).then_some(series.metadata));
        row.known(RESOURCE, resource);
        row.known(SCOPE, scope);
        row.int(ingested_at.0);
        table.finish_row(series.attributes);
    }

    pub fn push_point(&mut self, point: &MetricPointRow<'_>) {
        let ingested_at = self.ingested_at;
        let table = table(&mut self.tables, Table::MetricPoints);
        let mut row = table.row(point.time);
        row.bytes(&point.series_id.0);
        row.int(point.time.0);
        row.optional_int(point.start_time.map(|time| time.0));
        row.non_zero(point.flags);
        row.number(point.value);
        row.optional_int(point.count.map(|count| count as i64));
        row.optional_double(point.sum);
        row.optional_double(point.min);
        row.optional_double(point.max);
        row.optional_bytes(point.bucket_counts.map(str::as_bytes));
        row.optional_bytes(point.explicit_bounds.map(str::as_bytes));
        row.optional_bytes(point.distribution);
        row.int(ingested_at.0);
        table.finish_row(&[]);
    }

    pub fn push_exemplar(&mut self, exemplar: &ExemplarRow<'_>) {
        let ingested_at = self.ingested_at;
        let table = table(&mut self.tables, Table::Exemplars);
        let mut row = table.row(exemplar.time);
        row.bytes(&exemplar.series_id.0);
        row.int(exemplar.time.0);
        row.int(exemplar.point_time.0);
        row.number(exemplar.value);
        row.optional_bytes(exemplar.trace_id.as_ref().map(|id| id.0.as_slice()));
        row.optional_bytes(exemplar.span_id.as_ref().map(|id| id.0.as_slice()));
        row.int(ingested_at.0);
        table.finish_row(exemplar.attributes);
    }

    pub fn finish(self) -> Batch {
        let full = self.tables.iter().filter(|table| table.batch.rows > 0);
        let tables = full.map(TableBuilder::compact).collect();
        self.tables.into_iter().for_each(TableBuilder::give_back);
        Batch { signal: self.signal, tables }
    }
}

fn table(tables: &mut [TableBuilder], wanted: Table) -> &mut TableBuilder {
    tables
        .iter_mut()
        .find(|table| table.batch.table == wanted)
        .expect("rows are pushed to the builder of their signal")
}

impl TableBuilder {
    fn new(table: Table) -> TableBuilder {
        let columns = table.columns().iter().map(|spec| Column::new(spec.kind, spec.required));
        TableBuilder {
            batch: TableBatch {
                table,
                rows: 0,
                columns: columns.collect(),
                attributes: Vec::new(),
                rest: Column::new(crate::model::ColumnKind::Bytes, false),
                time_min: Timestamp(i64::MAX),
                time_max: Timestamp(i64::MIN),
            },
            index: HashTable::new(),
            hasher: RandomState::default(),
            next: Vec::new(),
            last: usize::MAX,
            known: [None; 3],
        }
    }

    /// An empty builder, used before where there is one.
    fn take(table: Table) -> TableBuilder {
        let spare = SPARE.with_borrow_mut(|spare| {
            let index = spare.iter().position(|spare| spare.batch.table == table)?;
            Some(spare.swap_remove(index))
        });
        spare.unwrap_or_else(|| TableBuilder::new(table))
    }

    /// Keeps an emptied builder for the thread's next request.
    fn give_back(mut self) {
        let batch = &mut self.batch;
        if batch.attributes.len() > SPARE_COLUMNS_MAX || batch.memory() > SPARE_BYTES_MAX {
            return;
        }
        batch.columns.iter_mut().for_each(Column::clear);
        batch.attributes.iter_mut().for_each(|attribute| attribute.column.clear());
        batch.rest.clear();
        batch.rows = 0;
        (batch.time_min, batch.time_max) = (Timestamp(i64::MAX), Timestamp(i64::MIN));
        self.known = [None; 3];
        SPARE.with_borrow_mut(|spare| {
            if spare.iter().all(|spare| spare.batch.table != self.batch.table) {
                spare.push(self);
            }
        });
    }

    /// The rows so far, in no more memory than they need.
    fn compact(&self) -> TableBatch {
        let TableBatch { table, rows, columns, attributes, rest, time_min, time_max } = &self.batch;
        let used = attributes.iter().filter(|attribute| !attribute.column.is_empty());
        let attributes = used.map(|AttributeColumn { key, kind, column }| AttributeColumn {
            key: key.clone(),
            kind: *kind,
            column: column.compact(),
        });
        TableBatch {
            table: *table,
            rows: *rows,
            columns: columns.iter().map(Column::compact).collect(),
            attributes: attributes.collect(),
            rest: rest.compact(),
            time_min: *time_min,
            time_max: *time_max,
        }
    }

    /// Starts a row; the caller gives every column in the table's order.
    fn row(&mut self, time: Timestamp) -> RowWriter<'_> {
        let batch = &mut self.batch;
        batch.time_min = batch.time_min.min(time);
        batch.time_max = batch.time_max.max(time);
        RowWriter { row: batch.rows, columns: batch.columns.iter_mut(), known: &mut self.known }
    }

    fn finish_row(&mut self, attributes: &[Attribute<'_>]) {
        for attribute in attributes {
            self.push_attribute(attribute);
        }
        self.batch.rows += 1;
    }

    #[inline]
    fn push_attribute(&mut self, attribute: &Attribute<'_>) {
        let row = self.batch.rows;
        let column = AttributeType::of(&attribute.value)
            .and_then(|kind| self.attribute_column(attribute.key, kind))
            // A key sent twice in one record: the first has the column, the second is kept beside it.
            .filter(|&index| self.batch.attributes[index].last_row() != Some(row));
        match column {
            Some(index) => self.batch.attributes[index].push(row, &attribute.value),
            None => self.batch.rest.push_bytes(row, attribute.wire),
        }
    }

    #[inline]
    fn attribute_column(&mut self, key: &str, kind: AttributeType) -> Option<usize> {
        let columns = &mut self.batch.attributes;
        if let Some(&next) = self.next.get(self.last)
            && let Some(column) = columns.get(next as usize)
            && column.kind == kind
            && is_equal(column.key.as_bytes(), key.as_bytes())
        {
            self.last = next as usize;
            return Some(next as usize);
        }
        let hash = self.hasher.hash_one((key, kind));
        let is_same = |&index: &u32| {
            let column = &columns[index as usize];
            column.kind == kind && *column.key == *key
        };
        let index = match self.index.find(hash, is_same) {
            Some(&index) => index as usize,
            None if columns.len() == ATTRIBUTE_COLUMNS_MAX => return None,
            None => {
                let index = columns.len();
                columns.push(AttributeColumn::new(key, kind));
                self.next.push(u32::MAX);
                self.index.insert_unique(hash, index as u32, |&index| {
                    let column = &columns[index as usize];
                    self.hasher.hash_one((&*column.key, column.kind))
                });
                index
            }
        };
        if let Some(next) = self.next.get_mut(self.last) {
            *next = index as u32;
        }
        self.last = index;
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Rows;
    use crate::model::{SpanId, TraceId, Value};

    fn span<'a>(attributes: &'a [Attribute<'a>]) -> SpanRow<'a> {
        SpanRow {
            trace_id: TraceId([1; 16]),
            span_id: SpanId([2; 8]),
            parent_span_id: None,
            trace_state: "",
            flags: 0,
            name: "GET /",
            kind: 2,
            start_time: Timestamp(100),
            end_time: Timestamp(90),
            status_code: 0,
            status_message: "",
            dropped_attributes_count: 0,
            dropped_events_count: 0,
            dropped_links_count: 0,
            attributes,
            events: &[],
            links: &[],
        }
    }

    #[test]
    fn a_key_of_two_types_makes_two_columns_and_a_repeated_key_is_kept() {
        let mut builder = BatchBuilder::new(Signal::Traces, Timestamp(7));
        builder.resource(b"resource", "shop");
        let attribute = |value| Attribute { key: "k", value, wire: b"wire" };
        builder.push_span(&span(&[attribute(Value::Int(1)), attribute(Value::Int(2))]));
        builder.push_span(&span(&[attribute(Value::String("x")), attribute(Value::Empty)]));
        let batch = builder.finish();
        let spans = batch.table(Table::Spans).unwrap();
        let kinds: Vec<_> = spans.attributes.iter().map(|a| (a.kind, a.column.len())).collect();
        assert_eq!(kinds, [(AttributeType::Int, 1), (AttributeType::String, 1)]);
        assert!(matches!(&spans.rest.rows, Rows::Sparse(rows) if rows.iter().eq([0, 1])));
        assert_eq!((spans.rows, spans.time_min), (2, Timestamp(100)));
    }

    #[test]
    fn keys_past_the_column_limit_are_kept_as_bytes() {
        let mut builder = BatchBuilder::new(Signal::Traces, Timestamp(7));
        let keys: Vec<String> = (0..10_000).map(|i| format!("key.{i}")).collect();
        let attributes: Vec<_> = keys
            .iter()
            .map(|key| Attribute { key, value: Value::Bool(true), wire: b"w" })
            .collect();
        builder.push_span(&span(&attributes));
        let batch = builder.finish();
        let spans = &batch.tables[0];
        assert_eq!(spans.attributes.len(), ATTRIBUTE_COLUMNS_MAX);
        assert_eq!(spans.rest.len(), keys.len() - ATTRIBUTE_COLUMNS_MAX);
    }
}
