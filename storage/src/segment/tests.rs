//! Property tests: what is written is what is read, by the rows.

use super::*;
use crate::batch::{
    Batch, BatchBuilder, Column, ExemplarRow, LogRow, MetricPointRow, NumberValue, SeriesRow,
    SpanRow, TableBatch, TimeOrigin, Values,
};
use crate::model::{Attribute, ColumnKind, SeriesId, Signal, SpanId, TraceId, Value, wire};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    Float64Type, Int32Type, Int64Type, TimestampNanosecondType, UInt32Type, UInt64Type,
};
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;

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
        Values::Int(values) if kind == ColumnKind::UInt64 => (values[index] as u64).to_string(),
        Values::Int(values) => values[index].to_string(),
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
    write_segments(table, &sources, WriteLevel::Flush).unwrap()
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
                let merged = write_segments(table, &sources, WriteLevel::Compacted).unwrap();
                prop_assert_eq!(&sorted(rows_of_segments(&merged)), &expected);
            }
        }
    }
}
