//! Stitching: the calls of traces whose spans lie in several segments, or in the buffer and a segment.
//!
//! A segment's rollup counts the calls that its own spans show. Of a trace in several places that is not what all its spans
//! show together: a caller and its callee may lie apart. So such traces are found by the hashes in the trace indexes, their
//! spans are read from all places and counted together, and what each place had counted of them by itself is taken out
//! again. The sum is what a count over all spans at once gives, however they were sent, flushed and joined.
//!
//! What is found for the segments is kept until they change; only the buffer is looked at anew.

use crate::buffer::table_batches;
use crate::model::{Table, TenantId, TimeRange, Timestamp};
use crate::rollup::{EdgeTotals, RollupTable, decode, whole_minutes};
use crate::segment::{DROPPED, Segment, SegmentFile, SegmentId, Source, each_trace, spans};
use crate::snapshot::Chunk;
use crate::{Error, Snapshot};
use arrow::array::{AsArray, BooleanArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampNanosecondType;
use arrow::record_batch::RecordBatch;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Tenants of which stitches are kept.
const TENANTS_MAX: usize = 64;

/// What stitching the segments of some tenants came to. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Stitches {
    kept: Arc<Mutex<HashMap<TenantId, Arc<Stitched>>>>,
}

/// The segments of one tenant, stitched.
#[derive(Debug)]
struct Stitched {
    segments: Vec<SegmentId>,
    /// Calls to add to those of the segments' rollups; some counts are negative.
    correction: EdgeTotals,
    traces: Traces,
}

/// The traces of something, as hashes of which the first `bits` bits count, sorted.
#[derive(Debug, Clone, Default)]
struct Traces {
    hashes: Vec<u64>,
    bits: u32,
}

/// Something that holds spans.
#[derive(Clone, Copy)]
enum Place<'a> {
    Segment(&'a Arc<Segment>),
    Chunk(&'a Chunk),
}

/// The edges of all minutes that overlap `range`, each once.
pub async fn edges(
    snapshot: &Snapshot,
    segments: &[Arc<Segment>],
    range: TimeRange,
    stitches: &Stitches,
) -> Result<RecordBatch, Error> {
    let range = whole_minutes(range);
    let mut totals = EdgeTotals::default();
    for segment in segments {
        let info = segment.info();
        if range.overlaps(info.time_min, info.time_max) {
            totals.add_batch(&segment_edges(segment).await?)?;
        }
    }
    let chunks = snapshot.chunks(Table::Spans, TimeRange::all());
    for chunk in &chunks {
        totals.add_batch(&chunk.rollup()?.edges)?;
    }
    let stitched = stitches.of(&snapshot.tenant, segments).await?;
    totals.add_totals(&stitched.correction);
    totals.add_totals(&stitch_buffer(&stitched, segments, &chunks).await?);
    within(&totals.into_batch()?, range)
}

async fn segment_edges(segment: &Segment) -> Result<RecordBatch, Error> {
    let corrupt = |detail: String| Error::Corrupt {
        id: segment.info().id.0.to_string(),
        detail: format!("its rollup: {detail}"),
    };
    decode(segment.rollup().await?, RollupTable::Edges, None).map_err(corrupt)
}

fn within(edges: &RecordBatch, range: TimeRange) -> Result<RecordBatch, Error> {
    let minutes = edges.column(0).as_primitive::<TimestampNanosecondType>();
    let is_within: BooleanArray = minutes
        .values()
        .iter()
        .map(|&minute| Some(range.overlaps(Timestamp(minute), Timestamp(minute))))
        .collect();
    filter_record_batch(edges, &is_within)
        .map_err(|error| Error::Encode { detail: error.to_string() })
}

impl Stitches {
    async fn of(
        &self,
        tenant: &TenantId,
        segments: &[Arc<Segment>],
    ) -> Result<Arc<Stitched>, Error> {
        let open = segments.iter().filter(|segment| !segment.info().rollup_settled);
        let segments: Vec<Arc<Segment>> = open.cloned().collect();
        let mut ids: Vec<SegmentId> = segments.iter().map(|segment| segment.info().id).collect();
        ids.sort_unstable();
        if let Some(kept) = self.kept.lock().get(tenant).filter(|kept| kept.segments == ids) {
            return Ok(kept.clone());
        }
        let places: Vec<Place<'_>> = segments.iter().map(Place::Segment).collect();
        let mut all = Vec::with_capacity(places.len());
        for place in &places {
            all.push(place.traces().await?);
        }
        let split = in_several(&all);
        let groups: Vec<usize> = (0..places.len()).collect();
        let correction = correct(&places, &groups, &split).await?;
        let stitched = Arc::new(Stitched { segments: ids, correction, traces: union(all) });
        let mut kept = self.kept.lock();
        if kept.len() >= TENANTS_MAX && !kept.contains_key(tenant) {
            kept.clear();
        }
        kept.insert(tenant.clone(), stitched.clone());
        Ok(stitched)
    }
}

/// What the buffered rows change: the segments count as one place, stitched already.
async fn stitch_buffer(
    stitched: &Stitched,
    segments: &[Arc<Segment>],
    chunks: &[Arc<Chunk>],
) -> Result<EdgeTotals, Error> {
    let open = segments.iter().filter(|segment| !segment.info().rollup_settled);
    let segments: Vec<Arc<Segment>> = open.cloned().collect();
    let mut all = vec![stitched.traces.clone()];
    for chunk in chunks {
        all.push(Place::Chunk(chunk).traces().await?);
    }
    let split = in_several(&all);
    let places: Vec<Place<'_>> = segments
        .iter()
        .map(Place::Segment)
        .chain(chunks.iter().map(|chunk| Place::Chunk(chunk)))
        .collect();
    let of_chunks = 1..=chunks.len();
    let groups: Vec<usize> = segments.iter().map(|_| 0).chain(of_chunks).collect();
    correct(&places, &groups, &split).await
}

/// What `segment` adds to what `others` show together, beyond its own rollup.
pub(crate) async fn between(
    segment: &Arc<Segment>,
    others: &[Arc<Segment>],
) -> Result<EdgeTotals, Error> {
    let places: Vec<Place<'_>> = others.iter().chain([segment]).map(Place::Segment).collect();
    let mut all = Vec::with_capacity(others.len());
    for place in &places[..others.len()] {
        all.push(place.traces().await?);
    }
    let split = in_several(&[union(all), Place::Segment(segment).traces().await?]);
    let groups: Vec<usize> = others.iter().map(|_| 0).chain([1]).collect();
    correct(&places, &groups, &split).await
}

/// The traces that are in more than one of `all`.
fn in_several(all: &[Traces]) -> Traces {
    let bits = all.iter().filter(|t| !t.hashes.is_empty()).map(|t| t.bits).min().unwrap_or(64);
    let mut hashes: Vec<u64> = Vec::new();
    for traces in all {
        let mut own: Vec<u64> = traces.hashes.iter().map(|&hash| first_bits(hash, bits)).collect();
        own.dedup();
        hashes.extend(own);
    }
    hashes.sort_unstable();
    let several = hashes.chunk_by(|a, b| a == b).filter(|same| same.len() > 1);
    Traces { hashes: several.map(|same| same[0]).collect(), bits }
}

fn union(all: Vec<Traces>) -> Traces {
    let bits = all.iter().filter(|t| !t.hashes.is_empty()).map(|t| t.bits).min().unwrap_or(64);
    let hashes = all.into_iter().flat_map(|traces| traces.hashes);
    let mut hashes: Vec<u64> = hashes.map(|hash| first_bits(hash, bits)).collect();
    hashes.sort_unstable();
    hashes.dedup();
    Traces { hashes, bits }
}

fn first_bits(hash: u64, bits: u32) -> u64 {
    hash & u64::MAX.checked_shl(64 - bits.min(64)).unwrap_or(0)
}

/// The calls of the traces `split` as all their spans show them, less those that the groups of places (ascending numbers,
/// one per place) show by themselves.
async fn correct(
    places: &[Place<'_>],
    groups: &[usize],
    split: &Traces,
) -> Result<EdgeTotals, Error> {
    let mut totals = EdgeTotals::default();
    if split.hashes.is_empty() {
        return Ok(totals);
    }
    let wanted: HashSet<u64> = split.hashes.iter().copied().collect();
    let mut positions: Vec<u32> = Vec::new();
    let mut next = 0u32;
    let mut files: Vec<Option<SegmentFile>> = Vec::new();
    // Rows of each group, in the order of the places.
    let mut ends: Vec<(usize, u32)> = Vec::new();
    let mut read: Vec<(usize, u32)> = Vec::new();
    for (index, (place, &group)) in places.iter().zip(groups).enumerate() {
        let mut rows: Vec<u32> = Vec::new();
        place
            .each_trace(&mut |hash, own| {
                if wanted.contains(&first_bits(hash, split.bits)) {
                    rows.extend_from_slice(own);
                }
            })
            .await?;
        if rows.is_empty() {
            continue;
        }
        rows.sort_unstable();
        rows.dedup();
        files.push(place.load().await?);
        read.push((index, rows.len() as u32));
        let start = positions.len();
        positions.resize(start + place.rows() as usize, DROPPED);
        for &row in &rows {
            if let Some(position) = positions[start..].get_mut(row as usize) {
                *position = next;
                next += 1;
            }
        }
        match ends.last_mut() {
            Some((last, end)) if *last == group => *end = next,
            _ => ends.push((group, next)),
        }
    }
    let mut sources: Vec<Source<'_>> = Vec::new();
    for ((index, _), file) in read.iter().zip(&files) {
        match (&places[*index], file) {
            (Place::Chunk(chunk), _) => {
                let batches = table_batches(&chunk.entries, Table::Spans);
                sources.extend(batches.into_iter().map(Source::Batch));
            }
            (Place::Segment(_), Some(file)) => sources.push(Source::File(file)),
            (Place::Segment(_), None) => {}
        }
    }
    let spans = spans(&sources, &positions, next as usize)?;
    totals.add_spans(&spans, 0..next, 1);
    let mut start = 0;
    for (_, end) in ends {
        totals.add_spans(&spans, start..end, -1);
        start = end;
    }
    Ok(totals)
}

impl Place<'_> {
    fn rows(&self) -> u64 {
        match self {
            Place::Segment(segment) => segment.info().rows,
            Place::Chunk(chunk) => chunk.records.num_rows() as u64,
        }
    }

    async fn traces(&self) -> Result<Traces, Error> {
        let mut hashes = Vec::new();
        let bits = self.each_trace(&mut |hash, _| hashes.push(hash)).await?;
        // Indexes are sorted already; damage must not make them seem so.
        hashes.sort_unstable();
        Ok(Traces { hashes, bits })
    }

    async fn each_trace(&self, visit: &mut (dyn FnMut(u64, &[u32]) + Send)) -> Result<u32, Error> {
        match self {
            Place::Segment(segment) => segment.each_trace(visit).await,
            Place::Chunk(chunk) => {
                let batches = table_batches(&chunk.entries, Table::Spans);
                let sources: Vec<Source<'_>> = batches.into_iter().map(Source::Batch).collect();
                let rows: u32 = sources.iter().map(Source::rows).sum();
                let positions: Vec<u32> = (0..rows).collect();
                each_trace(Table::Spans, &sources, &positions, visit)
            }
        }
    }

    /// The file to read rows from; a chunk has its rows in memory.
    async fn load(&self) -> Result<Option<SegmentFile>, Error> {
        match self {
            Place::Segment(segment) => segment.load().await.map(Some),
            Place::Chunk(_) => Ok(None),
        }
    }
}
