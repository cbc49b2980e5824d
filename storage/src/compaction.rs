//! Compaction: joins small segments into larger ones.
//!
//! Tiered: segments of one tenant, table, day and level are joined when there are enough of them, so no row is rewritten
//! under full load, where flushes are large, and each a few times at most when they trickle in.

use crate::Error;
use crate::borders::{Positions, side};
use crate::catalog::{CompactionEdit, Edited};
use crate::engine::Engine;
use crate::flush::WalRange;
use crate::model::{Table, TenantId};
use crate::segment::{Segment, SegmentFile, SegmentId, SegmentInfo, Source, write_segments};
use crate::settle::carry;
use futures::executor::block_on;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Instant;
use tracing::{debug_span, info, warn};

/// This many segments of one level are joined whatever their size.
const SEGMENTS_JOINED: usize = 8;

/// Segments of one level that together have this many rows are joined, and a segment that has them is done.
const ROWS_ENOUGH: u64 = 256 << 10;

/// The same for data points. Their rows are small and cheap to write again, and a series whose points lie together is smaller
/// and sooner read; three full flushes have as many.
const POINTS_ENOUGH: u64 = 3 * ROWS_ENOUGH;

/// About as many rows as a segment should have.
const ROWS_MAX: u64 = 1 << 20;

/// What to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thoroughness {
    /// What pays off while data keeps coming.
    Due,
    /// Also what is left when no more comes.
    Everything,
}

/// Segments to be joined into one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    pub tenant: TenantId,
    pub table: Table,
    pub segments: Vec<SegmentId>,
    pub level: u32,
}

type Group<'a> = Vec<&'a SegmentInfo>;

/// Jobs worth doing, each segment in at most one.
pub(crate) fn plan<'a>(
    segments: impl Iterator<Item = &'a SegmentInfo>,
    borders: &Positions,
    thoroughness: Thoroughness,
) -> Vec<Job> {
    let mut days: BTreeMap<(&TenantId, Table, i32, bool, usize), Group<'_>> = BTreeMap::new();
    for segment in segments.filter(|segment| !is_done(segment)) {
        let SegmentInfo { tenant, table, day, rollup_settled, .. } = segment;
        let key = (tenant, *table, *day, *rollup_settled, side(borders, segment));
        days.entry(key).or_default().push(segment);
    }
    let mut jobs = Vec::new();
    for mut group in days.into_values() {
        group.sort_by_key(|segment| (segment.level, segment.wal_from, segment.id));
        match thoroughness {
            Thoroughness::Due => group.chunk_by(|a, b| a.level == b.level).for_each(|level| {
                jobs.extend(
                    take(level).into_iter().filter(|job| is_due(job)).map(|job| job_of(&job)),
                );
            }),
            Thoroughness::Everything => {
                jobs.extend(
                    take(&group).into_iter().filter(|job| is_worth(job)).map(|job| job_of(&job)),
                );
            }
        }
    }
    jobs
}

/// Whether joining it with others would gain nothing.
fn is_done(segment: &SegmentInfo) -> bool {
    segment.rows >= rows_enough(segment.table)
}

fn rows_enough(table: Table) -> u64 {
    if table == Table::MetricPoints { POINTS_ENOUGH } else { ROWS_ENOUGH }
}

/// Cuts a group into pieces of up to about [`ROWS_MAX`] rows.
fn take<'a>(group: &[&'a SegmentInfo]) -> Vec<Group<'a>> {
    let mut pieces: Vec<Group<'a>> = Vec::new();
    let mut rows = u64::MAX;
    for segment in group {
        if rows.saturating_add(segment.rows) > ROWS_MAX {
            pieces.push(Vec::new());
            rows = 0;
        }
        rows += segment.rows;
        pieces.last_mut().expect("the first segment starts a piece").push(segment);
    }
    pieces
}

fn rows(group: &[&SegmentInfo]) -> u64 {
    group.iter().map(|segment| segment.rows).sum()
}

fn is_due(group: &[&SegmentInfo]) -> bool {
    let is_large = || rows(group) >= rows_enough(group[0].table);
    group.len() >= SEGMENTS_JOINED || group.len() > 1 && is_large()
}

fn is_worth(group: &[&SegmentInfo]) -> bool {
    group.len() > 1
}

fn job_of(group: &[&SegmentInfo]) -> Job {
    Job {
        tenant: group[0].tenant.clone(),
        table: group[0].table,
        segments: group.iter().map(|segment| segment.id).collect(),
        level: 1 + group.iter().map(|segment| segment.level).max().unwrap_or(0),
    }
}

/// Does one job. A source that cannot be read is set aside, and the job is left to a later plan.
pub(crate) fn compact(engine: &Engine, job: &Job) -> Result<(), Error> {
    let started = Instant::now();
    let wanted: HashSet<SegmentId> = job.segments.iter().copied().collect();
    let mut sources = engine.live.segments();
    sources.retain(|segment| wanted.contains(&segment.info().id));
    if sources.len() != wanted.len() {
        return Ok(());
    }
    let table = job.table.name();
    let _span = debug_span!("compaction", binnacle.tenant = %job.tenant, table).entered();
    sources.sort_by_key(|segment| (segment.info().wal_from, segment.info().id));
    let Some(files) = load(engine, &sources)? else { return Ok(()) };
    let written = {
        let sources: Vec<Source<'_>> = files.iter().map(Source::File).collect();
        write_segments(job.table, &sources)?
    };
    drop(files);
    // Rollups that count more than their rows are joined, not made anew.
    let is_settled = sources.iter().any(|segment| segment.info().rollup_settled);
    let written = if is_settled { carry(engine, &sources, written)? } else { written };
    let range = WalRange {
        from: sources.iter().map(|segment| segment.info().wal_from).min().unwrap_or(0),
        to: sources.iter().map(|segment| segment.info().wal_to).max().unwrap_or(0),
    };
    let written = written.into_iter().map(|segment| (job.table, segment)).collect();
    let infos = engine.store(&job.tenant, range, job.level, written)?;
    let rows: u64 = infos.iter().map(|info| info.rows).sum();
    let bytes: u64 =
        infos.iter().map(|info| info.bytes + info.index_bytes + info.rollup_bytes).sum();
    swap(engine, job, &sources, infos)?;
    engine.metrics.compactions.inc();
    engine.metrics.compaction_bytes.inc_by(bytes);
    let seconds = started.elapsed().as_secs_f64();
    let (tenant, joined) = (&job.tenant, sources.len());
    info!(%tenant, table, joined, rows, bytes, level = job.level, seconds, "compacted segments");
    Ok(())
}

/// Reads all sources; `None` when one of them turned out to be corrupt.
fn load(engine: &Engine, sources: &[Arc<Segment>]) -> Result<Option<Vec<SegmentFile>>, Error> {
    let mut files = Vec::with_capacity(sources.len());
    for segment in sources {
        match block_on(segment.load()) {
            Ok(file) => files.push(file),
            Err(Error::Corrupt { detail, .. }) => {
                engine.set_aside(segment.info(), &detail);
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Some(files))
}

/// Puts the new segments in the place of the old ones, in the catalog and then for queries.
pub(crate) fn swap(
    engine: &Engine,
    job: &Job,
    sources: &[Arc<Segment>],
    infos: Vec<SegmentInfo>,
) -> Result<(), Error> {
    let retired = job.segments.clone();
    let edit = CompactionEdit { retired, segments: infos, now: engine.clock.now() };
    let edited = engine.catalog.lock().commit_compaction(&edit);
    let edited = match edited {
        Ok(edited) => edited,
        // A commit that failed to say so may yet have been done.
        Err(error) => {
            match edit.segments.first().map(|info| engine.catalog.lock().knows(info.id)) {
                Some(Ok(true)) => Edited::Done,
                _ => {
                    engine.discard_unless_known(&edit.segments);
                    return Err(error);
                }
            }
        }
    };
    if edited == Edited::Stale {
        warn!(tenant = %job.tenant, table = job.table.name(), "compaction came too late");
        engine.discard(&edit.segments);
        return Ok(());
    }
    engine.settled(&edit.segments);
    engine.keep_until_unused(sources);
    let new = edit.segments.into_iter().map(|info| engine.open_segment(info)).collect();
    engine.live.publish(&job.tenant, &job.segments.iter().copied().collect(), new);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn segment(table: Table, day: i32, level: u32, rows: u64, index: u64) -> SegmentInfo {
        SegmentInfo {
            id: SegmentId(uuid::Uuid::from_u128(index.into())),
            tenant: "t".parse().unwrap(),
            table,
            day,
            part: 0,
            part_modulus: 1,
            level,
            time_min: Timestamp(0),
            time_max: Timestamp(0),
            rows,
            bytes: 0,
            footer_bytes: 0,
            footer_crc32c: 0,
            index_bytes: 0,
            rollup_bytes: 0,
            rollup_crc32c: 0,
            rollup_settled: false,
            schema_version: 1,
            sort_version: 1,
            wal_from: index,
            wal_to: index,
            ingested_max: Timestamp(0),
        }
    }

    /// `(day, level, rows)` of each segment → how many segments each job joins.
    fn check(table: Table, segments: &[(i32, u32, u64)], due: &[usize], everything: &[usize]) {
        let segments: Vec<SegmentInfo> = (1..)
            .zip(segments)
            .map(|(index, &(day, level, rows))| segment(table, day, level, rows, index))
            .collect();
        let joined = |thoroughness| -> Vec<usize> {
            plan(segments.iter(), &Positions::new(), thoroughness)
                .iter()
                .map(|job| job.segments.len())
                .collect()
        };
        assert_eq!(joined(Thoroughness::Due), due, "due of {segments:?}");
        assert_eq!(joined(Thoroughness::Everything), everything, "everything of {segments:?}");
    }

    #[test]
    fn segments_on_two_sides_of_a_border_are_not_joined() {
        let segments: Vec<SegmentInfo> =
            (1..=9).map(|index| segment(Table::Spans, 1, 0, 10, index)).collect();
        let joined = |borders: &[u64], table| -> Vec<usize> {
            let key = ("t".parse().unwrap(), table);
            let positions = Positions::from([(key, borders.iter().copied().collect())]);
            let jobs = plan(segments.iter(), &positions, Thoroughness::Everything);
            jobs.iter().map(|job| job.segments.len()).collect()
        };
        assert_eq!(joined(&[], Table::Spans), [9]);
        assert_eq!(joined(&[4], Table::Spans), [4, 5]);
        assert_eq!(joined(&[0, 4, 6, 9], Table::Spans), [4, 2, 3]);
        assert_eq!(joined(&[4], Table::Logs), [9]);
    }

    #[test]
    fn segments_are_joined_by_day_and_level_when_it_pays() {
        check(Table::Spans, &[], &[], &[]);
        check(Table::Spans, &[(1, 0, 10); 7], &[], &[7]);
        check(Table::Spans, &[(1, 0, 10); 8], &[8], &[8]);
        check(Table::Spans, &[(1, 0, 10), (2, 0, 10)], &[], &[]);
        check(Table::Spans, &[(1, 0, 200_000); 6], &[5], &[5]);
        check(Table::Spans, &[(1, 0, 300_000); 4], &[], &[]);
        check(Table::Spans, &[(1, 1, 600_000), (1, 0, 5)], &[], &[]);
        check(Table::Logs, &[(1, 0, 2_000_000), (1, 0, 10)], &[], &[]);
        check(Table::MetricPoints, &[(1, 0, 262_500); 4], &[3], &[3]);
        check(Table::MetricPoints, &[(1, 1, 790_000), (1, 0, 5)], &[], &[]);
    }
}
