//! Rollups equal a recount of all stored spans, to the integer, whatever way the spans came and were stored.

mod recount;
mod span;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use arrow::record_batch::RecordBatch;
use binnacle_query::{QueryConfig, QueryEngine, SqlRequest};
use binnacle_storage::batch::Batch;
use binnacle_storage::model::{Compression, Encoding, Format, Signal, TenantId, Timestamp};
use binnacle_storage::rollup::histogram;
use binnacle_storage::{AppendRequest, Clock, Decode, Storage, StorageConfig, SystemClock};
use futures::TryStreamExt;
use proptest::prelude::*;
use recount::{Durations, Edge, EdgeKey, Red, RedKey};
use span::{Content, Name, SPANS};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

struct Names;

impl Decode for Names {
    fn decode(
        &self,
        _: Signal,
        _: Encoding,
        body: &[u8],
        ingested_at: Timestamp,
    ) -> Result<Batch, String> {
        Ok(span::decode(body, ingested_at))
    }
}

#[derive(Debug, Clone)]
enum Step {
    Send(Vec<Name>),
    Flush,
    Compact,
    /// The process dies; what was not flushed comes back from the WAL.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let name = (0u8..4, 1..=SPANS, prop_oneof![9 => Just(0u8), 1 => Just(1u8)]);
    let name = name.prop_map(|(trace, span, variant)| Name { trace, span, variant });
    prop_oneof![
        6 => proptest::collection::vec(name, 1..12).prop_map(Step::Send),
        3 => Just(Step::Flush),
        1 => Just(Step::Compact),
        1 => Just(Step::Crash),
    ]
}

/// Storage and what asks it, opened together.
struct Opened {
    storage: Storage,
    engine: QueryEngine,
    sent: u128,
}

impl Opened {
    async fn at(path: &Path, sent: u128) -> Opened {
        let config = StorageConfig {
            path: path.to_owned(),
            retention: Duration::ZERO,
            // Nothing is flushed but when the test says so: that would change what there is to count.
            flush_interval: Duration::from_secs(3_000_000_000),
            ..StorageConfig::default()
        };
        let (storage, _) =
            Storage::open(config, Arc::new(Names), Arc::new(SystemClock)).await.unwrap();
        let config = QueryConfig { threads: 1, ..QueryConfig::default() };
        let engine = QueryEngine::new(storage.clone(), config).unwrap();
        Opened { storage, engine, sent }
    }

    async fn send(&mut self, names: &[Name]) {
        self.sent += 1;
        // Old arrivals would be compacted while the test looks.
        let ingested_at = SystemClock.now();
        let body = span::body(names);
        let request = AppendRequest {
            tenant: TenantId::default(),
            signal: Signal::Traces,
            encoding: Encoding { format: Format::OtlpProtobuf, compression: Compression::None },
            batch: span::decode(&body, ingested_at),
            body: body.into(),
            content_hash: self.sent,
            ingested_at,
        };
        self.storage.append(request).await.unwrap();
    }

    async fn sql(&self, query: &str) -> Vec<RecordBatch> {
        let request = SqlRequest { query: query.to_owned(), ..SqlRequest::default() };
        let answer = self.engine.sql(&TenantId::default(), request).await.unwrap();
        answer.batches.try_collect().await.unwrap()
    }

    /// The spans that are stored now, as often as they are.
    async fn spans(&self) -> Vec<Content> {
        let mut spans = Vec::new();
        for batch in self.sql("SELECT hex(trace_id), hex(span_id), trace_state FROM spans").await {
            let (traces, ids, variants) = (
                batch.column(0).as_string_view(),
                batch.column(1).as_string_view(),
                batch.column(2).as_string_view(),
            );
            for row in 0..batch.num_rows() {
                let first = |text: &str| u8::from_str_radix(&text[..2], 16).unwrap();
                let name = Name {
                    trace: first(traces.value(row)) - 1,
                    span: first(ids.value(row)),
                    variant: variants.value(row).parse().unwrap(),
                };
                spans.push(name.content());
            }
        }
        spans
    }

    async fn red(&self) -> BTreeMap<RedKey, Red> {
        let query = "SELECT CAST(minute AS BIGINT), service, name, kind, status_code, sum(count), sum(errors), \
             sum(duration_sum), min(duration_min), max(duration_max), histogram_sum(duration_histogram) \
             FROM red GROUP BY 1, 2, 3, 4, 5";
        let mut red = BTreeMap::new();
        for batch in self.sql(query).await {
            for row in 0..batch.num_rows() {
                let cells = Cells { batch: &batch, row };
                let key = (cells.int(0), cells.text(1), cells.text(2), cells.int(3), cells.int(4));
                let value = Red {
                    durations: cells.durations(cells.int(5), 7, 10),
                    errors: cells.int(6),
                    min: cells.int(8),
                    max: cells.int(9),
                };
                assert!(red.insert(key, value).is_none());
            }
        }
        red
    }

    async fn edges(&self) -> BTreeMap<EdgeKey, Edge> {
        let query = "SELECT CAST(minute AS BIGINT), caller, callee, connection_type, instrumented, count, errors, \
             client_count, client_duration_sum, client_histogram, server_count, server_duration_sum, server_histogram \
             FROM edges";
        let mut edges = BTreeMap::new();
        for batch in self.sql(query).await {
            for row in 0..batch.num_rows() {
                let cells = Cells { batch: &batch, row };
                let key =
                    (cells.int(0), cells.text(1), cells.text(2), cells.text(3), cells.text(4));
                let value = Edge {
                    count: cells.int(5),
                    errors: cells.int(6),
                    client: cells.durations(cells.int(7), 8, 9),
                    server: cells.durations(cells.int(10), 11, 12),
                };
                assert!(edges.insert(key, value).is_none(), "an edge comes once a minute");
            }
        }
        edges
    }

    async fn check(&self, after: &Step) {
        let spans = self.spans().await;
        check_equal(self.red().await, recount::red(&spans), after);
        check_equal(self.edges().await, recount::edges(&spans), after);
    }
}

/// Fails with what differs.
fn check_equal<K: Ord + Debug, V: PartialEq + Debug>(
    mut found: BTreeMap<K, V>,
    mut expected: BTreeMap<K, V>,
    after: &Step,
) {
    expected.retain(|key, value| match found.get(key) {
        Some(own) if own == value => {
            found.remove(key);
            false
        }
        _ => true,
    });
    assert!(
        found.is_empty() && expected.is_empty(),
        "after {after:?} these are found: {found:#?}, and expected: {expected:#?}"
    );
}

struct Cells<'a> {
    batch: &'a RecordBatch,
    row: usize,
}

impl Cells<'_> {
    fn int(&self, column: usize) -> i64 {
        let array = arrow::compute::cast(self.batch.column(column), &DataType::Int64).unwrap();
        array.as_primitive::<Int64Type>().value(self.row)
    }

    fn text(&self, column: usize) -> String {
        let array = arrow::compute::cast(self.batch.column(column), &DataType::Utf8).unwrap();
        array.as_string::<i32>().value(self.row).to_owned()
    }

    fn durations(&self, count: i64, sum: usize, stored: usize) -> Durations {
        let mut buckets = BTreeMap::new();
        let stored = self.batch.column(stored).as_binary::<i32>().value(self.row);
        histogram::each(stored, |bucket, count| *buckets.entry(bucket).or_default() += count)
            .unwrap();
        let sum = self.batch.column(sum).as_primitive::<Decimal128Type>().value(self.row);
        Durations { count, sum, buckets }
    }
}

async fn run(steps: &[Step]) {
    let directory = tempfile::tempdir().unwrap();
    let mut opened = Opened::at(directory.path(), 0).await;
    for step in steps {
        match step {
            Step::Send(names) => opened.send(names).await,
            Step::Flush => opened.storage.flush().await.unwrap(),
            Step::Compact => opened.storage.compact().await.unwrap(),
            Step::Crash => {
                let sent = opened.sent;
                drop(opened);
                opened = Opened::at(directory.path(), sent).await;
            }
        }
        opened.check(step).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn rollups_equal_a_recount_after_every_step(steps in proptest::collection::vec(step(), 1..14)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(run(&steps));
    }
}
