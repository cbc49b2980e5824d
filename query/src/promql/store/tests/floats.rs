//! Both ways of reading points agree, and the catalog keeps up with its segments.

use super::super::points::Wish;
use super::super::*;
use crate::promql::labels::MatchOp;
use crate::testing::{Fixture, Random};
use binnacle_storage::batch::{MetricPointRow, NumberValue, SeriesRow};
use binnacle_storage::model::{Signal, TenantId, Timestamp};
use std::collections::HashSet;

const SERIES: u8 = 30;
const START: i64 = 1_700_000_000_000;

fn id(number: u8) -> SeriesId {
    let mut id = [number.wrapping_mul(151); 16];
    id[15] = number;
    SeriesId(id)
}

/// Series 0 to 19 hold floats, the others also something else.
async fn append(fixture: &mut Fixture, random: &mut Random, first: i64, count: usize) {
    let wild: Vec<i64> = (0..10).map(|at| (random.below(u64::MAX) as i64) >> (at * 7)).collect();
    let rows: Vec<(u8, i64, u64)> = (0..SERIES)
        .flat_map(|series| (0..count).map(move |at| (series, at)))
        .map(|(series, at)| {
            (series, first + at as i64 * 1000 + i64::from(series), random.below(100))
        })
        .collect();
    let push = |builder: &mut binnacle_storage::batch::BatchBuilder| {
        for series in 0..SERIES {
            builder.push_series(&SeriesRow {
                series_id: id(series),
                time: Timestamp(first * 1_000_000),
                name: if series % 2 == 0 { "even" } else { "odd" },
                description: "",
                unit: "",
                kind: "gauge",
                temporality: None,
                is_monotonic: None,
                metadata: &[],
                attributes: &[binnacle_storage::model::Attribute {
                    key: "series",
                    value: binnacle_storage::model::Value::Int(i64::from(series)),
                    wire: &[],
                }],
            });
        }
        for (series, time, luck) in rows {
            let is_odd_one = series >= 20 && luck < 3;
            let is_stale = luck == 50;
            let number = match luck {
                60..70 => NumberValue::Int(wild[luck as usize - 60]),
                _ => NumberValue::Double(luck as f64 / 7.0),
            };
            builder.push_point(&MetricPointRow {
                series_id: id(series),
                time: Timestamp(time * 1_000_000 + 999_999),
                start_time: (series % 5 == 0).then_some(Timestamp(START * 1_000_000)),
                flags: u32::from(is_stale),
                value: (!is_stale && !is_odd_one).then_some(number),
                count: None,
                sum: None,
                min: None,
                max: None,
                bucket_counts: None,
                explicit_bounds: None,
                distribution: is_odd_one.then_some(&[8, 0]),
            });
        }
    };
    fixture.append(Signal::Metrics, push).await;
}

async fn store(fixture: &Fixture, threads: usize) -> Store {
    let snapshot = fixture.storage.snapshot(&TenantId::default()).await.unwrap();
    let shared = (Arc::default(), threads);
    let stats = Arc::new(QueryStats::new());
    Store::new(fixture.storage.clone(), snapshot, Translation::default(), shared, stats)
}

/// Without [`floats`].
async fn read_plainly(store: &Store, start: i64, end: i64) -> Vec<Samples> {
    let chosen = store.catalog().await.unwrap().candidates(&[]);
    let wish = Wish {
        from: chosen.iter().map(|series| (series.id, start)).collect(),
        exact: HashSet::new(),
        buffered_only: HashSet::new(),
        end,
        bytes_max: u64::MAX,
        only_first: false,
    };
    let mut points =
        points::read(&store.storage, &store.snapshot, &wish, &store.stats).await.unwrap();
    let of = |series: &&StoredSeries| samples(series, &points.remove(&series.id)?.sorted()).ok();
    let mut list: Vec<Samples> = chosen.iter().filter_map(of).flatten().collect();
    list.sort_by(|a, b| a.labels.cmp(&b.labels));
    list
}

fn check_equal(found: &[Samples], expected: &[Samples]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.labels, expected.labels);
        let points = |samples: &Samples| -> Vec<(i64, u64, i64)> {
            let start = |at: usize| samples.starts.get(at).copied().unwrap_or(0);
            let values = samples.times.iter().zip(&samples.values).enumerate();
            values.map(|(at, (time, value))| (*time, value.to_bits(), start(at))).collect()
        };
        let (points, wanted) = (points(found), points(expected));
        let different = points.iter().zip(&wanted).position(|(a, b)| a != b);
        let different = different.map(|at| (points[at], wanted[at]));
        assert_eq!((points.len(), different), (wanted.len(), None), "{}", found.labels);
        assert_eq!(found.histogram_times, expected.histogram_times, "{}", found.labels);
    }
}

#[tokio::test]
async fn floats_are_read_as_points_are() {
    let mut fixture = Fixture::new().await;
    let mut random = Random(7);
    let mut first = START;
    for (round, count) in [400, 900, 10, 300, 50].into_iter().enumerate() {
        append(&mut fixture, &mut random, first, count).await;
        // The next request begins before this one's end, once with the same times.
        first += count as i64 * 1000 - [0, 500, 0, 3000, 0][round];
        if round < 4 {
            fixture.storage.flush().await.unwrap();
        }
    }
    for threads in [1, 3] {
        let store = store(&fixture, threads).await;
        for (start, end) in [
            (START, START + 10_000_000),
            (START + 100_500, START + 1_300_000),
            (START + 399_000, START + 399_005),
            (START - 5000, START - 1),
            (START + 1_500_000, i64::MAX / 2_000_000),
        ] {
            let select = Select { matchers: Vec::new(), start, end, bytes_max: u64::MAX };
            let found = store.select(&select).await.unwrap();
            check_equal(&found, &read_plainly(&store, start, end).await);
        }
    }
    let store = store(&fixture, 1).await;
    let select = Select { matchers: Vec::new(), start: START, end: START * 2, bytes_max: 1 << 20 };
    assert!(matches!(store.select(&select).await, Err(Error::MemoryLimit { .. })));
}

#[tokio::test]
async fn the_catalog_follows_its_segments() {
    let mut fixture = Fixture::new().await;
    let mut random = Random(3);
    let cache: Arc<CatalogCache> = Arc::default();
    let count = async |fixture: &Fixture| {
        let snapshot = fixture.storage.snapshot(&TenantId::default()).await.unwrap();
        let stats = Arc::new(QueryStats::new());
        let shared = (cache.clone(), 1);
        let storage = fixture.storage.clone();
        let store = Store::new(storage, snapshot, Translation::default(), shared, stats.clone());
        let named = Matcher::new(MatchOp::Equal, METRIC_NAME, "odd").unwrap();
        let odd = store.catalog().await.unwrap().candidates(&[named]).len();
        (store.all_labels().await.unwrap().len(), odd, stats.snapshot().bytes_read)
    };
    assert_eq!(count(&fixture).await, (0, 0, 0));
    append(&mut fixture, &mut random, START, 2).await;
    assert_eq!(count(&fixture).await, (30, 15, 0));
    fixture.storage.flush().await.unwrap();
    let (_, _, bytes) = count(&fixture).await;
    assert!(bytes > 0);
    // Nothing is read again, also when there are buffered rows of the same series.
    assert_eq!(count(&fixture).await, (30, 15, 0));
    append(&mut fixture, &mut random, START + 5000, 2).await;
    assert_eq!(count(&fixture).await, (30, 15, 0));
    fixture.storage.flush().await.unwrap();
    fixture.storage.compact().await.unwrap();
    let (all, odd, _) = count(&fixture).await;
    assert_eq!((all, odd), (30, 15));
}
