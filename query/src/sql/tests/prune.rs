//! What a query leaves unread.

use super::rows::{DAY, DAY_NANOS, Fixture, Own, Part, Row, column, rows_of, run};
use crate::Error;
use std::collections::BTreeMap;

#[tokio::test(flavor = "multi_thread")]
async fn a_shredded_attribute_prunes_what_is_read() {
    let mut fixture = Fixture::new().await;
    let rows: Vec<Row> = (0..50_000i64)
        .map(|n| Row {
            name: format!("{n:06}"),
            id: (n % 250) as u8 + 1,
            time: DAY + n,
            attributes: BTreeMap::from([
                ("n".to_owned(), Own::Int(n)),
                ("noise".to_owned(), Own::Text(format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a)))),
            ]),
        })
        .collect();
    fixture.append(&rows).await;
    fixture.flush().await;
    let engine = fixture.engine(true);
    let query = |from: i64| {
        format!("SELECT max(attributes['noise']) FROM spans WHERE attributes['n'] >= {from}")
    };
    let (_, all) = run(&engine, &query(0)).await.unwrap();
    let (_, few) = run(&engine, &query(49_900)).await.unwrap();
    assert!(few.bytes_read * 3 < all.bytes_read, "{} of {} bytes", few.bytes_read, all.bytes_read);
    assert!(few.pages_pruned > 0, "{few:?}");
    let (_, none) = run(&engine, &query(60_000)).await.unwrap();
    assert_eq!(none.bytes_read, 0);
    assert_eq!(none.row_groups_pruned, 1);
    let plan = column(&engine, &format!("EXPLAIN ANALYZE {}", query(49_900))).await;
    assert!(!plan.is_empty());
    let (rows, _) = run(&engine, &format!("EXPLAIN ANALYZE {}", query(49_900))).await.unwrap();
    let text = rows.concat().concat();
    assert!(text.contains("page_index_pages_pruned"), "{text}");
    assert!(text.contains("attributes['n']_max"), "{text}");
    assert!(!text.contains("bytes_scanned=0"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn time_and_trace_id_prune_segments() {
    let mut fixture = Fixture::new().await;
    for part in 0..3u8 {
        let mut rows = rows_of(Part::Shredded);
        for row in &mut rows {
            row.id += part * 60;
            row.time += i64::from(part) * DAY_NANOS;
        }
        fixture.append(&rows).await;
        fixture.flush().await;
    }
    let engine = fixture.engine(true);
    let by_time = "SELECT count(*) FROM spans WHERE start_time >= '2023-11-16T00:00:00Z'";
    let (rows, stats) = run(&engine, by_time).await.unwrap();
    assert_eq!((rows[0][0].as_str(), stats.segments, stats.segments_pruned), ("40", 3, 2));
    let id = "3f".repeat(16);
    for wanted in [format!("'{id}'"), format!("'{}'", id.to_uppercase()), format!("X'{id}'")] {
        let by_id = format!("SELECT trace_id, name FROM spans WHERE trace_id = {wanted}");
        let (rows, stats) = run(&engine, &by_id).await.unwrap();
        assert_eq!(rows, [[id.clone(), "Shredded 2".to_owned()]]);
        assert_eq!((stats.segments, stats.segments_pruned), (3, 2));
    }
    let two =
        format!("SELECT count(*) FROM spans WHERE trace_id IN ('{id}', '{}')", "01".repeat(16));
    let (rows, stats) = run(&engine, &two).await.unwrap();
    assert_eq!((rows[0][0].as_str(), stats.segments_pruned), ("2", 1));
    let wrong = run(&engine, "SELECT 1 FROM spans WHERE trace_id = 'abc'").await;
    assert!(
        matches!(wrong, Err(Error::InvalidRequest { message, .. }) if message.contains("32 hex"))
    );
}
