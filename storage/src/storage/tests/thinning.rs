//! Old rows thinned out: whole traces stay or go, and weights still say how many there were.

use super::*;
use crate::batch::SpanRow;
use crate::model::{SpanId, TraceId, WEIGHT_COLUMN};
use crate::{RetentionRule, Thinning};
use arrow::datatypes::UInt32Type;
use std::collections::BTreeMap;
use std::ops::Range;

const TRACES: u32 = 4_000;
const SPANS: u32 = 5;
const ONE_IN: u32 = 10;
const WARN: i32 = 13;

/// Why a trace is kept, from its number: 40 fail, 40 are slow, 40 have a severe log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nature {
    Failed,
    Slow,
    Warned,
    Ordinary,
}

fn nature(trace: u32) -> Nature {
    match trace % 100 {
        7 => Nature::Failed,
        8 => Nature::Slow,
        9 => Nature::Warned,
        _ => Nature::Ordinary,
    }
}

fn trace_id(trace: u32) -> TraceId {
    TraceId((u128::from(trace) + 1).to_be_bytes())
}

/// Some spans of every trace.
fn spans(of_each: Range<u32>, now: Timestamp) -> Batch {
    let mut builder = BatchBuilder::new(Signal::Traces, now);
    builder.resource(b"", "shop");
    builder.scope(b"");
    for trace in 0..TRACES {
        for span in of_each.clone() {
            // Only one span of the trace shows what it is.
            let shows = |wanted| span == 3 && nature(trace) == wanted;
            let duration = if shows(Nature::Slow) { 2_000_000_000 } else { 1_000 };
            let start = Timestamp(now.0 - 1_000_000 * i64::from(trace));
            builder.push_span(&SpanRow {
                trace_id: trace_id(trace),
                span_id: SpanId((u64::from(span) + 1).to_be_bytes()),
                parent_span_id: None,
                trace_state: "",
                flags: 0,
                name: "work",
                kind: 1,
                start_time: start,
                end_time: start.saturating_add(Duration::from_nanos(duration)),
                status_code: if shows(Nature::Failed) { 2 } else { 0 },
                status_message: "",
                dropped_attributes_count: 0,
                dropped_events_count: 0,
                dropped_links_count: 0,
                attributes: &[],
                events: &[],
                links: &[],
            });
        }
    }
    builder.finish()
}

/// A log of each trace, and one without.
fn logs(traces: impl Iterator<Item = u32>, now: Timestamp) -> Batch {
    let mut builder = BatchBuilder::new(Signal::Logs, now);
    builder.resource(b"", "shop");
    builder.scope(b"");
    for trace in traces {
        for trace_id in [Some(trace_id(trace)), None] {
            let is_severe = trace_id.is_some() && nature(trace) == Nature::Warned;
            builder.push_log(&LogRow {
                time: Timestamp(now.0 - i64::from(trace)),
                time_origin: TimeOrigin::Sent,
                observed_time: None,
                trace_id,
                span_id: None,
                flags: 0,
                severity_number: if is_severe { WARN } else { 9 },
                severity_text: "",
                event_name: "",
                body: Some(&format!("log {trace}")),
                body_value: None,
                dropped_attributes_count: 0,
                attributes: &[],
            });
        }
    }
    builder.finish()
}

async fn send(storage: &Storage, signal: Signal, batch: Batch, name: &str, now: Timestamp) {
    let body = Bytes::copy_from_slice(name.as_bytes());
    let content_hash = xxhash_rust::xxh3::xxh3_128(&body);
    let encoding = Encoding { format: Format::OtlpProtobuf, compression: Compression::None };
    let (tenant, ingested_at) = (TenantId::default(), now);
    let request =
        AppendRequest { tenant, signal, encoding, body, content_hash, ingested_at, batch };
    assert_eq!(storage.append(request).await.unwrap(), Accepted::Stored);
}

/// `(trace id, weight)` of every row in segments.
async fn rows(storage: &Storage, table: Table) -> Vec<(Option<u128>, u32)> {
    let snapshot = storage.snapshot(&TenantId::default()).await.unwrap();
    let mut rows = Vec::new();
    for segment in snapshot.segments(table, TimeRange::all()) {
        let path = object_path(segment.info(), Part::Parquet);
        let file = storage.handle.engine.config.path.join("segments").join(path.as_ref());
        let file = std::fs::File::open(file).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        for records in reader {
            let records = records.unwrap();
            let ids = records.column_by_name("trace_id").unwrap().as_fixed_size_binary().clone();
            let weights = records.column_by_name(WEIGHT_COLUMN).cloned();
            let weights = weights.map(|weights| weights.as_primitive::<UInt32Type>().clone());
            for row in 0..records.num_rows() {
                let id = ids.iter().nth(row).flatten();
                let weight = weights.as_ref().and_then(|weights| weights.iter().nth(row).flatten());
                let id = id.map(|id| u128::from_be_bytes(id.try_into().unwrap()));
                rows.push((id, weight.unwrap_or(1)));
            }
        }
    }
    rows.sort_unstable();
    rows
}

fn thinned_config(path: &Path) -> StorageConfig {
    let thin = Thinning {
        after: Duration::from_secs(86_400),
        keep_one_in: ONE_IN,
        keep_errors: true,
        keep_slower_than: Some(Duration::from_secs(1)),
        keep_severity: Some(WARN),
    };
    let rule = RetentionRule { thin: Some(thin), ..RetentionRule::default() };
    StorageConfig { retention_rules: vec![rule], ..config(path) }
}

/// Each trace's rows and their one weight.
fn by_trace(rows: &[(Option<u128>, u32)]) -> BTreeMap<u128, (u32, u32)> {
    let mut traces = BTreeMap::new();
    for &(id, weight) in rows {
        let Some(id) = id else { continue };
        let (rows, of_trace) = traces.entry(id - 1).or_insert((0, weight));
        assert_eq!(weight, *of_trace, "rows of a trace weigh the same");
        *rows += 1;
    }
    traces
}

/// Whether `estimate` is within five standard deviations of what was there.
fn assert_near(estimate: u32, ordinary: u32, kept: u32) {
    let deviation = (f64::from(ordinary) * f64::from(ONE_IN - 1)).sqrt();
    let error = f64::from(estimate) - f64::from(ordinary + kept);
    assert!(error.abs() < 5.0 * deviation, "{estimate} for {}", ordinary + kept);
}

#[tokio::test]
async fn old_traces_are_kept_whole_when_they_matter_and_drawn_otherwise() {
    let directory = tempfile::tempdir().unwrap();
    let clock = TestClock::at(NOW);
    let faults = Arc::new(Broken::default());
    let open = || open_with(faults.clone(), thinned_config(directory.path()), clock.clone());
    let (storage, _) = open().await.unwrap();
    // What shows why a trace is kept is in another segment than most of it.
    for (half, of_each) in [0..3, 3..SPANS].into_iter().enumerate() {
        let now = clock.now();
        let own = |trace: &u32| *trace as usize % 2 == half;
        send(&storage, Signal::Traces, spans(of_each, now), &format!("spans {half}"), now).await;
        let logs = logs((0..TRACES).filter(own), now);
        send(&storage, Signal::Logs, logs, &format!("logs {half}"), now).await;
        storage.flush().await.unwrap();
        storage.retain().await.unwrap();
        clock.advance(Duration::from_secs(1));
    }
    let whole = (rows(&storage, Table::Spans).await, rows(&storage, Table::Logs).await);
    assert_eq!(whole.0.len() as u32, TRACES * SPANS, "young rows stay");
    assert_eq!(whole.1.len() as u32, TRACES * 2);
    clock.advance(Duration::from_secs(2 * 86_400));
    storage.retain().await.unwrap();
    let thinned = (rows(&storage, Table::Spans).await, rows(&storage, Table::Logs).await);
    check(&thinned.0, &thinned.1);
    storage.retain().await.unwrap();
    storage.compact().await.unwrap();
    storage.retain().await.unwrap();
    assert_eq!(rows(&storage, Table::Spans).await, thinned.0, "once is enough");
    drop(storage);
    let (storage, _) = open().await.unwrap();
    storage.retain().await.unwrap();
    assert_eq!(rows(&storage, Table::Spans).await, thinned.0);
    assert_eq!(rows(&storage, Table::Logs).await, thinned.1);
}

fn check(spans: &[(Option<u128>, u32)], logs: &[(Option<u128>, u32)]) {
    let (of_spans, of_logs) = (by_trace(spans), by_trace(logs));
    let traces = |of: &BTreeMap<u128, (u32, u32)>| of.keys().copied().collect::<Vec<_>>();
    assert_eq!(traces(&of_spans), traces(&of_logs), "spans and logs share their trace's fate");
    let mut kept = 0;
    for trace in 0..TRACES {
        let found = of_spans.get(&u128::from(trace));
        match nature(trace) {
            Nature::Ordinary => {
                assert!(found.is_none_or(|&found| found == (SPANS, ONE_IN)), "{trace}: {found:?}");
            }
            _ => {
                kept += 1;
                assert_eq!(found, Some(&(SPANS, 1)), "{trace}");
            }
        }
    }
    assert_eq!(kept, TRACES / 100 * 3);
    let weigh = |rows: &[(Option<u128>, u32)], has_trace: bool| -> u32 {
        rows.iter().filter(|row| row.0.is_some() == has_trace).map(|row| row.1).sum()
    };
    assert_near(weigh(spans, true) / SPANS, TRACES - kept, kept);
    assert_near(weigh(logs, true), TRACES - kept, kept);
    assert_near(weigh(logs, false), TRACES, 0);
}
