//! Flush: turns a buffer into segments.
//!
//! Order matters: write files, sync them, add them to the catalog together with the WAL position, publish, then cut the
//! WAL. A crash between any two steps leaves the WAL record or the segment, never neither, and replay drops rows that
//! the catalog already has.

use crate::Error;
use crate::attributes;
use crate::buffer::{Entry, PartSize, table_batches};
use crate::catalog::{AttributeKey, Edited, FlushEdit, StoredRequest};
use crate::engine::Engine;
use crate::live::BufferKey;
use crate::model::{Table, TenantId, Timestamp};
use crate::objects::Part;
use crate::segment::{Segment, SegmentId, SegmentInfo, Source, WrittenSegment, write_segments};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;
use tracing::{debug_span, info, warn};

/// Writes what a buffer holds to segments, or of a very full one the oldest rows, since a flush takes about as much memory
/// as its rows. Rows stay visible throughout; on an error they stay buffered. Returns how many are in segments now.
pub(crate) fn flush(engine: &Engine, key: &BufferKey) -> Result<u64, Error> {
    let is_enough = |size: &PartSize| engine.is_full(size.memory, size.rows_of_largest);
    let Some(part) = engine.live.seal(key, is_enough) else { return Ok(0) };
    let _span = debug_span!("flush", binnacle.tenant = %key.0, signal = %key.1).entered();
    let started = Instant::now();
    let entries = part.entries(usize::MAX);
    let range = WalRange::of(&entries);
    let segments = if engine.catalog_position(key)? >= range.to {
        // An earlier try was committed although its commit failed to say so.
        engine.adopt(key, range)?
    } else {
        let written = write(key, &entries)?;
        let infos = engine.store(&key.0, range, 0, written)?;
        engine.commit_flush(key, range, &entries, infos)?
    };
    let (rows, memory) = (part.size().rows, part.size().memory);
    let (files, bytes) = (segments.len(), segments.iter().map(|s| s.info().bytes).sum::<u64>());
    engine.flushed.lock().insert(key.clone(), range.to);
    engine.live.publish_flush(key, segments);
    engine.room.release(memory);
    engine.cut_wal();
    engine.metrics.flushes.inc();
    engine.metrics.flush_seconds.observe(started.elapsed().as_secs_f64());
    info!(tenant = %key.0, signal = %key.1, rows, segments = files, bytes, "flushed segments");
    Ok(rows)
}

/// Flushes all that a buffer holds now, which it gives in parts.
pub(crate) fn flush_whole(engine: &Engine, key: &BufferKey) -> Result<(), Error> {
    let buffers = engine.live.buffers();
    let mut left = buffers.get(key).copied().unwrap_or(0);
    while left > 0 {
        match flush(engine, key)? {
            0 => break,
            flushed => left = left.saturating_sub(flushed),
        }
    }
    Ok(())
}

/// WAL positions that go into segments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WalRange {
    pub from: u64,
    pub to: u64,
}

impl WalRange {
    fn of(entries: &[Arc<Entry>]) -> WalRange {
        let from = entries.first().map_or(0, |entry| entry.position);
        WalRange { from, to: entries.last().map_or(0, |entry| entry.position) }
    }
}

/// The entries as segments of each of the signal's tables.
fn write(key: &BufferKey, entries: &[Arc<Entry>]) -> Result<Vec<(Table, WrittenSegment)>, Error> {
    let mut written = Vec::new();
    for table in Table::ALL.into_iter().filter(|table| table.signal() == key.1) {
        let batches = table_batches(entries, table);
        if batches.is_empty() {
            continue;
        }
        let sources: Vec<Source<'_>> = batches.into_iter().map(Source::Batch).collect();
        let segments = write_segments(table, &sources)?;
        written.extend(segments.into_iter().map(|segment| (table, segment)));
    }
    Ok(written)
}

impl Engine {
    fn catalog_position(&self, key: &BufferKey) -> Result<u64, Error> {
        let positions = self.catalog.lock().list_wal_positions()?;
        Ok(positions.get(key).copied().unwrap_or(0))
    }

    /// What a flush of `range` put into the catalog but did not publish.
    fn adopt(&self, key: &BufferKey, range: WalRange) -> Result<Vec<Arc<Segment>>, Error> {
        let published: HashSet<SegmentId> =
            self.live.all_segments().iter().map(|segment| segment.info().id).collect();
        let listed = self.catalog.lock().list_segments()?;
        let new = listed.into_iter().filter(|info| {
            let is_of_buffer = info.tenant == key.0 && info.table.signal() == key.1;
            let is_of_flush = (info.level, info.wal_from, info.wal_to) == (0, range.from, range.to);
            is_of_buffer && is_of_flush && !published.contains(&info.id)
        });
        Ok(new.map(|info| self.open_segment(info)).collect())
    }

    /// Makes the files durable; when that fails, none is left.
    pub fn store(
        &self,
        tenant: &TenantId,
        range: WalRange,
        level: u32,
        written: Vec<(Table, WrittenSegment)>,
    ) -> Result<Vec<SegmentInfo>, Error> {
        let mut infos = Vec::new();
        for (table, segment) in written {
            let info = describe(tenant, table, range, level, &segment);
            infos.push(info.clone());
            self.pending.lock().insert(info.id);
            let put = || {
                if info.has_rows() {
                    self.objects.put(&info, Part::Parquet, segment.parquet)?;
                }
                if let Some(index) = segment.index {
                    self.objects.put(&info, Part::Index, index)?;
                }
                segment.rollup.map_or(Ok(()), |r| self.objects.put(&info, Part::Rollup, r))
            };
            if let Err(error) = put() {
                self.discard(&infos);
                return Err(error);
            }
        }
        Ok(infos)
    }

    /// The catalog has the segments now, or never will.
    pub fn settled(&self, segments: &[SegmentInfo]) {
        let mut pending = self.pending.lock();
        pending.retain(|id| segments.iter().all(|info| info.id != *id));
    }

    /// Deletes files that no edit names. What cannot be deleted now is found as an orphan later.
    pub fn discard(&self, infos: &[SegmentInfo]) {
        for info in infos {
            if let Err(error) = self.objects.delete(info) {
                warn!(segment = %info.id.0, error = %error, "failed to delete an unused segment");
            }
        }
        self.settled(infos);
    }

    /// After a commit that may or may not have been done: what was not is deleted.
    pub fn discard_unless_known(&self, segments: &[SegmentInfo]) {
        let is_known = |info: &SegmentInfo| self.catalog.lock().knows(info.id);
        match segments.first().map(is_known) {
            Some(Ok(false)) => self.discard(segments),
            // If it cannot be asked, a later garbage collection finds out.
            _ => self.settled(segments),
        }
    }

    fn commit_flush(
        &self,
        key: &BufferKey,
        range: WalRange,
        entries: &[Arc<Entry>],
        segments: Vec<SegmentInfo>,
    ) -> Result<Vec<Arc<Segment>>, Error> {
        let now = self.clock.now();
        let edit = FlushEdit {
            tenant: key.0.clone(),
            signal: key.1,
            wal_before: self.flushed_position(key),
            wal_after: range.to,
            requests: requests(entries),
            attributes: attribute_keys(key, entries, now),
            segments,
            now,
        };
        let edited = self.catalog.lock().commit_flush(&edit);
        let edited = edited.inspect_err(|_| self.discard_unless_known(&edit.segments))?;
        if edited == Edited::Stale {
            self.discard(&edit.segments);
            let detail = format!("the WAL position of {} {} moved unexpectedly", key.0, key.1);
            return Err(Error::Encode { detail });
        }
        self.settled(&edit.segments);
        Ok(edit.segments.into_iter().map(|info| self.open_segment(info)).collect())
    }
}

fn requests(entries: &[Arc<Entry>]) -> Vec<StoredRequest> {
    let request = |entry: &Arc<Entry>| StoredRequest {
        content_hash: entry.content_hash,
        arrived_at: entry.ingested_at,
    };
    entries.iter().map(request).collect()
}

fn attribute_keys(key: &BufferKey, entries: &[Arc<Entry>], now: Timestamp) -> Vec<AttributeKey> {
    let tables = Table::ALL.into_iter().filter(|table| table.signal() == key.1);
    tables.flat_map(|table| attributes::count(table, &table_batches(entries, table), now)).collect()
}

/// What the catalog says about a written segment.
fn describe(
    tenant: &TenantId,
    table: Table,
    range: WalRange,
    level: u32,
    written: &WrittenSegment,
) -> SegmentInfo {
    SegmentInfo {
        id: SegmentId(uuid::Uuid::now_v7()),
        tenant: tenant.clone(),
        table,
        day: written.time_min.day(),
        part: 0,
        part_modulus: 1,
        level,
        time_min: written.time_min,
        time_max: written.time_max,
        rows: written.rows,
        bytes: written.parquet.len() as u64,
        footer_bytes: written.footer_bytes,
        footer_crc32c: written.footer_crc32c,
        index_bytes: written.index.as_ref().map_or(0, |index| index.len() as u64),
        rollup_bytes: written.rollup.as_ref().map_or(0, |rollup| rollup.len() as u64),
        rollup_settled: written.rollup_settled,
        rollup_crc32c: written.rollup.as_ref().map_or(0, |rollup| crc32c::crc32c(rollup)),
        schema_version: written.schema_version,
        sort_version: written.sort_version,
        wal_from: range.from,
        wal_to: range.to,
        ingested_max: written.ingested_max,
    }
}
