//! SQL over real storage: the same answers whatever layout a row's attributes are kept in, with filter pushdown and
//! without, and equal to a plain evaluation row by row.

mod broken;
mod predicates;
mod prune;
mod rows;
mod stop;

use self::rows::{Fixture, column, run, run_request, small};
use crate::{Error, SqlRequest};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::TenantId;
use std::sync::Arc;

async fn check_messages(fixture: &Fixture) {
    let engine = fixture.engine(true);
    let one = "WHERE span_id = '0202020202020202'";
    let found = column(&engine, &format!("SELECT attributes FROM spans {one}")).await;
    assert_eq!(found, [r#"{"b":false,"d":0.5,"i":-9,"s":"Beta"}"#]);
    let found = column(&engine, &format!("SELECT resource FROM spans {one}")).await;
    assert_eq!(found, [r#"{"process.pid":42,"service.name":"shop"}"#]);
    let query = format!("SELECT scope_name || ' ' || scope_version FROM spans {one}");
    assert_eq!(column(&engine, &query).await, ["lib 1.2"]);
    let found = column(&engine, &format!("SELECT events FROM spans {one}")).await;
    assert_eq!(found, [r#"[{"time":"7","name":"paid","attributes":{"amount":3}}]"#]);
    let query = "SELECT span_name, name, attributes['amount'] + 1 FROM span_events
        WHERE trace_id = '02020202020202020202020202020202' AND attributes['amount'] = 3";
    let (rows, _) = run(&engine, query).await.unwrap();
    assert_eq!(rows, [["Shredded 1", "paid", "4.0"]]);
    let found = column(&engine, "SELECT count(*) FROM span_events WHERE name = 'paid'").await;
    assert_eq!(found, ["3"]);
    let query = "SELECT linked_trace_id, span_name FROM span_links";
    let (rows, _) = run(&engine, query).await.unwrap();
    assert_eq!(rows, [["09".repeat(16), "Shredded 0".to_owned()]]);
    let (rows, _) = run(&engine, "SELECT * FROM spans").await.unwrap();
    assert_eq!(rows.len(), 3);
    let query = "WITH t AS (SELECT name, attributes FROM spans) SELECT t.attributes['s'] FROM t
        WHERE attributes['i'] = -9";
    assert_eq!(column(&engine, query).await, ["Beta"]);
    let query = "SELECT a.name FROM spans a JOIN span_events b ON a.trace_id = b.trace_id
        WHERE a.attributes['i'] = -9 AND b.attributes['amount'] = 3";
    assert_eq!(column(&engine, query).await, ["Shredded 1"]);
    let query = "SELECT attributes['s'], count(*) FROM spans GROUP BY attributes['s'] ORDER BY 1";
    let (rows, _) = run(&engine, query).await.unwrap();
    assert_eq!(rows, [["Beta", "1"], ["alpha", "1"], ["gamma delta", "1"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_messages_are_readable_from_the_buffer() {
    check_messages(&small(false).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_messages_are_readable_from_segments() {
    check_messages(&small(true).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_and_system_tables_are_there() {
    let fixture = small(false).await;
    let engine = fixture.engine(true);
    let schema = Arc::new(Schema::new(vec![Field::new("reason", DataType::Utf8, false)]));
    let of = schema.clone();
    let rows = move |tenant: &TenantId| {
        let column = arrow::array::StringArray::from(vec![tenant.to_string()]);
        RecordBatch::try_new(of.clone(), vec![Arc::new(column)]).unwrap()
    };
    engine.add_system_table("ingest_rejections", schema, Arc::new(rows));
    assert_eq!(column(&engine, "SELECT reason FROM ingest_rejections").await, ["default"]);
    let query = "SELECT hex(span_id) FROM spans ORDER BY span_id LIMIT 1";
    assert_eq!(column(&engine, query).await, ["0101010101010101"]);
    let query = "SELECT count(*) FROM spans GROUP BY time_bucket(INTERVAL '1 minute', start_time)";
    assert_eq!(column(&engine, query).await, ["3"]);
    let query = "SELECT approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY duration) FROM spans";
    assert_eq!(column(&engine, query).await, ["10.0"]);
    let query = "SELECT type FROM attribute_keys WHERE table = 'spans' AND key = 'i'";
    assert_eq!(column(&engine, &query.replace("table", "\"table\"")).await, ["int"]);
    fixture.flush().await;
    assert_eq!(column(&engine, "SELECT \"table\" FROM segments").await, ["spans"]);
    let query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'";
    assert_eq!(column(&engine, query).await.len(), 12);
    let past = "SELECT count(*) FROM spans WHERE start_time < now() - INTERVAL '1 hour'";
    assert_eq!(column(&engine, past).await, ["3"]);
    assert!(!column(&engine, "SHOW TABLES").await.is_empty());
    assert!(!column(&engine, "DESCRIBE spans").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_end_a_query_and_say_so() {
    let fixture = small(false).await;
    let engine = fixture.engine(true);
    let request = |query: &str| SqlRequest { query: query.to_owned(), ..SqlRequest::default() };
    let few = SqlRequest { row_limit: Some(2), ..request("SELECT name FROM spans") };
    let (rows, stats) = run_request(&engine, few).await.unwrap();
    assert_eq!((rows.len(), stats.truncated, stats.rows_returned), (2, true, 2));
    let exact = SqlRequest { row_limit: Some(3), ..request("SELECT name FROM spans") };
    let (rows, stats) = run_request(&engine, exact).await.unwrap();
    assert_eq!((rows.len(), stats.truncated), (3, false));
    let long = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b";
    let timeout = Some(std::time::Duration::from_millis(200));
    let slow = SqlRequest { timeout, ..request(long) };
    assert!(matches!(run_request(&engine, slow).await, Err(Error::Timeout { .. })));
    let big = "SELECT value FROM generate_series(1, 3000000) ORDER BY value * -1";
    let large = SqlRequest { memory_limit: Some(1 << 20), ..request(big) };
    let error = run_request(&engine, large).await;
    assert!(matches!(error, Err(Error::MemoryLimit { .. })), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_names_get_near_ones() {
    let fixture = small(false).await;
    let engine = fixture.engine(true);
    let hint = async |query: &str| match run(&engine, query).await {
        Err(error @ Error::NotFound { .. }) => (error.hint().unwrap(), error.position()),
        other => panic!("{query}: {other:?}"),
    };
    let (said, position) = hint("SELECT servce FROM spans").await;
    assert!(said.contains("'service'"), "{said}");
    assert_eq!(position.map(|at| (at.line, at.column)), Some((1, 8)));
    assert!(hint("SELECT * FROM span").await.0.contains("'spans'"));
    hint("SELECT no_function(1)").await;
    for file in ["SELECT * FROM '/etc/passwd'", "SELECT * FROM read_csv('/etc/passwd')"] {
        assert!(run(&engine, file).await.is_err(), "{file}");
    }
    let many = run(&engine, "SELECT repeat('x', 1000000000)").await;
    assert!(many.is_err());
    let id = run(&engine, "SELECT 1 FROM spans WHERE 'zz' = trace_id").await;
    assert!(matches!(id, Err(Error::InvalidRequest { .. })));
    assert!(column(&engine, "VALUES (1)").await == ["1"]);
}
