//! Queries over real storage: the same answers from the buffer and from segments.

use super::*;
use crate::QueryEngine;
use crate::promql::labels::Labels;
use crate::testing::{Fixture, resource_of, scope};
use binnacle_storage::batch::{BatchBuilder, LogRow, TimeOrigin};
use binnacle_storage::model::{Attribute, Signal, TenantId, Timestamp, TraceId, Value, wire};
use std::time::Duration;

const SECOND: i64 = 1_000_000_000;
const START: i64 = 1_700_000_000 * SECOND;

struct Row {
    /// Seconds after the start.
    at: i64,
    service: &'static str,
    line: String,
    severity: i32,
    user: i64,
}

/// Lines of two services, a second apart: every tenth of the shop's fails.
fn rows() -> Vec<Row> {
    let shop = (0..100).map(|at| {
        let failed = at % 10 == 0;
        let line = match failed {
            true => format!("level=error msg=\"payment refused by bank\" took={at}ms"),
            false => format!("level=info msg=\"order {at} placed\" took={at}ms"),
        };
        Row { at, service: "shop", line, severity: if failed { 17 } else { 9 }, user: at % 3 }
    });
    let bank = (0..50).map(|at| Row {
        at: 2 * at,
        service: "bank",
        line: format!(r#"{{"status": {}, "bytes": {at}}}"#, if at % 5 == 0 { 500 } else { 200 }),
        severity: 0,
        user: at,
    });
    shop.chain(bank).collect()
}

fn push(builder: &mut BatchBuilder, row: &Row) {
    let resource = resource_of(&[
        ("service.name", Value::String(row.service)),
        ("deployment.environment", Value::String("test")),
        ("host.name", Value::String("h1")),
    ]);
    builder.resource(&resource, row.service);
    builder.scope(&scope("lib"));
    let mut bytes = Vec::new();
    wire::put_attribute(&mut bytes, "user.id", &Value::Int(row.user));
    let attributes: Vec<Attribute<'_>> =
        wire::attributes(&bytes).map(|attribute| attribute.unwrap()).collect();
    builder.push_log(&LogRow {
        time: Timestamp(START + row.at * SECOND),
        time_origin: TimeOrigin::Sent,
        observed_time: None,
        trace_id: (row.at == 50).then_some(TraceId([7; 16])),
        span_id: None,
        flags: 0,
        severity_number: row.severity,
        severity_text: "",
        event_name: "",
        body: Some(&row.line),
        body_value: None,
        dropped_attributes_count: 0,
        attributes: &attributes,
    });
}

async fn fixture() -> Fixture {
    let mut fixture = Fixture::new().await;
    for row in rows() {
        fixture.append(Signal::Logs, |builder| push(builder, &row)).await;
    }
    fixture
}

fn request(query: &str, limit: usize, direction: Direction) -> LogqlRequest {
    let when = When::Range {
        start: Timestamp(START),
        end: Timestamp(START + 100 * SECOND),
        step: Duration::from_secs(10),
    };
    LogqlRequest { query: query.to_owned(), when, limit, direction, interval: Duration::ZERO }
}

async fn ask(engine: &QueryEngine, request: LogqlRequest) -> LogqlResult {
    let query = request.query.clone();
    match engine.logql(&TenantId::default(), request).await {
        Ok(answer) => answer.result,
        Err(error) => panic!("{query}: {error}"),
    }
}

async fn lines(
    engine: &QueryEngine,
    query: &str,
    limit: usize,
    direction: Direction,
) -> Vec<String> {
    match ask(engine, request(query, limit, direction)).await {
        LogqlResult::Lines(entries) => entries.into_iter().map(|entry| entry.line).collect(),
        other => panic!("{query}: {other:?}"),
    }
}

/// The value at the end of the range, by labels.
async fn instant(engine: &QueryEngine, query: &str) -> Vec<(String, f64)> {
    let when = When::At(Timestamp(START + 99 * SECOND));
    match ask(engine, LogqlRequest { when, ..request(query, 1, Direction::Backward) }).await {
        LogqlResult::Vector(list) => {
            list.into_iter().map(|(labels, value)| (labels.to_string(), value)).collect()
        }
        other => panic!("{query}: {other:?}"),
    }
}

/// Runs a check over rows in the buffer, then in segments, then in both.
async fn everywhere<W: Future<Output = ()>>(check: impl Fn(QueryEngine) -> W) {
    let mut fixture = fixture().await;
    check(fixture.engine()).await;
    fixture.flush().await;
    check(fixture.engine()).await;
    // A row outside of every range asked about.
    fixture
        .append(Signal::Logs, |builder| {
            builder.resource(&resource_of(&[("service.name", Value::String("shop"))]), "shop");
            builder.scope(&scope(""));
            builder.push_log(&LogRow {
                time: Timestamp(START + 500 * SECOND),
                time_origin: TimeOrigin::Sent,
                observed_time: None,
                trace_id: None,
                span_id: None,
                flags: 0,
                severity_number: 0,
                severity_text: "",
                event_name: "",
                body: Some("late"),
                body_value: None,
                dropped_attributes_count: 0,
                attributes: &[],
            });
        })
        .await;
    check(fixture.engine()).await;
}

#[tokio::test]
async fn lines_come_from_either_end() {
    everywhere(|engine| async move {
        let engine = &engine;
        let all = lines(engine, r#"{service_name="shop"}"#, 1000, Direction::Forward).await;
        assert_eq!(all.len(), 100);
        let newest = lines(engine, r#"{service_name="shop"}"#, 3, Direction::Backward).await;
        let expected: Vec<&String> = all.iter().rev().take(3).collect();
        assert_eq!(newest.iter().collect::<Vec<_>>(), expected);
        let refused = lines(engine, r#"{service_name=~"sh.*"} |= "refused by bank""#, 4, Direction::Forward).await;
        assert_eq!(refused.len(), 4);
        assert!(refused[3].ends_with("took=30ms"), "{refused:?}");
        let filtered = r#"{service_name="shop"} | logfmt | took > 95ms | line_format "{{.took}} {{.service_name}}""#;
        assert_eq!(lines(engine, filtered, 10, Direction::Backward).await, ["99ms shop", "98ms shop", "97ms shop", "96ms shop"]);
        let traced = lines(engine, r#"{service_name="shop"} | trace_id="07070707070707070707070707070707""#, 10, Direction::Forward).await;
        assert_eq!(traced.len(), 1);
        assert!(traced[0].ends_with("took=50ms"));
        assert_eq!(lines(engine, r#"{service_name="nobody"}"#, 10, Direction::Forward).await.len(), 0);
        assert_eq!(lines(engine, r#"{host_name="h1"}"#, 10, Direction::Forward).await.len(), 0);
        assert_eq!(lines(engine, r#"{deployment_environment="test"} | host_name="h1" | user_id > 40"#, 1000, Direction::Forward).await.len(), 9);
        assert_eq!(lines(engine, r#"{service_name="shop"} | detected_level="error""#, 1000, Direction::Forward).await.len(), 10);
    })
    .await;
}

#[tokio::test]
async fn lines_of_one_time_keep_their_order_wherever_they_lie() {
    let mut fixture = Fixture::new().await;
    let requests = [[("1", 9), ("2", 9), ("3", 17)], [("6", 17), ("4", 9), ("5", 13)]];
    for request in requests {
        let row = |(line, severity): (&str, i32)| Row {
            at: 1,
            service: "shop",
            line: line.to_owned(),
            severity,
            user: 1,
        };
        let rows = request.map(row);
        let append = |builder: &mut BatchBuilder| rows.iter().for_each(|row| push(builder, row));
        fixture.append(Signal::Logs, append).await;
        for _ in 0..2 {
            let all = r#"{service_name="shop"}"#;
            let found = lines(&fixture.engine(), all, 9, Direction::Forward).await;
            assert_eq!(found, ["1", "2", "3", "4", "5", "6"][..found.len()]);
            let mut newest = lines(&fixture.engine(), all, 2, Direction::Backward).await;
            newest.reverse();
            assert_eq!(newest, found[found.len() - 2..]);
            let last = r#"last_over_time({service_name="shop"} | regexp "(?P<n>.*)" | unwrap n [100s]) by (service_name)"#;
            let value = found.len() as f64;
            assert_eq!(
                instant(&fixture.engine(), last).await,
                [(r#"{service_name="shop"}"#.to_owned(), value)]
            );
            fixture.flush().await;
        }
    }
}

#[tokio::test]
async fn lines_tell_their_labels_by_kind() {
    everywhere(|engine| async move {
        let query = r#"{service_name="bank"} | json | status=500"#;
        let LogqlResult::Lines(entries) = ask(&engine, request(query, 1, Direction::Forward)).await
        else {
            panic!("no lines")
        };
        let ByKind { stream, structured, parsed } = &entries[0].labels;
        assert_eq!(stream.to_string(), r#"{deployment_environment="test", service_name="bank"}"#);
        assert_eq!(
            structured.to_string(),
            r#"{detected_level="unknown", host_name="h1", scope_name="lib", user_id="0"}"#
        );
        assert_eq!(parsed.to_string(), r#"{bytes="0", status="500"}"#);
    })
    .await;
}

#[tokio::test]
async fn numbers_are_those_of_the_lines() {
    everywhere(|engine| async move {
        let engine = &engine;
        let one = |labels: &str, value: f64| vec![(labels.to_owned(), value)];
        assert_eq!(instant(engine, r#"sum(count_over_time({service_name="shop"}[100s]))"#).await, one("{}", 100.0));
        assert_eq!(instant(engine, r#"sum by (level) (count_over_time({service_name="shop"} | logfmt [100s]))"#).await,
            [(r#"{level="error"}"#.to_owned(), 10.0), (r#"{level="info"}"#.to_owned(), 90.0)]);
        assert_eq!(instant(engine, r#"sum(rate({service_name="shop"} |= "refused" [50s]))"#).await, one("{}", 0.1));
        let bytes: usize = rows().iter().filter(|row| row.service == "bank").map(|row| row.line.len()).sum();
        assert_eq!(instant(engine, r#"sum(bytes_over_time({service_name="bank"}[100s]))"#).await, one("{}", bytes as f64));
        assert_eq!(instant(engine, r#"max_over_time({service_name="bank"} | json | unwrap bytes [100s]) by (status)"#).await,
            [(r#"{status="200"}"#.to_owned(), 49.0), (r#"{status="500"}"#.to_owned(), 45.0)]);
        assert_eq!(instant(engine, r#"quantile_over_time(0.5, {service_name="shop"} | logfmt | unwrap duration(took) [100s]) by (service_name)"#).await,
            one(r#"{service_name="shop"}"#, 0.0495));
        assert_eq!(instant(engine, r#"topk(1, sum by (service_name) (count_over_time({deployment_environment="test"}[100s])))"#).await,
            one(r#"{service_name="shop"}"#, 100.0));
        assert_eq!(instant(engine, r#"sum(count_over_time({service_name="bank"} | json | status=500 [100s])) / sum(count_over_time({service_name="bank"}[100s])) * 100"#).await,
            one("{}", 20.0));
        assert!(instant(engine, r#"sum(count_over_time({service_name="bank"}[100s])) / 0"#).await[0].1.is_nan());
        assert_eq!(instant(engine, r#"absent_over_time({service_name="nobody", a=~"b|"}[10s])"#).await, one(r#"{service_name="nobody"}"#, 1.0));
        assert_eq!(instant(engine, r#"absent_over_time({service_name="shop"}[10s])"#).await, []);
        assert_eq!(instant(engine, r#"count(count_over_time({service_name="shop"} | keep service_name [100s]))"#).await, one("{}", 1.0));
        assert_eq!(instant(engine, r#"sum by (who) (label_replace(sum by (service_name) (count_over_time({service_name=~".+"}[100s])), "who", "$1", "service_name", "(.).*"))"#).await,
            [(r#"{who="b"}"#.to_owned(), 50.0), (r#"{who="s"}"#.to_owned(), 100.0)]);
        assert_eq!(instant(engine, "vector(1)+vector(1)").await, one("{}", 2.0));
    })
    .await;
}

#[tokio::test]
async fn ranges_have_a_point_per_step() {
    everywhere(|engine| async move {
        let query = r#"sum(count_over_time({service_name="shop"}[10s]))"#;
        let LogqlResult::Matrix(series) = ask(&engine, request(query, 1, Direction::Forward)).await
        else {
            panic!("no matrix")
        };
        let points: Vec<(i64, f64)> =
            series[0].1.iter().map(|(time, value)| ((time - START) / SECOND, *value)).collect();
        let expected: Vec<(i64, f64)> = (0..=10)
            .map(|step| {
                (
                    step * 10,
                    match step {
                        0 => 1.0,
                        10 => 9.0,
                        _ => 10.0,
                    },
                )
            })
            .collect();
        assert_eq!(points, expected);
    })
    .await;
}

#[tokio::test]
async fn mistakes_are_told() {
    let fixture = fixture().await;
    let engine = fixture.engine();
    for (query, part) in [
        ("{", "unexpected"),
        (
            r#"sum by (x) (count_over_time({service_name="shop"} | json [1m]))"#,
            "pipeline error: 'JSONParserErr'",
        ),
    ] {
        let error = engine
            .logql(&TenantId::default(), request(query, 10, Direction::Forward))
            .await
            .unwrap_err();
        assert!(error.to_string().contains(part), "{query}: {error}");
    }
    let at = When::At(Timestamp(START));
    let plain =
        LogqlRequest { when: at, ..request(r#"{service_name="shop"}"#, 10, Direction::Forward) };
    assert!(engine.logql(&TenantId::default(), plain).await.is_err());
    let many = request(r#"{service_name="shop"}"#, LINES_MAX + 1, Direction::Forward);
    assert!(engine.logql(&TenantId::default(), many).await.is_err());
}

#[tokio::test]
async fn streams_are_known_with_their_volume() {
    everywhere(|engine| async move {
        let tenant = TenantId::default();
        let selection = |selectors: &[&str]| Selection {
            selectors: selectors.iter().map(|text| (*text).to_owned()).collect(),
            start: Timestamp(START),
            end: Timestamp(START + 100 * SECOND),
        };
        let streams = engine.log_streams(&tenant, selection(&[])).await.unwrap();
        let names: Vec<&str> = streams.iter().map(|labels| labels.value("service_name")).collect();
        assert_eq!(names, ["bank", "shop"]);
        let chosen = engine
            .log_streams(&tenant, selection(&[r#"{service_name="bank"}"#, r#"{a="b"}"#]))
            .await
            .unwrap();
        assert_eq!(chosen.len(), 1);
        let stats =
            engine.log_stats(&tenant, selection(&[r#"{service_name=~".+"}"#])).await.unwrap();
        let bytes: usize = rows().iter().map(|row| row.line.len()).sum();
        assert_eq!(stats, StreamStats { streams: 2, entries: 150, bytes: bytes as u64 });
        let volume = |by, step| VolumeRequest {
            selection: selection(&[r#"{deployment_environment="test"}"#]),
            by,
            limit: 10,
            step,
        };
        let by_service = VolumeBy::Series(vec!["service_name".to_owned()]);
        let found = engine.log_volume(&tenant, volume(by_service, None)).await.unwrap();
        let of = |service: &str| {
            rows()
                .iter()
                .filter(|row| row.service == service)
                .map(|row| row.line.len() as u64)
                .sum::<u64>()
        };
        let labels = |service: &str| Labels::new([("service_name", service)]);
        assert_eq!(
            found,
            [(labels("shop"), vec![(0, of("shop"))]), (labels("bank"), vec![(0, of("bank"))])]
        );
        let step = Some(Duration::from_secs(50));
        let found =
            engine.log_volume(&tenant, volume(VolumeBy::Series(Vec::new()), step)).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1.iter().map(|(_, bytes)| bytes).sum::<u64>(), stats.bytes);
        let found =
            engine.log_volume(&tenant, volume(VolumeBy::Labels(Vec::new()), None)).await.unwrap();
        assert_eq!(
            found.iter().map(|(labels, _)| labels.to_string()).collect::<Vec<_>>(),
            [
                r#"{deployment_environment="deployment_environment"}"#,
                r#"{service_name="service_name"}"#
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn fields_are_detected() {
    everywhere(|engine| async move {
        let request = FieldsRequest {
            query: r#"{service_name=~".+"}"#.to_owned(),
            start: Timestamp(START),
            end: Timestamp(START + 100 * SECOND),
            lines: 1000,
        };
        let fields = engine.log_fields(&TenantId::default(), request).await.unwrap();
        let told: Vec<(&str, &str, usize)> = fields
            .iter()
            .map(|(name, field)| (name.as_str(), field.kind, field.values.len()))
            .collect();
        assert!(told.contains(&("took", "duration", 100)), "{told:?}");
        assert!(told.contains(&("status", "int", 2)), "{told:?}");
        assert!(told.contains(&("host_name", "string", 1)), "{told:?}");
        assert!(
            fields["took"].parsers.contains("logfmt") && fields["status"].parsers.contains("json")
        );
        assert!(fields["host_name"].parsers.is_empty());
    })
    .await;
}
