//! Snapshot: what one query sees, from start to end.

use crate::Error;
use crate::buffer::{Entry, table_batches};
use crate::live::Cut;
use crate::model::{Table, TenantId, TimeRange, Timestamp};
use crate::rollup::Rollup;
use crate::segment::{self, AttributeKeys, Segment, Source};
use arrow::record_batch::RecordBatch;
use std::sync::{Arc, OnceLock};

/// Buffered rows of one table in the shape of a segment's file: same columns, same names, same treatment of attributes.
#[derive(Debug, Clone)]
pub struct Chunk {
    pub records: RecordBatch,
    pub attributes: Arc<AttributeKeys>,
    pub time_min: Timestamp,
    pub time_max: Timestamp,
    /// Of spans: where the rows are from, for their rollup, which is made when first asked for.
    pub(crate) entries: Vec<Arc<Entry>>,
    pub(crate) rollup: OnceLock<Arc<Rollup>>,
}

impl Chunk {
    /// What its spans add up to.
    pub fn rollup(&self) -> Result<Arc<Rollup>, Error> {
        if let Some(rollup) = self.rollup.get() {
            return Ok(rollup.clone());
        }
        let batches = table_batches(&self.entries, Table::Spans);
        let sources: Vec<Source<'_>> = batches.into_iter().map(Source::Batch).collect();
        let rows: u32 = sources.iter().map(Source::rows).sum();
        let positions: Vec<u32> = (0..rows).collect();
        let spans = segment::spans(&sources, &positions, rows as usize)?;
        let rollup = Arc::new(Rollup::of(&spans, 0..rows)?);
        Ok(self.rollup.get_or_init(|| rollup).clone())
    }
}

/// The segments and buffered rows of one tenant at one moment. Every row acknowledged before it was taken is in exactly
/// one of them. Files it names stay readable while it lives.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub tenant: TenantId,
    /// Grows with every catalog edit; equal versions name equal segments.
    pub catalog_version: u64,
    pub(crate) segments: Vec<Arc<Segment>>,
    /// Segments of which only the rollup is left.
    pub(crate) rollups: Vec<Arc<Segment>>,
    pub(crate) chunks: Vec<(Table, Arc<Chunk>)>,
    pub(crate) warnings: Vec<String>,
}

/// Builds the chunks of a cut, on a thread that may block.
pub(crate) async fn build(tenant: TenantId, cut: Cut) -> Result<Snapshot, Error> {
    let Cut { version, segments, parts, warnings } = cut;
    let chunks = if parts.is_empty() {
        Vec::new()
    } else {
        let built = tokio::task::spawn_blocking(move || {
            let chunks = parts.iter().map(|(signal, part, entries)| part.chunks(*signal, *entries));
            chunks.collect::<Result<Vec<_>, Error>>()
        });
        built.await.map_err(|_| Error::ShuttingDown)??.into_iter().flatten().collect()
    };
    let all = segments.iter().cloned();
    let (segments, rollups) = all.partition(|segment| segment.info().has_rows());
    Ok(Snapshot { tenant, catalog_version: version, segments, rollups, chunks, warnings })
}

impl Snapshot {
    /// The segments of `table` that may hold rows in `range`.
    pub fn segments(&self, table: Table, range: TimeRange) -> Vec<Arc<Segment>> {
        let matching = self.segments.iter().filter(|segment| {
            let info = segment.info();
            info.table == table && range.overlaps(info.time_min, info.time_max)
        });
        matching.cloned().collect()
    }

    /// The segments whose rollups may count spans in `range`, also those that have no rows any more.
    pub fn rollups(&self, range: TimeRange) -> Vec<Arc<Segment>> {
        let mut segments = self.segments(Table::Spans, range);
        let without_rows = self.rollups.iter().filter(|segment| {
            let info = segment.info();
            info.table == Table::Spans && range.overlaps(info.time_min, info.time_max)
        });
        segments.extend(without_rows.cloned());
        segments
    }

    /// The buffered rows of `table` that may lie in `range`.
    pub fn chunks(&self, table: Table, range: TimeRange) -> Vec<Arc<Chunk>> {
        let matching = self
            .chunks
            .iter()
            .filter(|(of, chunk)| *of == table && range.overlaps(chunk.time_min, chunk.time_max));
        matching.map(|(_, chunk)| chunk.clone()).collect()
    }

    /// All live segments, of all tables.
    pub fn all_segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }

    /// What is missing from this snapshot, in words: segments that were set aside.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Number of live segments of `table`, pruned or not.
    pub fn segment_count(&self, table: Table) -> usize {
        self.segments.iter().filter(|segment| segment.info().table == table).count()
    }
}
