//! Writing segments: 200,000 spans and log records from buffered batches, and a compaction of four segments.

#![allow(clippy::unwrap_used, reason = "all of it is benchmarks")]

use binnacle_storage::batch::{Batch, BatchBuilder, LogRow, SpanRow, TimeOrigin};
use binnacle_storage::model::{Attribute, Signal, SpanId, Table, Timestamp, TraceId, Value, wire};
use binnacle_storage::segment::{SegmentFile, Source, chunk, write_segments};
use divan::Bencher;
use divan::counter::ItemsCount;

const ROWS: u64 = 200_000;

/// Rows per request, as exporters send them.
const BATCH_ROWS: u64 = 800;

const SERVICES: [&str; 6] = ["frontend", "cart", "checkout", "payment", "shipping", "catalog"];

fn main() {
    divan::main();
}

/// Pseudo-random numbers that are the same every time (SplitMix64).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

fn batches(signal: Signal, rows: u64, seed: u64) -> Vec<Batch> {
    let mut state = seed;
    let mut time = 1_700_000_000_000_000_000;
    (0..rows / BATCH_ROWS)
        .map(|request| {
            let service = SERVICES[(request % SERVICES.len() as u64) as usize];
            let mut builder = BatchBuilder::new(signal, Timestamp(time));
            builder.resource(service.as_bytes(), service);
            builder.scope(b"scope");
            for _ in 0..BATCH_ROWS {
                time += (random(&mut state) % 20_000) as i64;
                push(&mut builder, signal, time, &mut state);
            }
            builder.finish()
        })
        .collect()
}

fn push(builder: &mut BatchBuilder, signal: Signal, time: i64, state: &mut u64) {
    let route = format!("/api/v1/resource/{}", random(state) % 40);
    let user = format!("user-{}", random(state) % 30_000);
    let values = [
        ("http.request.method", Value::String("GET")),
        ("http.route", Value::String(&route)),
        ("http.response.status_code", Value::Int(200 + (random(state) % 3) as i64 * 100)),
        ("user.id", Value::String(&user)),
        ("cache.hit", Value::Bool(random(state).is_multiple_of(2))),
        ("retry.count", Value::Int((random(state) % 4) as i64)),
    ];
    let wires = values.map(|(key, value)| {
        let mut list = Vec::new();
        wire::put_attribute(&mut list, key, &value);
        list
    });
    let both = values.into_iter().zip(&wires);
    let attributes: Vec<Attribute<'_>> =
        both.map(|((key, value), wire)| attribute(key, value, wire)).collect();
    let trace = u128::from(random(state) % 20_000) << 64 | 0x1234;
    match signal {
        Signal::Traces => builder.push_span(&SpanRow {
            trace_id: TraceId(trace.to_be_bytes()),
            span_id: SpanId(random(state).to_be_bytes()),
            parent_span_id: Some(SpanId(random(state).to_be_bytes())),
            trace_state: "",
            flags: 1,
            name: &route,
            kind: 2,
            start_time: Timestamp(time),
            end_time: Timestamp(time + (random(state) % 50_000_000) as i64),
            status_code: 0,
            status_message: "",
            dropped_attributes_count: 0,
            dropped_events_count: 0,
            dropped_links_count: 0,
            attributes: &attributes,
            events: &[],
            links: &[],
        }),
        _ => {
            let body = format!("GET {route} for {user} took {} ms", random(state) % 900);
            builder.push_log(&LogRow {
                time: Timestamp(time),
                time_origin: TimeOrigin::Sent,
                observed_time: None,
                trace_id: Some(TraceId(trace.to_be_bytes())),
                span_id: Some(SpanId(random(state).to_be_bytes())),
                flags: 0,
                severity_number: 9,
                severity_text: "INFO",
                event_name: "",
                body: Some(&body),
                body_value: None,
                dropped_attributes_count: 0,
                attributes: &attributes,
            });
        }
    }
}

fn attribute<'a>(key: &'a str, value: Value<'a>, list: &'a [u8]) -> Attribute<'a> {
    let message = wire::messages(list).next().and_then(Result::ok).expect("it was just written");
    Attribute { key, value, wire: message }
}

fn table(signal: Signal) -> Table {
    if signal == Signal::Traces { Table::Spans } else { Table::Logs }
}

#[divan::bench(args = [Signal::Traces, Signal::Logs], sample_count = 5)]
fn flush(bencher: Bencher<'_, '_>, signal: Signal) {
    let batches = batches(signal, ROWS, 1);
    let sources: Vec<Source<'_>> =
        batches.iter().filter_map(|batch| batch.table(table(signal))).map(Source::Batch).collect();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| write_segments(table(signal), &sources));
}

#[divan::bench(args = [Signal::Traces, Signal::Logs], sample_count = 5)]
fn compact_four(bencher: Bencher<'_, '_>, signal: Signal) {
    let files: Vec<SegmentFile> = (0..4)
        .flat_map(|seed| {
            let batches = batches(signal, ROWS / 4, seed);
            let tables = batches.iter().filter_map(|batch| batch.table(table(signal)));
            let sources: Vec<Source<'_>> = tables.map(Source::Batch).collect();
            write_segments(table(signal), &sources).expect("rows can be written")
        })
        .map(|written| {
            SegmentFile::open("bench", table(signal), written.parquet).expect("it was just written")
        })
        .collect();
    let sources: Vec<Source<'_>> = files.iter().map(Source::File).collect();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| write_segments(table(signal), &sources));
}

#[divan::bench(args = [Signal::Traces, Signal::Logs], sample_count = 20)]
fn query_buffered(bencher: Bencher<'_, '_>, signal: Signal) {
    let batches = batches(signal, ROWS / 10, 1);
    let tables: Vec<_> = batches.iter().filter_map(|batch| batch.table(table(signal))).collect();
    bencher.counter(ItemsCount::new(ROWS / 10)).bench_local(|| chunk(table(signal), &tables));
}
