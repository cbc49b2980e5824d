//! A page: the records of the rows found, in order, and where the next page begins.

use super::ast::Query;
use super::content::content_hash;
use super::cursor::Cursor;
use super::search::{Direction, Hit, Source, Sources, Times};
use super::{LogRecord, LogRows};
use crate::Error;
use crate::rows::{Shared, Wanted, ranges_of};
use arrow::record_batch::RecordBatch;
use std::cmp::Reverse;
use tokio::task::JoinSet;

/// Rows whose records are decoded at a time.
const DECODE_ROWS: usize = 4096;

/// A record and its place in the order: newest first, then by hash.
type Placed = (Reverse<i64>, u64, LogRecord);

/// The records after `cursor`, at most `limit`, and the cursor of the next page if there is one.
pub(super) async fn page(
    sources: &mut Sources,
    query: &Query,
    times: Times,
    limit: usize,
    cursor: Option<Cursor>,
) -> Result<(Vec<LogRecord>, Option<Cursor>), Error> {
    let mut shared = Shared::default();
    // One more than the page holds tells whether there is a next one.
    let wanted = limit + 1;
    let mut records = match cursor {
        Some(cursor) => rest_of_time(sources, query, cursor, wanted, &mut shared).await?,
        None => Vec::new(),
    };
    let older =
        Times { to: cursor.map_or(times.to, |cursor| cursor.time.saturating_sub(1)), ..times };
    if records.len() < wanted && older.from <= older.to && cursor.is_none_or(|c| c.time > i64::MIN)
    {
        let missing = wanted - records.len();
        let hits = sources.newest(query, older, missing).await?;
        records.extend(read(sources, &hits, missing, &mut shared).await?);
    }
    let more = records.len() > limit;
    records.truncate(limit);
    let next = records.last().filter(|_| more).map(|last| next_cursor(&records, last, cursor));
    Ok((records.into_iter().map(|(_, _, record)| record).collect(), next))
}

/// The records on both sides of the one that `at` names, in order of time, at most so many of each; `None` when there is no such
/// record. Those on its sides match `query`.
pub(super) async fn around(
    sources: &mut Sources,
    query: &Query,
    at: Cursor,
    before: usize,
    after: usize,
) -> Result<(Vec<LogRecord>, Vec<LogRecord>), Error> {
    let earlier = Times { from: i64::MIN, to: at.time };
    let (mut older, _) = page(sources, query, earlier, before, Some(at)).await?;
    older.reverse();
    let mut shared = Shared::default();
    let now = Times { from: at.time, to: at.time };
    let hits = sources.newest(query, now, usize::MAX).await?;
    let mut newer = Vec::new();
    for part in hits.chunks(DECODE_ROWS) {
        newer.extend(decode(sources, part, &mut shared).await?);
        newer.retain(|placed: &Placed| placed.1 < at.hash);
        keep_last(&mut newer, after);
    }
    if newer.len() < after && at.time < i64::MAX {
        let later = Times { from: at.time + 1, to: i64::MAX };
        let hits = sources.first(query, later, after - newer.len(), Direction::Oldest).await?;
        let mut of_later = Vec::new();
        for part in hits.chunks(DECODE_ROWS) {
            of_later.extend(decode(sources, part, &mut shared).await?);
            keep_last(&mut of_later, after - newer.len());
        }
        newer.extend(of_later);
    }
    Ok((older, newer.into_iter().map(|(_, _, record)| record).collect()))
}

/// The record that `at` names.
pub(super) async fn find(sources: &mut Sources, at: Cursor) -> Result<Option<LogRecord>, Error> {
    let times = Times { from: at.time, to: at.time };
    let hits = sources.newest(&Query::And(Vec::new()), times, usize::MAX).await?;
    let mut shared = Shared::default();
    for part in hits.chunks(DECODE_ROWS) {
        let mut records = decode(sources, part, &mut shared).await?.into_iter();
        if let Some((_, _, record)) = records.find(|placed| placed.1 == at.hash) {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

/// The last of a page's order, in the opposite order: the earliest first.
fn keep_last(records: &mut Vec<Placed>, wanted: usize) {
    records.sort_by_key(|(time, hash, _)| Reverse((*time, *hash)));
    records.truncate(wanted);
}

fn next_cursor(records: &[Placed], last: &Placed, before: Option<Cursor>) -> Cursor {
    let (time, hash) = (last.0.0, last.1);
    let same = |placed: &&Placed| (placed.0.0, placed.1) == (time, hash);
    let given = records.iter().rev().take_while(same).count() as u64;
    let before = before.filter(|before| (before.time, before.hash) == (time, hash));
    Cursor { time, hash, given: given + before.map_or(0, |before| before.given) }
}

/// What is left of the records that have the cursor's time.
async fn rest_of_time(
    sources: &mut Sources,
    query: &Query,
    cursor: Cursor,
    wanted: usize,
    shared: &mut Shared,
) -> Result<Vec<Placed>, Error> {
    let times = Times { from: cursor.time, to: cursor.time };
    let hits = sources.newest(query, times, usize::MAX).await?;
    let mut skipped = 0;
    let mut rest: Vec<Placed> = Vec::new();
    for part in hits.chunks(DECODE_ROWS) {
        for placed in decode(sources, part, shared).await? {
            // Equal hashes are equal records: it does not matter which of them were given.
            if placed.1 == cursor.hash && skipped < cursor.given {
                skipped += 1;
            } else if placed.1 >= cursor.hash {
                rest.push(placed);
            }
        }
        keep_first(&mut rest, wanted);
    }
    keep_first(&mut rest, wanted);
    Ok(rest)
}

/// The first `wanted` records of `hits`, in order.
async fn read(
    sources: &mut Sources,
    hits: &[Hit],
    wanted: usize,
    shared: &mut Shared,
) -> Result<Vec<Placed>, Error> {
    let mut first = Vec::new();
    for part in hits.chunks(DECODE_ROWS) {
        first.extend(decode(sources, part, shared).await?);
        keep_first(&mut first, wanted);
    }
    Ok(first)
}

fn keep_first(records: &mut Vec<Placed>, wanted: usize) {
    records.sort_by_key(|(time, hash, _)| (*time, *hash));
    records.truncate(wanted);
}

/// The records of `hits` (by source and row). Those of a segment that cannot be read are left out, with a warning.
async fn decode(
    sources: &mut Sources,
    hits: &[Hit],
    shared: &mut Shared,
) -> Result<Vec<Placed>, Error> {
    let mut records = Vec::with_capacity(hits.len());
    let mut reads = JoinSet::new();
    for same in hits.chunk_by(|a, b| a.source == b.source) {
        let index = same[0].source as usize;
        if let Source::Chunk(chunk) = &sources.all[index] {
            let rows = LogRows::of(&chunk.records)?;
            for hit in same {
                records.push(placed(rows.read(hit.row as usize, shared)?));
            }
            continue;
        }
        match sources.open(index).await {
            Ok(reader) => {
                let ranges = ranges_of(same.iter().map(|hit| hit.row));
                reads.spawn(async move { (index, reader.read(Wanted::All, &ranges).await) });
            }
            Err(error) => sources.set_aside(index, &error).await?,
        }
    }
    while let Some(read) = reads.join_next().await {
        let (index, read) = read.map_err(|error| Error::Execution {
            message: format!("a query thread failed: {error}"),
        })?;
        match read.and_then(|batches| records_of(&batches, shared)) {
            Ok(read) => records.extend(read),
            Err(error) => sources.set_aside(index, &error).await?,
        }
        tokio::task::yield_now().await;
    }
    Ok(records)
}

fn records_of(batches: &[RecordBatch], shared: &mut Shared) -> Result<Vec<Placed>, Error> {
    let mut records = Vec::new();
    for batch in batches {
        let rows = LogRows::of(batch)?;
        for row in 0..batch.num_rows() {
            records.push(placed(rows.read(row, shared)?));
        }
    }
    Ok(records)
}

fn placed(record: LogRecord) -> Placed {
    (Reverse(record.time.0), content_hash(&record), record)
}
