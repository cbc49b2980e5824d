//! Snapshot: what one query sees, from start to end.

use crate::Error;
use crate::live::Cut;
use crate::model::{Table, TenantId, TimeRange, Timestamp};
use crate::segment::{AttributeKeys, Segment};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// Buffered rows of one table in the shape of a segment's file: same columns, same names, same treatment of attributes.
#[derive(Debug, Clone)]
pub struct Chunk {
    pub records: RecordBatch,
    pub attributes: Arc<AttributeKeys>,
    pub time_min: Timestamp,
    pub time_max: Timestamp,
}

/// The segments and buffered rows of one tenant at one moment. Every row acknowledged before it was taken is in exactly
/// one of them. Files it names stay readable while it lives.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub tenant: TenantId,
    /// Grows with every catalog edit; equal versions name equal segments.
    pub catalog_version: u64,
    pub(crate) segments: Vec<Arc<Segment>>,
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
    Ok(Snapshot { tenant, catalog_version: version, segments: segments.to_vec(), chunks, warnings })
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
