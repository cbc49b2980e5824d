//! Queries that would run for hours end with their callers, and give everything back.

use super::rows::{column, run_request, small};
use crate::{Error, QueryConfig, QueryEngine, SqlRequest};
use binnacle_storage::model::TenantId;
use futures::TryStreamExt;
use std::time::Duration;

/// Rows without end, each from other operators: none of them may hold a thread for itself.
const ENDLESS: [&str; 6] = [
    "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b",
    "SELECT count(*) FROM generate_series(1, 1000000) a(x)
     JOIN generate_series(1, 1000000) b(y) ON x + y < 0",
    "SELECT count(*) FROM generate_series(1, 1000000) a(x)
     JOIN generate_series(1, 1000000) b(y) ON x % 1 = y % 1 AND x + y < 0",
    "SELECT count(*) FROM generate_series(1, 1000000) a(x)
     WHERE EXISTS (SELECT 1 FROM generate_series(1, 1000000) b(y) WHERE x + y < 0)",
    "SELECT count(*) FROM generate_series(1, 1000000) a(x)
     FULL JOIN generate_series(1, 1000000) b(y) ON x * y < 0",
    "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 0 FROM t) SELECT count(*) FROM t",
];

fn request(query: &str) -> SqlRequest {
    SqlRequest { query: query.to_owned(), row_limit: Some(u64::MAX - 1), ..SqlRequest::default() }
}

/// Waits until no query holds its turn, nor any memory.
async fn idle(engine: &QueryEngine) {
    while engine.metrics().running.get() > 0 || engine.memory().used() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Long enough for every machine; a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(120);

async fn within_reason<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => panic!("{what} did not end"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_query_ends_with_its_caller_or_its_time() {
    let fixture = small(false).await;
    let config = QueryConfig { threads: 2, ..QueryConfig::default() };
    let engine = QueryEngine::new(fixture.storage.clone(), config).unwrap();
    let tenant = TenantId::default();
    let soon = Duration::from_millis(100);
    for query in ENDLESS {
        let asked = engine.sql(&tenant, request(query));
        assert!(tokio::time::timeout(soon, asked).await.is_err(), "{query}");
        within_reason(query, idle(&engine)).await;
        let limited = SqlRequest { timeout: Some(soon), ..request(query) };
        let answer = within_reason(query, run_request(&engine, limited)).await;
        assert!(matches!(answer, Err(Error::Timeout { .. })), "{query}: {answer:?}");
        within_reason(query, idle(&engine)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_holds_its_turn_until_it_is_dropped() {
    let fixture = small(false).await;
    let config =
        QueryConfig { concurrency: 1, waiting_max: 0, threads: 2, ..QueryConfig::default() };
    let engine = QueryEngine::new(fixture.storage.clone(), config).unwrap();
    let tenant = TenantId::default();
    let long = "SELECT value FROM generate_series(1, 1000000000)";
    let mut answer = engine.sql(&tenant, request(long)).await.unwrap();
    assert!(answer.batches.try_next().await.unwrap().is_some());
    let refused = engine.sql(&tenant, request("SELECT 1")).await;
    assert!(matches!(refused, Err(Error::Overloaded { .. })));
    drop(answer);
    within_reason(long, idle(&engine)).await;
    assert_eq!(column(&engine, "SELECT 1").await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_gives_its_turn_back() {
    let fixture = small(true).await;
    let config = QueryConfig { threads: 2, ..QueryConfig::default() };
    let engine = QueryEngine::new(fixture.storage.clone(), config).unwrap();
    let answered = [
        "SELECT name FROM spans WHERE attributes['s'] = 'Beta' OR resource['a'] = 'b'",
        "SELECT span_name, attributes['amount'] FROM span_events ORDER BY time",
        "SELECT count(*) FROM span_links",
        "SELECT count(*) FROM spans a JOIN span_events b ON a.span_id = b.span_id",
        "EXPLAIN ANALYZE SELECT count(*) FROM span_events",
        "SELECT count(*) FROM segments, attribute_keys",
    ];
    for query in answered {
        run_request(&engine, request(query)).await.unwrap();
        within_reason(query, idle(&engine)).await;
    }
    for refused in
        ["SELEC", "SELECT no_column FROM spans", "SELECT 1 / (duration - duration) FROM spans"]
    {
        assert!(run_request(&engine, request(refused)).await.is_err(), "{refused}");
        within_reason(refused, idle(&engine)).await;
    }
    let tenant = TenantId::default();
    engine.series(&tenant, crate::SeriesRequest::default()).await.unwrap();
    engine.logs(&tenant, crate::LogRequest::default()).await.unwrap();
    engine.trace(&tenant, binnacle_storage::model::TraceId([2; 16])).await.unwrap().unwrap();
    within_reason("a page or a trace", idle(&engine)).await;
}
