//! Rows picked from their pages against rows decoded with Arrow.

use super::{SegmentRows, Wanted, ranges_of, rows_with_text};
use crate::QueryStats;
use crate::testing::{Fixture, Random, resource, scope};
use arrow::array::AsArray;
use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use binnacle_storage::batch::{BatchBuilder, SpanRow};
use binnacle_storage::model::{
    Attribute, Signal, SpanId, Table, TenantId, TimeRange, Timestamp, TraceId, Value, wire,
};
use binnacle_storage::segment::Segment;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Three pages and a part of a fourth.
const ROWS: u64 = 26_000;

/// Spans of which every kind of column comes, with and without nulls, constant, repeating and all different.
fn push_spans(builder: &mut BatchBuilder) {
    let mut random = Random(11);
    for row in 0..ROWS {
        let service = if row % 3 == 0 { "cart" } else { "orders" };
        builder.resource(&resource(service, "a"), service);
        builder.scope(&scope("test"));
        let unique = format!("a text of its own, {}", random.below(u64::MAX));
        let repeated = format!("value {}", random.below(40));
        let mut values: Vec<(&str, Value<'_>)> = vec![
            ("constant", Value::String("always")),
            ("repeated", Value::String(&repeated)),
            ("count", Value::Int(random.below(1 << 40) as i64 - (1 << 39))),
            ("few", Value::Int(random.below(7) as i64)),
        ];
        if random.below(3) == 0 {
            values.push(("unique", Value::String(&unique)));
            values.push(("ratio", Value::Double(random.below(1000) as f64 / 7.0)));
            values.push(("flag", Value::Bool(random.below(2) == 0)));
        }
        if service == "cart" {
            values.push(("cart only", Value::Int(row as i64)));
        }
        if row == 20_000 {
            values.push(("rest", Value::Empty));
        }
        let messages: Vec<Vec<u8>> = values
            .iter()
            .map(|(key, value)| {
                let mut list = Vec::new();
                wire::put_attribute(&mut list, key, value);
                wire::messages(&list).next().unwrap().unwrap().to_vec()
            })
            .collect();
        let attributes: Vec<Attribute<'_>> = values
            .iter()
            .zip(&messages)
            .map(|((key, value), wire)| Attribute { key, value: *value, wire })
            .collect();
        let start = random.below(1_000_000_000) as i64;
        builder.push_span(&SpanRow {
            trace_id: TraceId(u128::from(row / 10).to_be_bytes()),
            span_id: SpanId(row.to_be_bytes()),
            parent_span_id: (row % 10 != 0).then(|| SpanId((row - 1).to_be_bytes())),
            trace_state: "",
            flags: random.below(2) as u32,
            name: if random.below(2) == 0 { "GET /" } else { "POST /" },
            kind: 2,
            start_time: Timestamp(start),
            end_time: Timestamp(start + random.below(1_000_000) as i64),
            status_code: random.below(3) as i32,
            status_message: if random.below(50) == 0 { "timeout" } else { "" },
            dropped_attributes_count: 0,
            dropped_events_count: 0,
            dropped_links_count: 0,
            attributes: &attributes,
            events: &[],
            links: &[],
        });
    }
}

async fn check(reader: &SegmentRows, wanted: Wanted<'_>, rows: BTreeSet<u32>) {
    let ranges = ranges_of(rows.iter().copied());
    let picked = reader.pick(wanted, &ranges).await.unwrap().expect("our own pages can be read");
    let decoded = reader.decode(wanted, &ranges).await.unwrap();
    let whole = |batches: &[RecordBatch]| concat_batches(&batches[0].schema(), batches).unwrap();
    let (picked, decoded) = (whole(&picked), whole(&decoded));
    assert_eq!(picked.num_rows(), rows.len());
    let (mine, theirs) = (picked.schema(), decoded.schema());
    for (index, field) in theirs.fields().iter().enumerate() {
        assert_eq!(mine.field(index).name(), field.name());
        assert_eq!(picked.column(index), decoded.column(index), "{}", field.name());
    }
    assert_eq!(mine.fields().len(), theirs.fields().len());
}

/// The fixture holds the segment's file.
async fn segment() -> (Fixture, Arc<Segment>) {
    let mut fixture = Fixture::new().await;
    fixture.append(Signal::Traces, push_spans).await;
    fixture.flush().await;
    let snapshot = fixture.storage.snapshot(&TenantId::default()).await.unwrap();
    let segments = snapshot.segments(Table::Spans, TimeRange::all());
    assert_eq!(segments.len(), 1);
    (fixture, segments[0].clone())
}

#[tokio::test]
async fn picked_rows_are_those_that_arrow_decodes() {
    let (_fixture, segment) = segment().await;
    let reader = SegmentRows::open(segment, Arc::new(QueryStats::new())).await.unwrap();
    let last = ROWS as u32 - 1;
    let mut random = Random(5);
    for rows in [
        BTreeSet::from([0]),
        BTreeSet::from([last]),
        BTreeSet::from([8191, 8192, 16_383, 16_384]),
        (8000..8400).collect(),
        (0..300).map(|_| random.below(ROWS) as u32).collect(),
        (0..=last).collect(),
    ] {
        check(&reader, Wanted::All, rows.clone()).await;
        let some = ["name", "attributes.unique", "none of these"].map(str::to_owned);
        check(&reader, Wanted::Named(&some), rows).await;
    }
}

#[tokio::test]
async fn rows_with_a_text_are_those_that_have_it() {
    let (_fixture, segment) = segment().await;
    let reader = SegmentRows::open(segment.clone(), Arc::new(QueryStats::new())).await.unwrap();
    let all = ranges_of(0..ROWS as u32);
    let column = "attributes.unique".to_owned();
    let batches = reader.decode(Wanted::Named(std::slice::from_ref(&column)), &all).await.unwrap();
    let cells: Vec<Option<String>> = batches
        .iter()
        .flat_map(|batch| {
            let texts = batch.column(0).as_string_view();
            texts.iter().map(|text| text.map(str::to_owned)).collect::<Vec<_>>()
        })
        .collect();
    let known: Vec<(u32, &str)> = (0..)
        .zip(&cells)
        .filter_map(|(row, cell)| cell.as_deref().map(|text| (row, text)))
        .collect();
    assert!(known.len() > 5_000 && known.len() < cells.len());
    for &(row, text) in known.iter().step_by(701) {
        let text = text.as_bytes();
        let with = |within| rows_with_text(&segment, &column, text, within);
        assert_eq!(with(all.clone()).await.unwrap(), ranges_of([row]));
        assert_eq!(with(vec![row..row + 1, row + 1..ROWS as u32]).await.unwrap().len(), 1);
        assert!(with(vec![0..row, row + 1..ROWS as u32]).await.unwrap().is_empty());
    }
    let with = async |column: &str, text: &str| {
        rows_with_text(&segment, column, text.as_bytes(), all.clone()).await.unwrap()
    };
    assert!(with(&column, "nobody's text").await.is_empty());
    assert!(with("attributes.none", "nobody's text").await.is_empty());
    assert_eq!(with("attributes.constant", "always").await, all);
    assert!(with("attributes.constant", "never").await.is_empty());
    assert_eq!(with("attributes.repeated", "value 7").await, all, "a dictionary tells less");
}
