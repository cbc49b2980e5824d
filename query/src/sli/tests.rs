//! Counts over real storage against a count of all rows at once.

use super::*;
use crate::testing::{Fixture, Random, resource, scope};
use binnacle_storage::batch::{BatchBuilder, LogRow, SpanRow, TimeOrigin};
use binnacle_storage::model::{Signal, SpanId, Timestamp, TraceId};
use std::collections::{BTreeMap, BTreeSet, HashSet};

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
    push_named(builder, seed, "GET /cart");
}

fn push_named(builder: &mut BatchBuilder, seed: Seed, name: &str) {
    builder.resource(&resource("cart", "z1"), "cart");
    builder.scope(&scope("http"));
    builder.push_span(&SpanRow {
        trace_id: TraceId([seed.trace; 16]),
        span_id: SpanId([seed.span; 8]),
        parent_span_id: None,
        trace_state: "",
        flags: 0,
        name,
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
        self.look_at_all(fixture, engine, others).await.slices
    }

    async fn look_at_all(
        &mut self,
        fixture: &Fixture,
        engine: &QueryEngine,
        others: &[u64],
    ) -> SliCounts {
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
        all
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

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// The name of a span, which groups are made of.
fn name_of(seed: &Seed) -> &'static str {
    NAMES[usize::from(seed.trace) % NAMES.len()]
}

fn grouped(most: usize) -> SliQuery {
    let budget = Arc::new(GroupBudget::new(100));
    let by = ["name".to_owned(), "resource.zone".to_owned()];
    let groups = SliGroups::new(Table::Spans, &by, most, budget).unwrap();
    errors().grouped(Arc::new(groups))
}

/// Sums of all groups by slice.
fn together(groups: &BTreeMap<SliGroup, Slices>) -> Slices {
    let mut all = Slices::new();
    for (slice, (good, total)) in groups.values().flatten() {
        let sum = all.entry(*slice).or_default();
        *sum = (sum.0 + good, sum.1 + total);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_counted_as_each_would_be_alone_and_add_up_to_the_whole_whatever_their_limit() {
    for seed in 1..=6u64 {
        let mut random = Random(seed * 104_729);
        let mut fixture = Fixture::new().await;
        let engine = fixture.engine();
        let mut all = Counter::new(grouped(10));
        let mut some = Counter::new(grouped(2));
        let mut sent: Vec<Seed> = Vec::new();
        for step in 0..20 {
            let mut batch: Vec<Seed> = Vec::new();
            for _ in 0..random.below(8) {
                let fresh = Seed {
                    trace: random.below(12) as u8 + 1,
                    span: random.below(40) as u8 + 1,
                    start: 1_700_000_000_000_000_000 + random.below(90) as i64 * 1_000_000_000,
                    duration: 0,
                    is_error: false,
                    is_server: random.below(4) != 0,
                };
                let is_again = !sent.is_empty() && random.below(3) == 0;
                let again = sent.get(random.below(sent.len().max(1) as u64) as usize);
                batch.push(again.copied().filter(|_| is_again).unwrap_or(fresh));
            }
            fixture
                .append(Signal::Traces, |builder| {
                    batch.iter().for_each(|seed| push_named(builder, *seed, name_of(seed)));
                })
                .await;
            sent.extend(batch);
            if random.below(3) == 0 {
                fixture.flush().await;
                fixture.storage.compact().await.unwrap();
            }
            let unique: HashSet<Seed> = sent.iter().copied().collect();
            let found = all.look_at_all(&fixture, &engine, &[some.counted_to]).await;
            for name in NAMES {
                let of_name = unique.iter().filter(|seed| name_of(seed) == name).copied().collect();
                let group = SliGroup(vec![name.to_owned(), "z1".to_owned()]);
                let slices = found.groups.get(&group).cloned().unwrap_or_default();
                assert_eq!(slices, expected(&of_name), "seed {seed}, step {step}, {name}");
            }
            assert_eq!(found.slices, expected(&unique), "seed {seed}, step {step}");
            let found = some.look_at_all(&fixture, &engine, &[all.counted_to]).await;
            let named = found.groups.keys().filter(|group| !group.is_overflow()).count();
            assert!(named <= 2, "{:?}", found.groups.keys());
            assert_eq!(found.slices, expected(&unique), "seed {seed}, step {step}, limited");
            assert_eq!(together(&found.groups), found.slices, "seed {seed}, step {step}, limited");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_beyond_the_groups_that_were_admitted_is_the_overflow() {
    let mut random = Random(31);
    let mut fixture = Fixture::new().await;
    let engine = fixture.engine();
    let mut counter = Counter::new(grouped(2));
    let mut alone = Counter::new(errors());
    for step in 0..6 {
        let seed = |random: &mut Random| Seed {
            trace: random.below(12) as u8 + 1,
            span: random.below(200) as u8 + 1,
            start: 1_700_000_000_000_000_000 + random.below(90) as i64 * 1_000_000_000,
            duration: 0,
            is_error: random.below(4) == 0,
            is_server: random.below(4) != 0,
        };
        let batch: Vec<Seed> = (0..20).map(|_| seed(&mut random)).collect();
        fixture
            .append(Signal::Traces, |builder| {
                batch.iter().for_each(|seed| push_named(builder, *seed, name_of(seed)));
            })
            .await;
        if step % 2 == 1 {
            fixture.flush().await;
        }
        let found = counter.look_at_all(&fixture, &engine, &[]).await;
        if step == 0 {
            let live = counter.queries[0].groups().unwrap().clone();
            alone = Counter::new(errors().beyond(live));
        }
        let overflow = found.groups.get(&SliGroup::overflow()).cloned().unwrap_or_default();
        let beyond = alone.look(&fixture, &engine, &[counter.counted_to]).await;
        assert_eq!(beyond, overflow, "step {step}");
        assert!(step == 0 || (!beyond.is_empty() && beyond != found.slices));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_told_apart_by_what_they_and_their_resources_say() {
    let mut fixture = Fixture::new().await;
    let engine = fixture.engine();
    let by = ["service".to_owned(), "severity".to_owned()];
    let groups = SliGroups::new(Table::Logs, &by, 5, Arc::new(GroupBudget::new(5))).unwrap();
    let query = SliQuery::logs("", "severity:error", false).unwrap();
    let mut counter = Counter::new(query.grouped(Arc::new(groups)));
    for (service, severity_number) in [("cart", 17), ("cart", 9), ("pay", 9), ("pay", 9)] {
        let push = |builder: &mut BatchBuilder| {
            builder.resource(&resource(service, "z1"), service);
            builder.scope(&scope("http"));
            builder.push_log(&LogRow {
                time: Timestamp(9_000_000_000),
                time_origin: TimeOrigin::Sent,
                observed_time: None,
                trace_id: None,
                span_id: None,
                flags: 0,
                severity_number,
                severity_text: "",
                event_name: "",
                body: Some("order"),
                body_value: None,
                dropped_attributes_count: 0,
                attributes: &[],
            });
        };
        fixture.append(Signal::Logs, push).await;
    }
    for _ in 0..2 {
        let found = counter.look_at_all(&fixture, &engine, &[]).await;
        let counts = |of: [&str; 2]| {
            let group = SliGroup(of.iter().map(|value| (*value).to_owned()).collect());
            found.groups[&group][&0]
        };
        assert_eq!(found.groups.len(), 3, "{:?}", found.groups);
        assert_eq!(counts(["cart", "error"]), (0, 1));
        assert_eq!(counts(["cart", "info"]), (1, 1));
        assert_eq!(counts(["pay", "info"]), (2, 2));
        fixture.flush().await;
    }
}

const WITHIN: i64 = 8_000_000_000;

/// Journeys of each trace from any server's span before which none began for eight seconds, good if a server's and a client's
/// span ended well in the eight seconds from there.
fn expected_journeys(seeds: &HashSet<Seed>) -> Slices {
    let mut slices = Slices::new();
    for trace in 1..=12 {
        let of = || seeds.iter().filter(move |seed| seed.trace == trace);
        let first: BTreeSet<i64> =
            of().filter(|seed| seed.is_server).map(|seed| seed.start).collect();
        for &begin in &first {
            if first.range(begin - WITHIN..begin).next().is_some() {
                continue;
            }
            let is_good = |is_server: bool| {
                of().any(|seed| {
                    let end = seed.start + seed.duration;
                    let is_in_time = begin - WITHIN <= seed.start && begin <= end;
                    seed.is_server == is_server
                        && !seed.is_error
                        && is_in_time
                        && end <= begin + WITHIN
                })
            };
            let slice = slices.entry((begin + WITHIN).div_euclid(SLICE_NANOS)).or_default();
            slice.0 += u64::from(is_good(true) && is_good(false));
            slice.1 += 1;
        }
    }
    slices
}

#[tokio::test(flavor = "multi_thread")]
async fn journeys_are_those_of_all_spans_however_they_come_and_wherever_they_lie() {
    let step = |total: &str| Arc::new(SliQuery::spans(total, "{ status = error }", false).unwrap());
    let steps = vec![step("{ kind = server }"), step("{ kind = client }")];
    let begin = 1_700_000_000_000_000_000;
    let first = begin / SLICE_NANOS;
    let (mut all_seen, mut good_seen) = (0, 0);
    for seed in 1..=8u64 {
        let mut random = Random(seed * 104_729);
        let mut fixture = Fixture::new().await;
        let engine = fixture.engine();
        let mut sent: HashSet<Seed> = HashSet::new();
        for step in 0..12 {
            let batch: Vec<Seed> = (0..random.below(8))
                .map(|_| Seed {
                    trace: random.below(12) as u8 + 1,
                    span: random.below(200) as u8 + 1,
                    start: begin + random.below(100) as i64 * 1_000_000_000,
                    duration: random.below(12) as i64 * 1_000_000_000,
                    is_error: random.below(5) == 0,
                    is_server: random.below(3) != 0,
                })
                .collect();
            let again: Vec<Seed> = sent.iter().take(2).copied().collect();
            let both = batch.iter().chain(&again);
            fixture
                .append(Signal::Traces, |builder| both.for_each(|seed| push(builder, *seed)))
                .await;
            sent.extend(batch);
            match random.below(6) {
                0 => fixture.flush().await,
                1 => {
                    fixture.flush().await;
                    fixture.storage.compact().await.unwrap();
                }
                _ => {}
            }
            // Asked in parts, as long times are.
            let mut ends: Vec<i64> = (0..4).map(|_| first + random.below(13) as i64).collect();
            ends.push(first + 20);
            ends.sort_unstable();
            let mut slices = Slices::new();
            let mut from = first - 2;
            for to in ends {
                let steps = steps.clone();
                let request = JourneyRequest { steps, within_nanos: WITHIN, slices: from..to };
                let found = engine.sli_journeys(&TenantId::default(), request).await.unwrap();
                slices.extend(found.slices);
                from = to;
            }
            let expected = expected_journeys(&sent);
            assert_eq!(slices, expected, "seed {seed}, step {step}");
            all_seen += expected.values().map(|(_, all)| all).sum::<u64>();
            good_seen += expected.values().map(|(good, _)| good).sum::<u64>();
        }
    }
    assert!(good_seen > 50 && all_seen > 2 * good_seen, "{good_seen} of {all_seen}");
}
