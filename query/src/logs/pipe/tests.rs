//! Tables equal a plain count over the rows, wherever these lie.

use crate::logs::{LogAnswer, LogRequest, LogTable, TableCell};
use crate::testing::{Fixture, Random, resource, scope};
use crate::value::AnyValue;
use crate::value::encode::encode_pair;
use crate::{Error, QueryConfig, QueryEngine};
use binnacle_storage::batch::{LogRow, TimeOrigin};
use binnacle_storage::model::{Signal, TenantId, Timestamp, wire};
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
struct Row {
    time: i64,
    service: &'static str,
    severity: i32,
    body: Option<String>,
    code: Option<i64>,
    path: Option<&'static str>,
}

fn rows(random: &mut Random, count: usize) -> Vec<Row> {
    let row = |_| Row {
        time: random.below(50) as i64,
        service: random.one_of(&["shop", "cart", "pay"]),
        severity: random.one_of(&[0, 9, 17, 18]),
        body: (random.below(9) > 0).then(|| {
            format!("user {} {}", random.below(5), random.one_of(&["paid", "left the shop"]))
        }),
        code: (random.below(3) > 0).then(|| 200 + random.below(3) as i64),
        path: (random.below(4) > 0).then(|| random.one_of(&["/a", "/b/with/a/long/path"])),
    };
    (0..count).map(row).collect()
}

async fn append(fixture: &mut Fixture, rows: &[Row]) {
    fixture
        .append(Signal::Logs, |builder| {
            for row in rows {
                builder.resource(&resource(row.service, "east"), row.service);
                builder.scope(&scope("http"));
                let code = row.code.map(|code| encode_pair("code", &AnyValue::Int(code)));
                let path = row.path.map(|p| encode_pair("path", &AnyValue::String(p.to_owned())));
                let messages: Vec<Vec<u8>> = code.into_iter().chain(path).collect();
                let attributes: Vec<_> =
                    messages.iter().map(|message| wire::key_value(message).unwrap()).collect();
                builder.push_log(&LogRow {
                    time: Timestamp(row.time),
                    time_origin: TimeOrigin::Sent,
                    observed_time: None,
                    trace_id: None,
                    span_id: None,
                    flags: 0,
                    severity_number: row.severity,
                    severity_text: "",
                    event_name: "",
                    body: row.body.as_deref(),
                    body_value: None,
                    dropped_attributes_count: 0,
                    attributes: &attributes,
                });
            }
        })
        .await;
}

async fn table(engine: &QueryEngine, query: &str) -> LogTable {
    let request = LogRequest { query: query.to_owned(), ..LogRequest::default() };
    match engine.search_logs(&TenantId::default(), request).await.unwrap() {
        LogAnswer::Table(table) => {
            assert!(table.stats.warnings.is_empty(), "{:?}", table.stats.warnings);
            table
        }
        LogAnswer::Page(page) => panic!("{query}: {page:?}"),
    }
}

fn text(text: &str) -> TableCell {
    TableCell::Value(AnyValue::String(text.to_owned()))
}

fn int(number: Option<i64>) -> TableCell {
    TableCell::Value(number.map_or(AnyValue::Empty, AnyValue::Int))
}

/// Counts by a key, the most frequent first, then by key.
fn counted<K: Ord>(keys: impl Iterator<Item = K>) -> Vec<(K, u64)> {
    let mut counts: BTreeMap<K, u64> = BTreeMap::new();
    keys.for_each(|key| *counts.entry(key).or_default() += 1);
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

async fn check(fixture: &Fixture, rows: &[Row]) {
    let engine = fixture.engine_with(QueryConfig { threads: 2, ..QueryConfig::default() });
    let count = |of: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| of(row)).count() as u64;
    let all = table(&engine, "| count").await;
    assert_eq!(all.rows, [[TableCell::Count(rows.len() as u64)]]);
    let paid = table(&engine, "paid service:(shop OR cart) | count").await;
    let expected = count(&|row| {
        row.body.as_deref().is_some_and(|body| body.ends_with("paid")) && row.service != "pay"
    });
    assert_eq!(paid.rows, [[TableCell::Count(expected)]]);

    let by = table(&engine, "| count by service, code").await;
    let expected: Vec<Vec<TableCell>> = counted(rows.iter().map(|row| (row.service, row.code)))
        .into_iter()
        .map(|((s, code), count)| vec![text(s), int(code), TableCell::Count(count)])
        .collect();
    assert_eq!(by.rows, expected);

    let top = table(&engine, "| top 2 by attributes.path").await;
    let expected: Vec<Vec<TableCell>> = counted(rows.iter().filter_map(|row| row.path))
        .into_iter()
        .take(2)
        .map(|(path, count)| vec![text(path), TableCell::Count(count)])
        .collect();
    assert_eq!(top.rows, expected);

    let zones = table(&engine, "| count by zone").await;
    assert_eq!(zones.rows, [[text("east"), TableCell::Count(rows.len() as u64)]]);

    let per = table(&engine, "| count by severity per 1ms | sort time").await;
    assert_eq!(
        per.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(),
        ["time", "severity", "count"]
    );
    let name = |row: &Row| match row.severity {
        0 => None,
        9 => Some("info"),
        _ => Some("error"),
    };
    let expected: Vec<Vec<TableCell>> = counted(rows.iter().map(name))
        .into_iter()
        .map(|(name, count)| {
            let name =
                TableCell::Value(name.map_or(AnyValue::Empty, |n| AnyValue::String(n.to_owned())));
            vec![TableCell::Time(0), name, TableCell::Count(count)]
        })
        .collect();
    assert_eq!(per.rows, expected);

    let patterns = table(&engine, "| pattern").await;
    let bodies =
        |end: &str| count(&|row| row.body.as_deref().is_some_and(|body| body.ends_with(end)));
    let mut expected = vec![
        (Some("user <_> paid"), bodies("paid")),
        (Some("user <_> left the shop"), bodies("shop")),
        (None, count(&|row| row.body.is_none())),
    ];
    expected.retain(|(_, count)| *count > 0);
    let mut found: Vec<_> = patterns
        .rows
        .iter()
        .map(|row| match (&row[0], &row[1]) {
            (TableCell::Value(AnyValue::String(pattern)), TableCell::Count(count)) => {
                (Some(pattern.as_str()), *count)
            }
            (_, TableCell::Count(count)) => (None, *count),
            _ => panic!("{row:?}"),
        })
        .collect();
    assert!(found.is_sorted_by(|a, b| a.1 >= b.1));
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_equal_a_plain_count_wherever_records_lie() {
    for seed in 1..=3 {
        let mut random = Random(seed * 0x9e37_79b9);
        let rows = rows(&mut random, 120);
        let mut fixture = Fixture::new().await;
        append(&mut fixture, &rows[..40]).await;
        check(&fixture, &rows[..40]).await;
        fixture.flush().await;
        append(&mut fixture, &rows[40..80]).await;
        check(&fixture, &rows[..80]).await;
        fixture.flush().await;
        fixture.storage.compact().await.unwrap();
        append(&mut fixture, &rows[80..]).await;
        check(&fixture, &rows).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_say_whether_rows_are_missing() {
    let mut random = Random(5);
    let rows = rows(&mut random, 60);
    let mut fixture = Fixture::new().await;
    append(&mut fixture, &rows).await;
    let engine = fixture.engine();
    let asked = table(&engine, "| count by service | limit 2").await;
    assert_eq!((asked.rows.len(), asked.truncated), (2, false));
    let request = |query: &str| LogRequest {
        query: query.to_owned(),
        limit: Some(2),
        ..LogRequest::default()
    };
    let tenant = TenantId::default();
    let LogAnswer::Table(cut) =
        engine.search_logs(&tenant, request("| count by service")).await.unwrap()
    else {
        panic!("not a table");
    };
    assert_eq!((cut.rows.len(), cut.truncated, cut.stats.truncated), (2, true, true));
    let with_cursor = LogRequest { cursor: Some("1".to_owned()), ..request("| count") };
    assert!(matches!(
        engine.search_logs(&tenant, with_cursor).await,
        Err(Error::InvalidRequest { .. })
    ));
    let small =
        fixture.engine_with(QueryConfig { memory_bytes_max: 500, ..QueryConfig::default() });
    assert!(matches!(
        small.search_logs(&tenant, request("| count by time_of_day, service, code, path")).await,
        Err(Error::MemoryLimit { .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_are_a_page_of_chosen_columns() {
    let mut random = Random(6);
    let rows = rows(&mut random, 30);
    let mut fixture = Fixture::new().await;
    append(&mut fixture, &rows).await;
    let engine = fixture.engine();
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let query = "| fields time, service, zone, code, body".to_owned();
        let request = LogRequest { query, limit: Some(7), cursor, ..LogRequest::default() };
        let answer = engine.search_logs(&TenantId::default(), request).await.unwrap();
        let LogAnswer::Table(table) = answer else { panic!("not a table") };
        assert_eq!(table.truncated, table.cursor.is_some());
        found.extend(table.rows);
        cursor = table.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert!(found.is_sorted_by_key(|row| match row[0] {
        TableCell::Time(time) => -time,
        _ => panic!("{row:?}"),
    }));
    let mut expected: Vec<String> = rows
        .iter()
        .map(|row| {
            let body = row.body.clone().map_or(AnyValue::Empty, AnyValue::String);
            let row = [
                TableCell::Time(row.time),
                text(row.service),
                text("east"),
                int(row.code),
                TableCell::Value(body),
            ];
            format!("{row:?}")
        })
        .collect();
    let mut found: Vec<String> = found.iter().map(|row| format!("{row:?}")).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    let first = table(&engine, "| fields body | limit 3").await;
    assert_eq!((first.rows.len(), first.truncated), (3, false));
}
