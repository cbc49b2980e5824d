//! Counts over real storage against a count of all rows at once.

use super::*;
use crate::testing::{Fixture, Random, resource, scope};
use binnacle_storage::batch::{BatchBuilder, LogRow, SpanRow, TimeOrigin};
use binnacle_storage::model::{Signal, SpanId, Timestamp, TraceId};
use std::collections::{BTreeMap, HashSet};

/// A span of a trace, in a few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Seed {
    trace: u8,
    span: u8,
    start: i64,
    duration: i64,
    is_error: bool,
    is_server: bool,
}

fn push(builder: &mut BatchBuilder, seed: Seed) {
    builder.resource(&resource("cart", "z1"), "cart");
    builder.scope(&scope("http"));
    builder.push_span(&SpanRow {
        trace_id: TraceId([seed.trace; 16]),
        span_id: SpanId([seed.span; 8]),
        parent_span_id: None,
        trace_state: "",
        flags: 0,
        name: "GET /cart",
        kind: if seed.is_server { 2 } else { 3 },
        start_time: Timestamp(seed.start),
        end_time: Timestamp(seed.start + seed.duration),
        status_code: if seed.is_error { 2 } else { 0 },
        status_message: "",
        dropped_attributes_count: 0,
        attributes: &[],
        dropped_events_count: 0,
        dropped_links_count: 0,
        events: &[],
        links: &[],
    });
}

type Slices = BTreeMap<i64, (u64, u64)>;

/// Spans counted once each where they end, of the server's.
fn expected(seeds: &HashSet<Seed>) -> Slices {
    let mut slices = Slices::new();
    for seed in seeds.iter().filter(|seed| seed.is_server) {
        let slice = slices.entry((seed.start + seed.duration).div_euclid(SLICE_NANOS)).or_default();
        slice.0 += u64::from(!seed.is_error);
        slice.1 += 1;
    }
    slices
}

/// Counts as an engine does: segments once each, the rest at every look.
struct Counter {
    queries: Vec<Arc<SliQuery>>,
    table: Table,
    stored: SliCounts,
    counted_to: u64,
    cache: SliCache,
}

impl Counter {
    fn new(query: SliQuery) -> Counter {
        let table = query.table();
        let (stored, cache) = (SliCounts::default(), SliCache::default());
        Counter { queries: vec![Arc::new(query)], table, stored, counted_to: 0, cache }
    }

    /// `others` are the positions up to which others have counted.
    async fn look(&mut self, fixture: &Fixture, engine: &QueryEngine, others: &[u64]) -> Slices {
        let tenant = TenantId::default();
        let border = fixture.storage.add_border(&tenant, self.table).await.unwrap();
        let sources = engine.sli_sources(&tenant, self.table).await.unwrap();
        let after = self.counted_to;
        let counts = engine.sli_segments(&sources, &self.queries, after, border);
        self.stored.add(&counts.await.unwrap()[0]);
        self.counted_to = border;
        fixture
            .storage
            .keep_borders(&tenant, self.table, others.iter().copied().chain([border]).collect())
            .await
            .unwrap();
        let mut all = self.stored.clone();
        let rest = engine.sli_buffer(&sources, &self.queries, &mut self.cache).await.unwrap();
        all.add(&rest[0]);
        let fresh = engine.sli_segments(&sources, &self.queries, border, u64::MAX);
        all.add(&fresh.await.unwrap()[0]);
        all.slices
    }
}

fn errors() -> SliQuery {
    SliQuery::spans("{ kind = server }", "{ status != error }", true).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_those_of_all_rows_however_they_come_and_wherever_they_lie() {
    for seed in 1..=12u64 {
        let mut random = Random(seed * 7_919);
        let mut fixture = Fixture::new().await;
        let engine = fixture.engine();
        let mut counter = Counter::new(errors());
        let mut early = Counter::new(
            SliQuery::spans("{ kind = server }", "{ status = error }", false).unwrap(),
        );
        let mut sent: Vec<Seed> = Vec::new();
        for step in 0..40 {
            let mut batch = Vec::new();
            for _ in 0..random.below(6) {
                let fresh = Seed {
                    trace: random.below(12) as u8 + 1,
                    span: random.below(40) as u8 + 1,
                    start: 1_700_000_000_000_000_000 + random.below(90) as i64 * 1_000_000_000,
                    duration: random.below(30) as i64 * 1_000_000_000,
                    is_error: random.below(4) == 0,
                    is_server: random.below(4) != 0,
                };
                // What is sent again says the same of a span as the first time.
                let is_again = !sent.is_empty() && random.below(3) == 0;
                let again = |random: &mut Random| sent[random.below(sent.len() as u64) as usize];
                let same = |seed: &&Seed| {
                    let id = |seed: &Seed| {
                        (seed.trace, seed.span, seed.start, seed.duration, seed.is_server)
                    };
                    id(seed) == id(&fresh)
                };
                let chosen = if is_again { again(&mut random) } else { fresh };
                let chosen = sent
                    .iter()
                    .chain(&batch)
                    .find(same)
                    .filter(|_| !is_again)
                    .copied()
                    .unwrap_or(chosen);
                batch.push(chosen);
            }
            fixture
                .append(Signal::Traces, |builder| {
                    batch.iter().for_each(|seed| push(builder, *seed));
                })
                .await;
            sent.extend(batch);
            match random.below(8) {
                0 => fixture.flush().await,
                1 => {
                    fixture.flush().await;
                    fixture.storage.compact().await.unwrap();
                }
                _ => {}
            }
            if random.below(3) > 0 {
                let all = expected(&sent.iter().copied().collect());
                assert_eq!(
                    counter.look(&fixture, &engine, &[early.counted_to]).await,
                    all,
                    "seed {seed}, step {step}"
                );
                if random.below(4) == 0 {
                    assert_eq!(
                        early.look(&fixture, &engine, &[counter.counted_to]).await,
                        all,
                        "seed {seed}, step {step}, bad"
                    );
                }
            }
        }
        fixture.flush().await;
        fixture.storage.compact().await.unwrap();
        let all = expected(&sent.iter().copied().collect());
        assert_eq!(counter.look(&fixture, &engine, &[early.counted_to]).await, all, "seed {seed}");
        assert_eq!(
            Counter::new(errors()).look(&fixture, &engine, &[]).await,
            all,
            "seed {seed}, from the start"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_records_are_counted_at_their_time_each_one() {
    let mut fixture = Fixture::new().await;
    let engine = fixture.engine();
    let mut counter = Counter::new(SliQuery::logs("order", "severity:error", false).unwrap());
    let log = |body: &'static str, second: i64, severity_number: i32| {
        move |builder: &mut BatchBuilder| {
            builder.resource(&resource("cart", "z1"), "cart");
            builder.scope(&scope("http"));
            builder.push_log(&LogRow {
                time: Timestamp(second * 1_000_000_000),
                time_origin: TimeOrigin::Sent,
                observed_time: None,
                trace_id: None,
                span_id: None,
                flags: 0,
                severity_number,
                severity_text: "",
                event_name: "",
                body: Some(body),
                body_value: None,
                dropped_attributes_count: 0,
                attributes: &[],
            });
        }
    };
    fixture.append(Signal::Logs, log("order placed", 9, 9)).await;
    fixture.append(Signal::Logs, log("order lost", 10, 17)).await;
    fixture.flush().await;
    fixture.append(Signal::Logs, log("order placed", 9, 9)).await;
    fixture.append(Signal::Logs, log("something else", 9, 17)).await;
    let slices = counter.look(&fixture, &engine, &[]).await;
    assert_eq!(slices, Slices::from([(0, (2, 2)), (1, (0, 1))]), "records have no identity");
    fixture.flush().await;
    fixture.storage.compact().await.unwrap();
    assert_eq!(counter.look(&fixture, &engine, &[]).await, slices);
}
