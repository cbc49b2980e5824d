//! Every kind of predicate, against a plain evaluation row by row.

use super::rows::{Fixture, Part, Row, column, row_of, rows_of, run};
use crate::Error;

type Expected = fn(&Row) -> Option<bool>;

fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    and(a.map(|a| !a), b.map(|b| !b)).map(|both| !both)
}

/// Every kind of predicate, on attributes of every type.
const PREDICATES: &[(&str, Expected)] = &[
    ("attributes['s'] = 'alpha'", |r| r.text("s").map(|s| s == "alpha")),
    ("attributes['s'] <> 'alpha'", |r| r.text("s").map(|s| s != "alpha")),
    ("attributes['s'] < 'b'", |r| r.text("s").map(|s| *s < *"b")),
    ("attributes['s'] >= 'gamma delta'", |r| r.text("s").map(|s| *s >= *"gamma delta")),
    ("attributes['s'] IN ('alpha', 'é')", |r| r.text("s").map(|s| s == "alpha" || s == "é")),
    ("attributes['s'] NOT IN ('alpha', 'é')", |r| r.text("s").map(|s| s != "alpha" && s != "é")),
    ("attributes['s'] LIKE '%a%'", |r| r.text("s").map(|s| s.contains('a'))),
    ("attributes['s'] NOT LIKE '%a%'", |r| r.text("s").map(|s| !s.contains('a'))),
    ("attributes['s'] ILIKE 'b%'", |r| r.text("s").map(|s| s.to_lowercase().starts_with('b'))),
    ("attributes['s'] LIKE '100\\%'", |r| r.text("s").map(|s| s == "100%")),
    ("attributes['s'] ~ '^(alpha|B)'", |r| {
        r.text("s").map(|s| s.starts_with("alpha") || s.starts_with('B'))
    }),
    ("attributes['s'] !~ 'a'", |r| r.text("s").map(|s| !s.contains('a'))),
    ("attributes['s'] IS NULL", |r| Some(r.text("s").is_none())),
    ("attributes['s'] IS NOT NULL", |r| Some(r.text("s").is_some())),
    ("attributes['s'] = ''", |r| r.text("s").map(|s| s.is_empty())),
    ("lower(attributes['s']) = 'beta'", |r| r.text("s").map(|s| s.to_lowercase() == "beta")),
    ("length(attributes['s']) > 5", |r| r.text("s").map(|s| s.chars().count() > 5)),
    ("attributes['i'] = 5", |r| r.number("i").map(|i| i == 5.0)),
    ("attributes['i'] <> 5", |r| r.number("i").map(|i| i != 5.0)),
    ("attributes['i'] < -3", |r| r.number("i").map(|i| i < -3.0)),
    ("attributes['i'] <= 0", |r| r.number("i").map(|i| i <= 0.0)),
    ("attributes['i'] > 20", |r| r.number("i").map(|i| i > 20.0)),
    ("7 <= attributes['i']", |r| r.number("i").map(|i| i >= 7.0)),
    ("attributes['i'] > 4.5", |r| r.number("i").map(|i| i > 4.5)),
    ("attributes['i'] IN (1, 2, 13)", |r| r.number("i").map(|i| [1.0, 2.0, 13.0].contains(&i))),
    ("attributes['i'] NOT IN (1, 2, 13)", |r| {
        r.number("i").map(|i| ![1.0, 2.0, 13.0].contains(&i))
    }),
    ("attributes['i'] BETWEEN 3 AND 9", |r| r.number("i").map(|i| (3.0..=9.0).contains(&i))),
    ("attributes['i'] NOT BETWEEN 3 AND 9", |r| r.number("i").map(|i| !(3.0..=9.0).contains(&i))),
    ("attributes['i'] = '5'", |r| r.text("i").map(|i| i == "5")),
    ("attributes['i'] IS NULL", |r| Some(r.text("i").is_none())),
    ("attributes['i'] IS NOT NULL", |r| Some(r.text("i").is_some())),
    ("attributes['i'] + 1 > 10", |r| r.number("i").map(|i| i + 1.0 > 10.0)),
    ("abs(attributes['i']) <= 2", |r| r.number("i").map(|i| i.abs() <= 2.0)),
    ("attributes['i'] % 2 = 0", |r| r.number("i").map(|i| i % 2.0 == 0.0)),
    ("attributes['i']::varchar LIKE '1%'", |r| r.text("i").map(|i| i.starts_with('1'))),
    ("CAST(attributes['i'] AS double) >= 1.5", |r| r.number("i").map(|i| i >= 1.5)),
    ("attributes['i'] = 9007199254740993", |r| r.number("i").map(|_| false)),
    ("attributes['d'] = 2.5", |r| r.number("d").map(|d| d == 2.5)),
    ("attributes['d'] < 3", |r| r.number("d").map(|d| d < 3.0)),
    ("attributes['d'] >= 10.25", |r| r.number("d").map(|d| d >= 10.25)),
    ("attributes['d'] IN (1, 1.5)", |r| r.number("d").map(|d| d == 1.0 || d == 1.5)),
    ("attributes['d'] BETWEEN 1.5 AND 4", |r| r.number("d").map(|d| (1.5..=4.0).contains(&d))),
    ("attributes['d'] IS NULL", |r| Some(r.text("d").is_none())),
    ("round(attributes['d']) = 4", |r| r.number("d").map(|d| d.round() == 4.0)),
    ("attributes['b'] = true", |r| r.flag("b")),
    ("attributes['b'] <> true", |r| r.flag("b").map(|b| !b)),
    ("attributes['b'] = 'true'", |r| r.text("b").map(|b| b == "true")),
    ("attributes['b'] IS TRUE", |r| Some(r.flag("b") == Some(true))),
    ("attributes['b'] IS NOT TRUE", |r| Some(r.flag("b") != Some(true))),
    ("NOT attributes['b']", |r| r.flag("b").map(|b| !b)),
    ("attributes['b'] IS NOT NULL", |r| Some(r.text("b").is_some())),
    ("attributes['s'] = 'alpha' AND attributes['i'] > 3", |r| {
        and(r.text("s").map(|s| s == "alpha"), r.number("i").map(|i| i > 3.0))
    }),
    ("attributes['s'] = 'alpha' OR attributes['i'] > 3", |r| {
        or(r.text("s").map(|s| s == "alpha"), r.number("i").map(|i| i > 3.0))
    }),
    ("NOT (attributes['s'] = 'alpha' OR attributes['d'] < 5)", |r| {
        or(r.text("s").map(|s| s == "alpha"), r.number("d").map(|d| d < 5.0)).map(|any| !any)
    }),
    ("NOT (attributes['i'] > 3 AND attributes['b'] = true)", |r| {
        and(r.number("i").map(|i| i > 3.0), r.flag("b")).map(|all| !all)
    }),
    ("coalesce(attributes['i'], 0) = 0 AND attributes['nowhere'] IS NULL", |r| {
        Some(matches!(r.text("i").as_deref(), None | Some("0")))
    }),
    ("attributes['nowhere'] = 'x'", |_| None),
    ("attributes['nowhere'] > 5", |_| None),
    ("attributes['nowhere'] IS NULL", |_| Some(true)),
    ("resource['service.name'] = 'shop' AND attributes['i'] = 5", |r| {
        r.number("i").map(|i| i == 5.0)
    }),
    ("resource['process.pid'] > 41 AND attributes['i'] = 5", |r| r.number("i").map(|i| i == 5.0)),
    ("resource['service.name'] LIKE 'x%'", |_| Some(false)),
    ("scope_attributes['k'] IS NULL AND attributes['d'] < 1", |r| r.number("d").map(|d| d < 1.0)),
    ("attributes['i'] > 3 AND trace_id <> X'06060606060606060606060606060606'", |r| {
        and(r.number("i").map(|i| i > 3.0), Some(r.id != 6))
    }),
];

async fn check_predicates(fixture: &Fixture, rows: &[Row]) {
    let engines = [fixture.engine(true), fixture.engine(false)];
    for (predicate, expected) in PREDICATES {
        let mut expected: Vec<_> = rows
            .iter()
            .filter(|row| expected(row) == Some(true))
            .map(|row| row.name.clone())
            .collect();
        expected.sort();
        for (engine, pushdown) in engines.iter().zip(["with", "without"]) {
            let names = format!("SELECT name FROM spans WHERE {predicate} ORDER BY name");
            let found = column(engine, &names).await;
            assert_eq!(found, expected, "{predicate} ({pushdown} pushdown)");
            let count = format!("SELECT count(*) FROM spans WHERE {predicate}");
            let found = column(engine, &count).await;
            assert_eq!(found, [expected.len().to_string()], "{predicate} ({pushdown} pushdown)");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn buffered_rows_answer_every_predicate() {
    let mut fixture = Fixture::new().await;
    let mut rows = Vec::new();
    for part in [Part::Shredded, Part::Conflicting, Part::Lacking] {
        let part = rows_of(part);
        fixture.append(&part).await;
        rows.extend(part);
    }
    check_predicates(&fixture, &rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shredded_segment_answers_every_predicate() {
    let mut fixture = Fixture::new().await;
    let rows = rows_of(Part::Shredded);
    fixture.append(&rows).await;
    fixture.flush().await;
    check_predicates(&fixture, &rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_predicate_is_the_same_over_mixed_layouts() {
    let mut fixture = Fixture::new().await;
    let mut rows = Vec::new();
    for part in [Part::Shredded, Part::Tail, Part::Lacking, Part::Conflicting] {
        let part = rows_of(part);
        fixture.append(&part).await;
        fixture.flush().await;
        rows.extend(part);
    }
    let buffered: Vec<Row> = (40..60)
        .map(|n| row_of(if n % 2 == 0 { Part::Shredded } else { Part::Conflicting }, n))
        .collect();
    fixture.append(&buffered).await;
    rows.extend(buffered);
    let keys = "SELECT coalesce(type, 'rest'), segments, chunks FROM attribute_keys
        WHERE key = 'i' ORDER BY 1";
    let (layouts, _) = run(&fixture.engine(true), keys).await.unwrap();
    assert_eq!(layouts, [["int", "1", "1"], ["rest", "2", "1"], ["string", "1", "0"]]);
    check_predicates(&fixture, &rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_attribute_cannot_be_is_null() {
    let mut fixture = Fixture::new().await;
    for part in [Part::Shredded, Part::Conflicting] {
        fixture.append(&rows_of(part)).await;
        fixture.flush().await;
    }
    let engine = fixture.engine(true);
    // The key has words and, in one of the files, whole numbers too.
    for cast in ["smallint", "int", "bigint", "double"] {
        let counts = format!("count(attributes['s']), count(attributes['s']::{cast})");
        let (rows, _) = run(&engine, &format!("SELECT {counts} FROM spans")).await.unwrap();
        let counts: Vec<u64> = rows[0].iter().map(|count| count.parse().unwrap()).collect();
        assert!(counts[0] > counts[1] && counts[1] > 0, "{cast}: {counts:?}");
    }
    for cast in ["boolean", "date", "timestamp"] {
        let query = format!("SELECT count(attributes['s']::{cast}) FROM spans");
        assert!(run(&engine, &query).await.is_ok(), "{cast}");
    }
    for condition in ["attributes['i'] > attributes['i'] - 1", "attributes['s'] < duration * 2 + 1"]
    {
        assert!(
            run(&engine, &format!("SELECT count(*) FROM spans WHERE {condition}")).await.is_ok()
        );
    }
    for wrong in ["1/0", "'2024-13-01'::date", "regexp_like(name, '(')", "name::int"] {
        let error = run(&engine, &format!("SELECT {wrong} FROM spans")).await.unwrap_err();
        assert!(matches!(error, Error::InvalidRequest { .. }), "{wrong}: {error:?}");
    }
    let range = |low, high| {
        format!("SELECT count(*) > 0 FROM spans WHERE trace_id BETWEEN '{low}' AND '{high}'")
    };
    let (zero, four, five) = ("00".repeat(16), "04".repeat(16), "05".repeat(16));
    assert_eq!(column(&engine, &range(four, five)).await, ["true"]);
    assert_eq!(column(&engine, &range(zero.clone(), zero)).await, ["false"]);
}
