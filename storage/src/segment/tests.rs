//! Property tests: what is written is what is read, by the rows.

use super::*;
use crate::Error;
use crate::batch::{
    Batch, BatchBuilder, Column, ExemplarRow, LogRow, MetricPointRow, NumberValue, SeriesRow,
    SpanRow, TableBatch, TimeOrigin, Values,
};
use crate::log_index::{IndexQuery, tokens};
use crate::model::{Attribute, ColumnKind, SeriesId, Signal, SpanId, TraceId, Value, wire};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    Float64Type, Int32Type, Int64Type, TimestampNanosecondType, UInt32Type, UInt64Type,
};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

/// One value of one column, in words.
pub(super) type Cell = (String, String);

/// A row: its columns, then its attributes sorted.
pub(super) type Row = Vec<Cell>;

pub(super) const DAY: i64 = 86_400 * 1_000_000_000;

fn render(value: &Value<'_>) -> String {
    match value {
        Value::Double(number) => format!("Double({:x})", number.to_bits()),
        other => format!("{other:?}"),
    }
}

fn with_attributes(mut row: Row, mut attributes: Vec<Cell>) -> Row {
    attributes.sort();
    row.extend(attributes);
    row
}

/// Rows of a batch, value by value.
pub(super) fn rows_of_batch(batch: &TableBatch) -> Vec<Row> {
    let mut rows: Vec<(Row, Vec<Cell>)> = vec![Default::default(); batch.rows as usize];
    for (spec, column) in batch.table.columns().iter().zip(&batch.columns) {
        for index in 0..column.len() {
            let value = cell_of_column(column, index, spec.kind);
            rows[column.row(index) as usize].0.push((spec.name.to_owned(), value));
        }
    }
    for attribute in &batch.attributes {
        for index in 0..attribute.column.len() {
            let cell = (attribute.key.to_string(), render(&attribute.value(index)));
            rows[attribute.column.row(index) as usize].1.push(cell);
        }
    }
    let Values::Bytes(rest) = &batch.rest.values else { unreachable!() };
    for index in 0..batch.rest.len() {
        let attribute = wire::key_value(rest.value(index)).unwrap();
        let cell = (attribute.key.to_owned(), render(&attribute.value));
        rows[batch.rest.row(index) as usize].1.push(cell);
    }
    rows.into_iter().map(|(row, attributes)| with_attributes(row, attributes)).collect()
}

fn cell_of_column(column: &Column, index: usize, kind: ColumnKind) -> String {
    match &column.values {
        Values::Int(values) if kind == ColumnKind::UInt64 => (values.get(index) as u64).to_string(),
        Values::Int(values) => values.get(index).to_string(),
        Values::Double(values) => format!("{:x}", values[index].to_bits()),
        Values::Bool(values) => values[index].to_string(),
        Values::Text(strings) | Values::Bytes(strings) => format!("{:?}", strings.value(index)),
        Values::Fixed { width, bytes } => format!("{:?}", &bytes[index * width..][..*width]),
    }
}

/// One value of an array, in the same words.
fn cell_of_array(array: &ArrayRef, row: usize) -> String {
    use arrow::datatypes::DataType::*;
    match array.data_type() {
        Timestamp(_, zone) => {
            assert_eq!(zone.as_deref(), Some("UTC"));
            array.as_primitive::<TimestampNanosecondType>().value(row).to_string()
        }
        Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        UInt32 => array.as_primitive::<UInt32Type>().value(row).to_string(),
        UInt64 => array.as_primitive::<UInt64Type>().value(row).to_string(),
        Float64 => format!("{:x}", array.as_primitive::<Float64Type>().value(row).to_bits()),
        Boolean => array.as_boolean().value(row).to_string(),
        Utf8 => format!("{:?}", array.as_string::<i32>().value(row).as_bytes()),
        Utf8View => format!("{:?}", array.as_string_view().value(row).as_bytes()),
        Binary => format!("{:?}", array.as_binary::<i32>().value(row)),
        BinaryView => format!("{:?}", array.as_binary_view().value(row)),
        FixedSizeBinary(_) => format!("{:?}", array.as_fixed_size_binary().value(row)),
        other => panic!("unexpected type {other}"),
    }
}

fn attribute_of_array(array: &ArrayRef, row: usize) -> String {
    use arrow::datatypes::DataType::*;
    match array.data_type() {
        Int64 => render(&Value::Int(array.as_primitive::<Int64Type>().value(row))),
        Float64 => render(&Value::Double(array.as_primitive::<Float64Type>().value(row))),
        Boolean => render(&Value::Bool(array.as_boolean().value(row))),
        Utf8 => render(&Value::String(array.as_string::<i32>().value(row))),
        Utf8View => render(&Value::String(array.as_string_view().value(row))),
        other => panic!("unexpected attribute type {other}"),
    }
}

/// Rows of a record batch in the shape of a segment's file.
pub(super) fn rows_of_records(records: &RecordBatch) -> Vec<Row> {
    let row_at = |row: usize| {
        let (mut cells, mut attributes) = (Vec::new(), Vec::new());
        for (field, array) in records.schema().fields().iter().zip(records.columns()) {
            if array.is_null(row) {
                continue;
            }
            if let Some(key) = field.name().strip_prefix("attributes.") {
                attributes.push((key.to_owned(), attribute_of_array(array, row)));
            } else if field.name() == ATTRIBUTES_REST {
                let list = match array.as_binary_opt::<i32>() {
                    Some(binary) => binary.value(row),
                    None => array.as_binary_view().value(row),
                };
                for attribute in wire::attributes(list) {
                    let attribute = attribute.unwrap();
                    attributes.push((attribute.key.to_owned(), render(&attribute.value)));
                }
            } else {
                cells.push((field.name().clone(), cell_of_array(array, row)));
            }
        }
        with_attributes(cells, attributes)
    };
    (0..records.num_rows()).map(row_at).collect()
}

/// Rows of a file, read by the Parquet crate alone.
pub(super) fn rows_of_file(parquet: &Bytes) -> Vec<Row> {
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(parquet.clone()).unwrap().build().unwrap();
    reader.flat_map(|records| rows_of_records(&records.unwrap())).collect()
}

pub(super) fn rows_of_segments(segments: &[WrittenSegment]) -> Vec<Row> {
    segments.iter().flat_map(|segment| rows_of_file(&segment.parquet)).collect()
}

pub(super) fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort();
    rows
}

/// An attribute value that a test owns.
#[derive(Debug, Clone)]
pub(super) enum Owned {
    Empty,
    String(String),
    Int(i64),
    Double(f64),
    Bool(bool),
    Bytes(Vec<u8>),
}

impl Owned {
    fn value(&self) -> Value<'_> {
        match self {
            Owned::Empty => Value::Empty,
            Owned::String(text) => Value::String(text),
            Owned::Int(number) => Value::Int(*number),
            Owned::Double(number) => Value::Double(*number),
            Owned::Bool(flag) => Value::Bool(*flag),
            Owned::Bytes(bytes) => Value::Bytes(bytes),
        }
    }
}

/// Everything a generated row is made of; each table takes what it needs.
#[derive(Debug, Clone)]
pub(super) struct Seed {
    pub service: u8,
    pub name: u8,
    pub time: i64,
    pub id: u8,
    pub number: i64,
    pub flags: u8,
    pub text: String,
    pub attributes: Vec<(String, Owned)>,
}

fn owned() -> impl Strategy<Value = Owned> {
    prop_oneof![
        Just(Owned::Empty),
        ".{0,20}".prop_map(Owned::String),
        "[ab]".prop_map(Owned::String),
        any::<i64>().prop_map(Owned::Int),
        (0i64..3).prop_map(Owned::Int),
        any::<f64>().prop_map(Owned::Double),
        any::<bool>().prop_map(Owned::Bool),
        proptest::collection::vec(any::<u8>(), 0..4).prop_map(Owned::Bytes),
    ]
}

/// Few keys often, many keys rarely, so that keys gain and lose their columns between files.
fn attributes() -> impl Strategy<Value = Vec<(String, Owned)>> {
    let key = prop_oneof![
        3 => "[a-e]",
        2 => (0u32..120).prop_map(|i| format!("key.{i}")),
    ];
    proptest::collection::vec((key, owned()), 0..12)
}

pub(super) fn seed() -> impl Strategy<Value = Seed> {
    let time = prop_oneof![0i64..1000, (0..20 * DAY), Just(0), Just(i64::MAX)];
    (0u8..3, 0u8..3, time, 0u8..40, any::<i64>(), any::<u8>(), ".{0,40}", attributes()).prop_map(
        |(service, name, time, id, number, flags, text, attributes)| Seed {
            service,
            name,
            time,
            id,
            number,
            flags,
            text,
            attributes,
        },
    )
}

/// A batch of `signal` made from `seeds`. Span ids and series are numbered from `first`, so that nothing is a duplicate.
pub(super) fn batch(signal: Signal, ingested: i64, first: u64, seeds: &[Seed]) -> Batch {
    let mut builder = BatchBuilder::new(signal, Timestamp(ingested));
    for (index, seed) in seeds.iter().enumerate() {
        let wires: Vec<Vec<u8>> = seed
            .attributes
            .iter()
            .map(|(key, value)| {
                let mut list = Vec::new();
                wire::put_attribute(&mut list, key, &value.value());
                wire::messages(&list).next().unwrap().unwrap().to_vec()
            })
            .collect();
        let attributes: Vec<Attribute<'_>> = seed
            .attributes
            .iter()
            .zip(&wires)
            .map(|((key, value), wire)| Attribute { key, value: value.value(), wire })
            .collect();
        builder.resource(&[seed.service; 20], ["", "shop", "cart"][seed.service as usize]);
        builder.scope(&[seed.name]);
        let number = first + index as u64;
        push(&mut builder, signal, seed, number, &attributes);
    }
    builder.finish()
}

fn push(
    builder: &mut BatchBuilder,
    signal: Signal,
    seed: &Seed,
    number: u64,
    attributes: &[Attribute<'_>],
) {
    let trace_id = TraceId([seed.id; 16]);
    let time = Timestamp(seed.time);
    let bit = |bit: u8| seed.flags >> bit & 1 == 1;
    let event = seed.text.as_bytes();
    match signal {
        Signal::Traces => builder.push_span(&SpanRow {
            trace_id,
            span_id: SpanId(number.to_be_bytes()),
            parent_span_id: bit(0).then_some(SpanId([seed.id; 8])),
            trace_state: if bit(1) { &seed.text } else { "" },
            flags: u32::from(seed.flags),
            name: ["GET /", "", "a rather long span name"][seed.name as usize],
            kind: i32::from(seed.flags & 7),
            start_time: time,
            end_time: Timestamp(seed.number),
            status_code: i32::from(seed.flags & 3),
            status_message: if bit(2) { &seed.text } else { "" },
            dropped_attributes_count: u32::from(bit(3)),
            dropped_events_count: if bit(4) { u32::MAX } else { 0 },
            dropped_links_count: 0,
            attributes,
            events: if bit(5) { std::slice::from_ref(&event) } else { &[] },
            links: &[],
        }),
        Signal::Logs => builder.push_log(&LogRow {
            time,
            time_origin: if bit(0) { TimeOrigin::Observed } else { TimeOrigin::Sent },
            observed_time: bit(1).then_some(time),
            trace_id: bit(2).then_some(trace_id),
            span_id: bit(3).then_some(SpanId([seed.id; 8])),
            flags: u32::from(seed.flags),
            severity_number: i32::from(seed.flags % 25),
            severity_text: if bit(4) { "WARN" } else { "" },
            event_name: "",
            body: bit(5).then_some(&seed.text),
            body_value: bit(6).then_some(event),
            dropped_attributes_count: 0,
            attributes,
        }),
        Signal::Metrics => push_metric(builder, seed, number, attributes),
    }
}

fn push_metric(builder: &mut BatchBuilder, seed: &Seed, number: u64, attributes: &[Attribute<'_>]) {
    let bit = |bit: u8| seed.flags >> bit & 1 == 1;
    let series_id = SeriesId([seed.id; 16]);
    let unique = SeriesId(((number as u128) << 64 | 7).to_be_bytes());
    let time = Timestamp(seed.time);
    let value = if bit(0) {
        Some(NumberValue::Int(seed.number))
    } else {
        bit(1).then_some(NumberValue::Double(seed.number as f64 / 3.0))
    };
    builder.push_series(&SeriesRow {
        series_id: unique,
        time,
        name: "requests",
        description: &seed.text,
        unit: "1",
        kind: "sum",
        temporality: bit(2).then_some(2),
        is_monotonic: bit(3).then_some(bit(4)),
        metadata: &[],
        attributes,
    });
    builder.push_point(&MetricPointRow {
        series_id,
        time,
        start_time: bit(5).then_some(time),
        flags: u32::from(seed.flags & 1),
        value,
        count: bit(6).then_some(seed.number as u64),
        sum: bit(7).then_some(f64::NAN),
        min: bit(0).then_some(-0.5),
        max: bit(1).then_some(f64::INFINITY),
        bucket_counts: bit(5).then_some("[1,0,2]"),
        explicit_bounds: bit(5).then_some("[0.5,1]"),
        distribution: bit(6).then_some(seed.text.as_bytes()),
    });
    builder.push_exemplar(&ExemplarRow {
        series_id,
        time,
        point_time: time,
        value,
        trace_id: bit(2).then_some(TraceId([seed.id; 16])),
        span_id: bit(3).then_some(SpanId([seed.id; 8])),
        attributes,
    });
}

/// Batches of one table, from batches of its signal.
pub(super) fn tables(batches: &[Batch], table: Table) -> Vec<&TableBatch> {
    batches.iter().filter_map(|batch| batch.table(table)).collect()
}

pub(super) fn write(table: Table, batches: &[&TableBatch]) -> Vec<WrittenSegment> {
    let sources: Vec<Source<'_>> = batches.iter().map(|batch| Source::Batch(batch)).collect();
    write_segments(table, &sources).unwrap()
}

pub(super) fn open(table: Table, segment: &WrittenSegment) -> SegmentFile {
    SegmentFile::open("test", table, segment.parquet.clone()).unwrap()
}

fn batches(signal: Signal, seeds: &[Vec<Seed>]) -> Vec<Batch> {
    let make = |(index, seeds): (usize, &Vec<Seed>)| {
        batch(signal, 1_000 + index as i64, index as u64 * 1_000, seeds)
    };
    seeds.iter().enumerate().map(make).collect()
}

fn many_seeds() -> impl Strategy<Value = Vec<Vec<Seed>>> {
    proptest::collection::vec(proptest::collection::vec(seed(), 0..30), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn rows_survive_writing_and_merging(seeds in many_seeds()) {
        for signal in Signal::ALL {
            let batches = batches(signal, &seeds);
            for table in Table::ALL.into_iter().filter(|table| table.signal() == signal) {
                let parts = tables(&batches, table);
                let expected = sorted(parts.iter().flat_map(|part| rows_of_batch(part)).collect());
                let chunk = chunk(table, &parts).unwrap();
                prop_assert_eq!(&sorted(rows_of_records(&chunk.records)), &expected);
                let at_once = write(table, &parts);
                prop_assert_eq!(&sorted(rows_of_segments(&at_once)), &expected);
                // Each batch to files of its own, then all of them into one.
                let separate: Vec<SegmentFile> = parts
                    .iter()
                    .flat_map(|part| write(table, &[part]))
                    .map(|segment| open(table, &segment))
                    .collect();
                let sources: Vec<Source<'_>> = separate.iter().map(Source::File).collect();
                let merged = write_segments(table, &sources).unwrap();
                prop_assert_eq!(&sorted(rows_of_segments(&merged)), &expected);
            }
        }
    }
}

/// A segment as the catalog would know it.
pub(super) fn segment(table: Table, written: &WrittenSegment) -> Segment {
    let info = SegmentInfo {
        id: SegmentId(uuid::Uuid::nil()),
        tenant: crate::model::TenantId::default(),
        table,
        day: written.time_min.day(),
        part: 0,
        part_modulus: 1,
        level: 0,
        time_min: written.time_min,
        time_max: written.time_max,
        rows: written.rows,
        bytes: written.parquet.len() as u64,
        footer_bytes: written.footer_bytes,
        footer_crc32c: written.footer_crc32c,
        index_bytes: written.index.as_ref().map_or(0, |index| index.len() as u64),
        schema_version: written.schema_version,
        sort_version: written.sort_version,
        wal_from: 0,
        wal_to: 0,
        ingested_max: written.ingested_max,
    };
    let index = written.index.clone().map(ObjectReader::Memory);
    Segment::new(info, ObjectReader::Memory(written.parquet.clone()), index)
}

pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(future)
}

pub(super) fn cell<'a>(row: &'a Row, column: &str) -> Option<&'a str> {
    row.iter().find(|(name, _)| name == column).map(|(_, value)| value.as_str())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn a_trace_has_the_rows_that_hold_its_id(seeds in many_seeds()) {
        for (signal, table) in [(Signal::Traces, Table::Spans), (Signal::Logs, Table::Logs), (Signal::Metrics, Table::Exemplars)] {
            let batches = batches(signal, &seeds);
            for written in write(table, &tables(&batches, table)) {
                let rows = rows_of_file(&written.parquet);
                let with_index = segment(table, &written);
                let without = segment(table, &WrittenSegment { index: None, ..written.clone() });
                for id in 0..41u8 {
                    let id = TraceId([id; 16]);
                    let wanted = format!("{:?}", id.0);
                    let matching = rows.iter().enumerate().filter(|(_, row)| cell(row, "trace_id") == Some(&wanted));
                    let expected: Vec<u32> = matching.map(|(row, _)| row as u32).collect();
                    prop_assert_eq!(&run(with_index.trace_rows(id)).unwrap(), &expected);
                    prop_assert_eq!(&run(without.trace_rows(id)).unwrap(), &expected);
                }
            }
        }
    }

    #[test]
    fn the_log_index_never_misses_a_row(seeds in many_seeds()) {
        let batches = batches(Signal::Logs, &seeds);
        let parts = tables(&batches, Table::Logs);
        let sources: Vec<Source<'_>> = parts.iter().map(|part| Source::Batch(part)).collect();
        for written in write_segments(Table::Logs, &sources).unwrap() {
            let reader = segment(Table::Logs, &written);
            for seed in seeds.iter().flatten() {
                let phrase: Vec<String> = tokens(&seed.text).collect();
                let found = run(reader.candidates(&IndexQuery::Phrase(phrase.clone()))).unwrap();
                prop_assert_eq!(found.is_none(), phrase.is_empty());
                let body = format!("{:?}", seed.text.as_bytes());
                for (row, cells) in rows_of_file(&written.parquet).iter().enumerate() {
                    if cell(cells, "body") == Some(&body) && let Some(ranges) = &found {
                        prop_assert!(ranges.iter().any(|range| range.contains(&(row as u32))));
                    }
                }
            }
        }
    }
}

#[test]
fn a_segment_answers_for_its_metadata() {
    let seeds = seeds(400);
    let batches = [batch(Signal::Traces, 5, 0, &seeds)];
    let written = write(Table::Spans, &tables(&batches, Table::Spans)).remove(0);
    let reader = segment(Table::Spans, &written);
    let metadata = run(reader.metadata()).unwrap();
    assert!(metadata.column_index().is_some() && metadata.offset_index().is_some());
    let keys = run(reader.attributes()).unwrap();
    assert_eq!(keys.columns.len(), 64);
    assert!(keys.rest.as_ref().is_some_and(|rest| !rest.is_empty()));
    assert_eq!(run(reader.read(std::iter::once(0..4).collect())).unwrap()[0].as_ref(), b"PAR1");
    assert!(matches!(
        run(reader.read(std::iter::once(0..u64::MAX).collect())),
        Err(Error::Corrupt { .. })
    ));
    assert_eq!(run(reader.load()).unwrap().rows(), 400);
}

/// The same seeds every time.
pub(super) fn seeds(count: usize) -> Vec<Seed> {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = seed();
    (0..count)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .map(|seed| Seed { time: seed.time.min(DAY), ..seed })
        .collect()
}

/// Whatever byte is wrong, the answer is an error or right.
#[test]
fn flipped_bytes_of_a_file_are_errors_and_those_of_an_index_change_nothing() {
    let batches = [batch(Signal::Logs, 5, 0, &seeds(60))];
    let parts = tables(&batches, Table::Logs);
    let source = [Source::Batch(parts[0])];
    let written = write_segments(Table::Logs, &source).unwrap().remove(0);
    let rows = sorted(rows_of_file(&written.parquet));
    let index = written.index.clone().unwrap();
    let expected = answers(&written).unwrap();
    for at in (0..index.len()).step_by(3) {
        let broken = WrittenSegment { index: Some(flipped(&index, at)), ..written.clone() };
        // A damaged index is left out, which can only find more.
        assert_eq!(answers(&broken).unwrap().0, expected.0, "byte {at} of the index");
    }
    for at in (0..written.parquet.len()).step_by(7) {
        let broken = flipped(&written.parquet, at);
        let reader = segment(Table::Logs, &WrittenSegment { parquet: broken, ..written.clone() });
        if let Ok(file) = run(reader.load()) {
            let merged = write_segments(Table::Logs, &[Source::File(&file)]).unwrap();
            assert_eq!(sorted(rows_of_segments(&merged)), rows, "byte {at} of the file");
        }
    }
}

type Answers = (Vec<u32>, Option<Vec<std::ops::Range<u32>>>);

fn answers(written: &WrittenSegment) -> Result<Answers, Error> {
    let reader = segment(Table::Logs, written);
    let rows = run(reader.trace_rows(TraceId([7; 16])))?;
    Ok((rows, run(reader.candidates(&IndexQuery::Phrase(vec!["a".into()])))?))
}

fn flipped(bytes: &Bytes, at: usize) -> Bytes {
    let mut broken = bytes.to_vec();
    broken[at] ^= 1 << (at % 8);
    broken.into()
}

#[test]
fn duplicates_are_left_out_but_spans_that_only_share_ids_are_kept() {
    let seed = Seed { time: 5, attributes: Vec::new(), ..seeds(1).remove(0) };
    let other = Seed { name: (seed.name + 1) % 3, ..seed.clone() };
    let batches = [
        batch(Signal::Traces, 9, 0, std::slice::from_ref(&seed)),
        batch(Signal::Traces, 3, 0, std::slice::from_ref(&seed)),
        batch(Signal::Traces, 3, 0, &[other]),
    ];
    let written = write(Table::Spans, &tables(&batches, Table::Spans)).remove(0);
    let rows = rows_of_file(&written.parquet);
    assert_eq!(rows.len(), 2);
    assert!(
        rows.iter().all(|row| cell(row, "ingested_at") == Some("3")),
        "the first ingested stays"
    );
    assert_eq!(written.ingested_max, Timestamp(9), "a segment lives as long as what it stands for");
    let logs = [
        batch(Signal::Logs, 9, 0, std::slice::from_ref(&seed)),
        batch(Signal::Logs, 9, 0, &[seed]),
    ];
    assert_eq!(write(Table::Logs, &tables(&logs, Table::Logs))[0].rows, 2);
}

#[test]
fn a_series_keeps_its_earliest_row() {
    let seed = seeds(1).remove(0);
    let times = [30, 10, 20];
    let batches = times.map(|time| batch(Signal::Metrics, 1, 0, &[Seed { time, ..seed.clone() }]));
    let written = write(Table::Series, &tables(&batches, Table::Series)).remove(0);
    let rows = rows_of_file(&written.parquet);
    assert_eq!((rows.len(), cell(&rows[0], "time")), (1, Some("10")));
    assert_eq!((written.time_min, written.time_max), (Timestamp(10), Timestamp(30)));
}

#[test]
fn hostile_times_make_few_segments_and_full_days_one_each() {
    let with_days = |days: &[i64]| -> Vec<Seed> {
        let seed = Seed { attributes: Vec::new(), ..seeds(1).remove(0) };
        days.iter().map(|day| Seed { time: day * DAY, ..seed.clone() }).collect()
    };
    let check = |days: Vec<i64>, expected: &[(i64, i64, u64)]| {
        let batches = [batch(Signal::Logs, 1, 0, &with_days(&days))];
        let written = write(Table::Logs, &tables(&batches, Table::Logs));
        let found: Vec<_> = written
            .iter()
            .map(|w| (i64::from(w.time_min.day()), i64::from(w.time_max.day()), w.rows))
            .collect();
        assert_eq!(found, expected);
    };
    check((0..1_000).map(|i| i * 100).collect(), &[(0, 99_900, 1_000)]);
    check((0..10_000).map(|i| i % 2).collect(), &[(0, 0, 5_000), (1, 1, 5_000)]);
    check(
        (0..5_000).map(|i| 3 + i % 2).chain([5; 5_000]).collect(),
        &[(3, 4, 5_000), (5, 5, 5_000)],
    );
}

#[test]
fn no_rows_make_no_segments() {
    assert!(write(Table::Logs, &[]).is_empty());
    assert_eq!(chunk(Table::Logs, &[]).unwrap().records.num_rows(), 0);
}

/// Rows enough for several pages, with values that repeat, seldom are there, or come in runs.
fn long_batch() -> Batch {
    let seed = |row: i64| Seed {
        service: (row % 3) as u8,
        name: (row / 5_000 % 3) as u8,
        time: row * 1_000,
        id: (row / 7 % 200) as u8,
        number: row * 31,
        flags: (row % 251) as u8,
        text: format!("request {} {}", row % 400, "long ".repeat((row % 40) as usize)),
        attributes: match row % 11 {
            0 => vec![("rare".to_owned(), Owned::String("é".repeat(40 + (row % 3) as usize)))],
            1..5 => vec![("often".to_owned(), Owned::String(format!("value {}", row % 600)))],
            _ => Vec::new(),
        },
    };
    let seeds: Vec<Seed> = (0..20_000).map(seed).collect();
    batch(Signal::Traces, 5, 0, &seeds)
}

#[test]
fn pages_hold_their_rows_and_their_bounds_bound_them() {
    let batches = [long_batch()];
    let parts = tables(&batches, Table::Spans);
    let written = write(Table::Spans, &parts).remove(0);
    let rows = rows_of_file(&written.parquet);
    assert_eq!(sorted(rows.clone()), sorted(rows_of_batch(parts[0])));
    let file = open(Table::Spans, &written);
    let merged = write_segments(Table::Spans, &[Source::File(&file)]).unwrap();
    assert_eq!(rows_of_file(&merged[0].parquet), rows);
    if let Ok(path) = std::env::var("BINNACLE_TEST_SEGMENT") {
        std::fs::write(path, &written.parquet).unwrap();
    }
    let metadata = run(segment(Table::Spans, &written).metadata()).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(written.parquet.clone()).unwrap();
    let records = reader.with_batch_size(1 << 20).build().unwrap().next().unwrap().unwrap();
    let mut checked = 0;
    for (column, array) in records.columns().iter().enumerate() {
        let Some(texts) = array.as_string_opt::<i32>() else { continue };
        checked += 1;
        let offsets = &metadata.offset_index().unwrap()[0][column].page_locations;
        assert_eq!(offsets.len(), 3, "pages of 8,192 rows");
        let index = &metadata.column_index().unwrap()[0][column];
        let parquet::file::page_index::column_index::ColumnIndexMetaData::BYTE_ARRAY(index) = index
        else {
            panic!("a text column has an index of texts")
        };
        for (page, location) in offsets.iter().enumerate() {
            let end = offsets.get(page + 1).map_or(20_000, |next| next.first_row_index as usize);
            for row in location.first_row_index as usize..end {
                if texts.is_valid(row) {
                    let value = texts.value(row).as_bytes();
                    assert!(index.min_value(page).unwrap() <= value);
                    assert!(index.max_value(page).unwrap() >= value);
                }
            }
        }
        let statistics = metadata.row_group(0).column(column).statistics().unwrap();
        let nulls = statistics.null_count_opt().unwrap();
        assert_eq!(nulls, array.null_count() as u64);
        let min = texts.iter().flatten().min().unwrap().as_bytes();
        assert!(statistics.min_bytes_opt().unwrap() <= min);
        assert_eq!(statistics.min_is_exact(), statistics.min_bytes_opt().unwrap() == min);
        let max = texts.iter().flatten().max().unwrap().as_bytes();
        assert!(statistics.max_bytes_opt().unwrap() >= max);
        assert_eq!(statistics.max_is_exact(), statistics.max_bytes_opt().unwrap() == max);
    }
    assert!(checked >= 6, "service, name, state, message and two attributes");
}
