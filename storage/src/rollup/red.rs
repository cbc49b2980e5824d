//! RED: rate, errors and durations of every operation, per minute.

use super::histogram::{bucket, encode_buckets};
use super::{SUM_PRECISION, SpanSet, failed, minute_of, sum_field, time_field};
use crate::Error;
use crate::batch::Interner;
use arrow::array::{
    ArrayRef, BinaryArray, Decimal128Array, FixedSizeBinaryArray, Int32Array, Int64Array,
    StringArray, TimestampNanosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

/// Columns of `red`.
pub fn red_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        Arc::new(Schema::new(vec![
            time_field("minute"),
            Field::new("service", DataType::Utf8, false),
            Field::new("name", DataType::Utf8, false),
            Field::new("kind", DataType::Int32, false),
            Field::new("status_code", DataType::Int32, false),
            Field::new("count", DataType::Int64, false),
            Field::new("errors", DataType::Int64, false),
            sum_field("duration_sum"),
            Field::new("duration_min", DataType::Int64, false),
            Field::new("duration_max", DataType::Int64, false),
            Field::new("duration_histogram", DataType::Binary, false),
            Field::new("slowest_trace_id", DataType::FixedSizeBinary(16), false),
        ]))
    });
    SCHEMA.clone()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    service: u32,
    operation: u32,
    minute: i64,
    kind: i32,
    status: i32,
}

#[derive(Debug, Clone)]
struct Totals {
    sum: i128,
    min: i64,
    max: i64,
    /// The row of the slowest span.
    slowest: u32,
    buckets: Vec<u16>,
}

/// Adds up the spans `rows`.
pub(super) fn red(spans: &SpanSet, rows: Range<u32>) -> Result<RecordBatch, Error> {
    let mut places: HashMap<Key, usize, foldhash::fast::RandomState> = HashMap::default();
    let mut totals: Vec<(Key, Totals)> = Vec::new();
    // In a segment spans of one operation follow each other in time.
    let mut last: Option<(Key, usize)> = None;
    for row in rows {
        let at = row as usize;
        let key = Key {
            service: spans.services[at],
            operation: spans.operations[at],
            minute: minute_of(spans.starts[at]),
            kind: spans.kinds[at],
            status: spans.statuses[at],
        };
        let place = match last {
            Some((same, place)) if same == key => place,
            _ => *places.entry(key).or_insert_with(|| {
                let empty = Totals {
                    sum: 0,
                    min: i64::MAX,
                    max: i64::MIN,
                    slowest: row,
                    buckets: Vec::new(),
                };
                totals.push((key, empty));
                totals.len() - 1
            }),
        };
        last = Some((key, place));
        add(&mut totals[place].1, spans, row);
    }
    sort(&mut totals, spans);
    batch(totals, spans)
}

fn add(totals: &mut Totals, spans: &SpanSet, row: u32) {
    let duration = spans.durations[row as usize];
    totals.sum += i128::from(duration);
    totals.min = totals.min.min(duration);
    // Of equally slow spans the one with the highest trace id, so that order does not matter.
    if duration > totals.max
        || duration == totals.max && trace(spans, row) > trace(spans, totals.slowest)
    {
        totals.slowest = row;
    }
    totals.max = totals.max.max(duration);
    totals.buckets.push(bucket(duration));
}

fn trace(spans: &SpanSet, row: u32) -> &[u8] {
    spans.trace_ids.value(spans.traces[row as usize])
}

/// By service, name, minute: equal neighbours compress.
fn sort(totals: &mut [(Key, Totals)], spans: &SpanSet) {
    let services = ranks(&spans.service_names);
    let operations = ranks(&spans.operation_names);
    totals.sort_unstable_by_key(|(key, _)| {
        let names = (services[key.service as usize], operations[key.operation as usize]);
        (names, key.minute, key.kind, key.status)
    });
}

/// Rank of each code when the strings are sorted.
fn ranks(names: &Interner) -> Vec<u32> {
    let mut sorted: Vec<u32> = (0..names.len() as u32).collect();
    sorted.sort_unstable_by(|&a, &b| names.value(a).cmp(names.value(b)));
    let mut ranks = vec![0; sorted.len()];
    (0..).zip(sorted).for_each(|(rank, code)| ranks[code as usize] = rank);
    ranks
}

fn batch(mut totals: Vec<(Key, Totals)>, spans: &SpanSet) -> Result<RecordBatch, Error> {
    let rows = totals.len();
    let mut histograms = Vec::with_capacity(rows);
    for (_, totals) in &mut totals {
        let mut stored = Vec::new();
        encode_buckets(&mut totals.buckets, &mut stored);
        histograms.push(stored);
    }
    let text = |names: &Interner, code: &dyn Fn(&Key) -> u32| -> StringArray {
        StringArray::from_iter_values(
            totals.iter().map(|(key, _)| String::from_utf8_lossy(names.value(code(key)))),
        )
    };
    let number = |of: &dyn Fn(&Key, &Totals) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(totals.iter().map(|(key, totals)| of(key, totals))))
    };
    let small = |of: &dyn Fn(&Key) -> i32| -> ArrayRef {
        Arc::new(Int32Array::from_iter_values(totals.iter().map(|(key, _)| of(key))))
    };
    let count = |totals: &Totals| totals.buckets.len() as i64;
    let minutes =
        TimestampNanosecondArray::from_iter_values(totals.iter().map(|(key, _)| key.minute));
    let sums = Decimal128Array::from_iter_values(totals.iter().map(|(_, totals)| totals.sum))
        .with_precision_and_scale(SUM_PRECISION, 0)
        .map_err(failed)?;
    let slowest = totals.iter().flat_map(|(_, totals)| trace(spans, totals.slowest)).copied();
    let slowest =
        FixedSizeBinaryArray::try_new_with_len(16, slowest.collect::<Vec<u8>>().into(), None, rows)
            .map_err(failed)?;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(minutes.with_timezone("UTC")),
        Arc::new(text(&spans.service_names, &|key| key.service)),
        Arc::new(text(&spans.operation_names, &|key| key.operation)),
        small(&|key| key.kind),
        small(&|key| key.status),
        number(&|_, totals| count(totals)),
        number(&|key, totals| if key.status == super::STATUS_ERROR { count(totals) } else { 0 }),
        Arc::new(sums),
        number(&|_, totals| totals.min),
        number(&|_, totals| totals.max),
        Arc::new(BinaryArray::from_iter_values(histograms)),
        Arc::new(slowest),
    ];
    RecordBatch::try_new(red_schema(), columns).map_err(failed)
}
