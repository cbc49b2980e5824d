//! Generated rows of every table.

use super::DAY;
use crate::batch::{
    Batch, BatchBuilder, ExemplarRow, LogRow, MetricPointRow, NumberValue, SeriesRow, SpanRow,
    TimeOrigin,
};
use crate::model::{Attribute, SeriesId, Signal, SpanId, Timestamp, TraceId, Value, wire};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

/// An attribute value that a test owns.
#[derive(Debug, Clone)]
pub(in crate::segment) enum Owned {
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
pub(in crate::segment) struct Seed {
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

pub(in crate::segment) fn seed() -> impl Strategy<Value = Seed> {
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
pub(in crate::segment) fn batch(
    signal: Signal,
    ingested: i64,
    first: u64,
    seeds: &[Seed],
) -> Batch {
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

pub(in crate::segment) fn batches(signal: Signal, seeds: &[Vec<Seed>]) -> Vec<Batch> {
    let make = |(index, seeds): (usize, &Vec<Seed>)| {
        batch(signal, 1_000 + index as i64, index as u64 * 1_000, seeds)
    };
    seeds.iter().enumerate().map(make).collect()
}

pub(in crate::segment) fn many_seeds() -> impl Strategy<Value = Vec<Vec<Seed>>> {
    proptest::collection::vec(proptest::collection::vec(seed(), 0..30), 1..4)
}

/// The same seeds every time.
pub(in crate::segment) fn seeds(count: usize) -> Vec<Seed> {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = seed();
    (0..count)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .map(|seed| Seed { time: seed.time.min(DAY), ..seed })
        .collect()
}
