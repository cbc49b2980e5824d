//! Property tests: what is written is what is read, by the rows.

mod indexes;
mod pages;
mod rows;
mod seeds;

pub(super) use self::rows::{
    Row, cell, rows_of_batch, rows_of_file, rows_of_records, rows_of_segments, sorted,
};
pub(super) use self::seeds::{Owned, Seed, batch, seeds};

use self::seeds::{batches, many_seeds};
use super::*;
use crate::Error;
use crate::batch::{Batch, TableBatch};
use crate::model::Signal;
use proptest::prelude::*;

pub(super) const DAY: i64 = 86_400 * 1_000_000_000;

/// Batches of one table, from batches of its signal.
pub(super) fn tables(batches: &[Batch], table: Table) -> Vec<&TableBatch> {
    batches.iter().filter_map(|batch| batch.table(table)).collect()
}

pub(super) fn write(table: Table, batches: &[&TableBatch]) -> Vec<WrittenSegment> {
    let sources: Vec<Source<'_>> = batches.iter().map(|batch| Source::Batch(batch)).collect();
    write_segments(table, &sources).unwrap()
}

pub(super) fn open(table: Table, segment: &WrittenSegment) -> SegmentFile {
    SegmentFile::open("test", table, segment.parquet.clone()).unwrap()
}

/// A segment as the catalog would know it.
pub(super) fn segment(table: Table, written: &WrittenSegment) -> Segment {
    let info = SegmentInfo {
        id: SegmentId(uuid::Uuid::nil()),
        tenant: crate::model::TenantId::default(),
        table,
        day: written.time_min.day(),
        part: 0,
        part_modulus: 1,
        level: 0,
        time_min: written.time_min,
        time_max: written.time_max,
        rows: written.rows,
        bytes: written.parquet.len() as u64,
        footer_bytes: written.footer_bytes,
        footer_crc32c: written.footer_crc32c,
        index_bytes: written.index.as_ref().map_or(0, |index| index.len() as u64),
        rollup_bytes: written.rollup.as_ref().map_or(0, |rollup| rollup.len() as u64),
        rollup_crc32c: written.rollup.as_ref().map_or(0, |rollup| crc32c::crc32c(rollup)),
        rollup_settled: false,
        schema_version: written.schema_version,
        sort_version: written.sort_version,
        wal_from: 0,
        wal_to: 0,
        ingested_max: written.ingested_max,
    };
    let index = written.index.clone().map(ObjectReader::Memory);
    let rollup = written.rollup.clone().map(ObjectReader::Memory);
    Segment::new(info, ObjectReader::Memory(written.parquet.clone()), index, rollup)
}

pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn rows_survive_writing_and_merging(seeds in many_seeds()) {
        for signal in Signal::ALL {
            let batches = batches(signal, &seeds);
            for table in Table::ALL.into_iter().filter(|table| table.signal() == signal) {
                let parts = tables(&batches, table);
                let expected = sorted(parts.iter().flat_map(|part| rows_of_batch(part)).collect());
                let chunk = chunk(table, &parts).unwrap();
                prop_assert_eq!(&sorted(rows_of_records(&chunk.records)), &expected);
                let at_once = write(table, &parts);
                prop_assert_eq!(&sorted(rows_of_segments(&at_once)), &expected);
                // Each batch to files of its own, then all of them into one.
                let separate: Vec<SegmentFile> = parts
                    .iter()
                    .flat_map(|part| write(table, &[part]))
                    .map(|segment| open(table, &segment))
                    .collect();
                let sources: Vec<Source<'_>> = separate.iter().map(Source::File).collect();
                let merged = write_segments(table, &sources).unwrap();
                prop_assert_eq!(&sorted(rows_of_segments(&merged)), &expected);
            }
        }
    }
}

#[test]
fn a_segment_answers_for_its_metadata() {
    let seeds = seeds(400);
    let batches = [batch(Signal::Traces, 5, 0, &seeds)];
    let written = write(Table::Spans, &tables(&batches, Table::Spans)).remove(0);
    let reader = segment(Table::Spans, &written);
    let metadata = run(reader.metadata()).unwrap();
    assert!(metadata.column_index().is_some() && metadata.offset_index().is_some());
    let keys = run(reader.attributes()).unwrap();
    assert_eq!(keys.columns.len(), 64);
    assert!(keys.rest.as_ref().is_some_and(|rest| !rest.is_empty()));
    assert_eq!(run(reader.read(std::iter::once(0..4).collect())).unwrap()[0].as_ref(), b"PAR1");
    assert!(matches!(
        run(reader.read(std::iter::once(0..u64::MAX).collect())),
        Err(Error::Corrupt { .. })
    ));
    assert_eq!(run(reader.load()).unwrap().rows(), 400);
}

#[test]
fn duplicates_are_left_out_but_spans_that_only_share_ids_are_kept() {
    let seed = Seed { time: 5, attributes: Vec::new(), ..seeds(1).remove(0) };
    let other = Seed { name: (seed.name + 1) % 3, ..seed.clone() };
    let batches = [
        batch(Signal::Traces, 9, 0, std::slice::from_ref(&seed)),
        batch(Signal::Traces, 3, 0, std::slice::from_ref(&seed)),
        batch(Signal::Traces, 3, 0, &[other]),
    ];
    let written = write(Table::Spans, &tables(&batches, Table::Spans)).remove(0);
    let rows = rows_of_file(&written.parquet);
    assert_eq!(rows.len(), 2);
    assert!(
        rows.iter().all(|row| cell(row, "ingested_at") == Some("3")),
        "the first ingested stays"
    );
    assert_eq!(written.ingested_max, Timestamp(9), "a segment lives as long as what it stands for");
    let logs = [
        batch(Signal::Logs, 9, 0, std::slice::from_ref(&seed)),
        batch(Signal::Logs, 9, 0, &[seed]),
    ];
    assert_eq!(write(Table::Logs, &tables(&logs, Table::Logs))[0].rows, 2);
}

#[test]
fn a_series_keeps_its_earliest_row() {
    let seed = seeds(1).remove(0);
    let times = [30, 10, 20];
    let batches = times.map(|time| batch(Signal::Metrics, 1, 0, &[Seed { time, ..seed.clone() }]));
    let written = write(Table::Series, &tables(&batches, Table::Series)).remove(0);
    let rows = rows_of_file(&written.parquet);
    assert_eq!((rows.len(), cell(&rows[0], "time")), (1, Some("10")));
    assert_eq!((written.time_min, written.time_max), (Timestamp(10), Timestamp(30)));
}

#[test]
fn hostile_times_make_few_segments_and_full_days_one_each() {
    let with_days = |days: &[i64]| -> Vec<Seed> {
        let seed = Seed { attributes: Vec::new(), ..seeds(1).remove(0) };
        days.iter().map(|day| Seed { time: day * DAY, ..seed.clone() }).collect()
    };
    let check = |days: Vec<i64>, expected: &[(i64, i64, u64)]| {
        let batches = [batch(Signal::Logs, 1, 0, &with_days(&days))];
        let written = write(Table::Logs, &tables(&batches, Table::Logs));
        let found: Vec<_> = written
            .iter()
            .map(|w| (i64::from(w.time_min.day()), i64::from(w.time_max.day()), w.rows))
            .collect();
        assert_eq!(found, expected);
    };
    check((0..1_000).map(|i| i * 100).collect(), &[(0, 99_900, 1_000)]);
    check((0..10_000).map(|i| i % 2).collect(), &[(0, 0, 5_000), (1, 1, 5_000)]);
    check(
        (0..5_000).map(|i| 3 + i % 2).chain([5; 5_000]).collect(),
        &[(3, 4, 5_000), (5, 5, 5_000)],
    );
}

#[test]
fn no_rows_make_no_segments() {
    assert!(write(Table::Logs, &[]).is_empty());
    assert_eq!(chunk(Table::Logs, &[]).unwrap().records.num_rows(), 0);
}
