//! Settling: what a segment's spans add up to, kept when the spans go.
//!
//! A rollup that is to outlive its rows must say by itself what they said together with others: the calls of traces that
//! also lie in other segments. What those would not show without it is added, and from then on the segment is *settled*: it
//! is not stitched to others again, and its rollup is only carried on, joined with those of other settled segments. So
//! nothing is counted twice, and what was counted stays.
//!
//! When all rows are gone, the rollup file stays as a segment without a Parquet file.

use crate::Error;
use crate::compaction::{Job, swap};
use crate::engine::Engine;
use crate::flush::WalRange;
use crate::model::{Table, TimeRange};
use crate::rollup::{EdgeTotals, Rollup, RollupTable, decode, encode};
use crate::segment::{Segment, SegmentInfo, WrittenSegment};
use crate::stitch;
use arrow::compute::concat_batches;
use futures::executor::block_on;
use std::sync::Arc;
use std::time::Duration;
use tracing::warn;

/// Spans of a trace are looked for this far around a segment's times.
const AROUND: Duration = Duration::from_secs(3600);

/// The rollup of a segment whose rows are about to go.
pub(crate) fn settled_rollup(engine: &Engine, segment: &Arc<Segment>) -> Result<Rollup, Error> {
    let info = segment.info();
    let mut rollup = read(segment)?;
    if info.rollup_settled {
        return Ok(rollup);
    }
    let around = TimeRange::new(
        info.time_min.saturating_sub(AROUND),
        info.time_max.saturating_add(AROUND).saturating_add(Duration::from_nanos(1)),
    );
    let is_near = |other: &SegmentInfo| {
        let is_other = other.id != info.id && other.tenant == info.tenant;
        let is_open = other.table == Table::Spans && !other.rollup_settled;
        let overlaps = |range: TimeRange| range.overlaps(other.time_min, other.time_max);
        is_other && is_open && around.is_none_or(overlaps)
    };
    let mut others = engine.live.segments();
    others.retain(|other| is_near(other.info()));
    let mut edges = EdgeTotals::default();
    edges.add_batch(&rollup.edges)?;
    match block_on(stitch::between(segment, &others)) {
        Ok(between) => edges.add_totals(&between),
        // One that cannot be read must not take this one's rollup along.
        Err(error @ Error::Corrupt { .. }) => {
            warn!(segment = %info.id.0, %error, "calls to other segments are not counted any more");
        }
        Err(error) => return Err(error),
    }
    rollup.edges = edges.into_batch()?;
    Ok(rollup)
}

fn read(segment: &Segment) -> Result<Rollup, Error> {
    let file = block_on(segment.rollup())?;
    let of = |table| {
        decode(file.clone(), table, None).map_err(|detail| Error::Corrupt {
            id: segment.info().id.0.to_string(),
            detail: format!("its rollup: {detail}"),
        })
    };
    Ok(Rollup { red: of(RollupTable::Red)?, edges: of(RollupTable::Edges)? })
}

/// The rollups of settled segments as one.
fn join(rollups: &[Rollup]) -> Result<Rollup, Error> {
    let schema = RollupTable::Red.schema();
    let red = concat_batches(&schema, rollups.iter().map(|rollup| &rollup.red))
        .map_err(|error| Error::Encode { detail: error.to_string() })?;
    let mut edges = EdgeTotals::default();
    rollups.iter().try_for_each(|rollup| edges.add_batch(&rollup.edges))?;
    Ok(Rollup { red, edges: edges.into_batch()? })
}

/// Gives what is written in the place of `sources` the rollups of those, and marks it as settled. Of several files the
/// first has all; without any, the rollup becomes a segment of its own.
pub(crate) fn carry(
    engine: &Engine,
    sources: &[Arc<Segment>],
    mut written: Vec<WrittenSegment>,
) -> Result<Vec<WrittenSegment>, Error> {
    let rollups: Vec<Rollup> =
        sources.iter().map(|source| settled_rollup(engine, source)).collect::<Result<_, _>>()?;
    let rollup = join(&rollups)?;
    let nothing = Rollup::empty();
    if written.is_empty() {
        written.push(WrittenSegment::without_rows());
    }
    for (index, segment) in written.iter_mut().enumerate() {
        segment.rollup = Some(encode(if index == 0 { &rollup } else { &nothing })?);
        segment.rollup_settled = true;
    }
    // Minutes of rows that are gone are still to be found.
    let first = &mut written[0];
    for info in sources.iter().map(|source| source.info()) {
        first.time_min = first.time_min.min(info.time_min);
        first.time_max = first.time_max.max(info.time_max);
        first.ingested_max = first.ingested_max.max(info.ingested_max);
    }
    Ok(written)
}

/// Deletes the rows of a segment of spans and keeps its rollup.
pub(crate) fn keep_rollup_only(engine: &Engine, segment: &Arc<Segment>) -> Result<(), Error> {
    let info = segment.info();
    let sources = std::slice::from_ref(segment);
    let written = carry(engine, sources, Vec::new())?;
    let range = WalRange { from: info.wal_from, to: info.wal_to };
    let written = written.into_iter().map(|segment| (info.table, segment)).collect();
    let infos = engine.store(&info.tenant, range, info.level, written)?;
    let job = Job {
        tenant: info.tenant.clone(),
        table: info.table,
        segments: vec![info.id],
        level: info.level,
    };
    swap(engine, &job, sources, infos)
}
