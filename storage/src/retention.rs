//! Retention: takes old segments out, and deletes the files that nothing names any more.

use crate::Error;
use crate::StorageConfig;
use crate::catalog::Edited;
use crate::engine::Engine;
use crate::model::{Table, Timestamp};
use crate::segment::{Segment, SegmentId, SegmentInfo};
use crate::settle::keep_rollup_only;
use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};

/// Files of retired segments stay this long: longer than any query runs, also one that another process started.
const RETIRED_FOR: Duration = Duration::from_secs(3600);

/// Files that the catalog does not know are left alone this long: they may be part of an edit that is being made.
const ORPHANED_FOR: Duration = Duration::from_secs(86_400);

/// Segments to be deleted.
pub(crate) fn plan<'a>(
    segments: impl Iterator<Item = &'a SegmentInfo>,
    config: &StorageConfig,
    now: Timestamp,
) -> Vec<&'a SegmentInfo> {
    let mut newest_first: Vec<&SegmentInfo> = segments.collect();
    newest_first.sort_by_key(|segment| Reverse((age_from(segment), segment.id)));
    let mut kept_bytes = 0;
    let mut is_full = false;
    newest_first.retain(|segment| {
        let age = config.age(&segment.tenant, segment.table.signal());
        let is_old = !age.is_zero() && age_from(segment) < now.saturating_sub(age);
        kept_bytes += segment.bytes + segment.index_bytes + segment.rollup_bytes;
        let limit = config.retention_bytes_max;
        is_full |= limit > 0 && kept_bytes > limit;
        is_old || is_full
    });
    newest_first
}

/// From when the age of a segment counts: what is sent late is kept as long as what is sent in time.
pub(crate) fn age_from(segment: &SegmentInfo) -> Timestamp {
    segment.time_max.max(segment.ingested_max)
}

/// Takes out of the catalog what the limits say.
pub(crate) fn retain(engine: &Engine) -> Result<(), Error> {
    let now = engine.clock.now();
    let segments = engine.live.segments();
    let planned = plan(segments.iter().map(|s| s.info()), &engine.config, now);
    let mut old: HashSet<SegmentId> = planned.into_iter().map(|info| info.id).collect();
    for segment in segments.iter().filter(|segment| segment.info().table == Table::Spans) {
        if old.contains(&segment.info().id) && has_left_rollup(engine, segment)? {
            old.remove(&segment.info().id);
        }
    }
    let rollups = old_rollups(engine, now);
    old.extend(rollups.iter().map(|rollup| rollup.info().id));
    let segments: Vec<Arc<Segment>> = segments.into_iter().chain(rollups).collect();
    if old.is_empty() {
        return Ok(());
    }
    let ids: Vec<SegmentId> = old.iter().copied().collect();
    let edited = engine.catalog.lock().retire(&ids, now)?;
    if edited == Edited::Stale {
        warn!(segments = ids.len(), "retention came too late");
        return Ok(());
    }
    let retired: Vec<Arc<Segment>> =
        segments.into_iter().filter(|segment| old.contains(&segment.info().id)).collect();
    let tenants: HashSet<_> = retired.iter().map(|segment| segment.info().tenant.clone()).collect();
    for tenant in tenants {
        engine.live.publish(&tenant, &old, Vec::new());
    }
    engine.keep_until_unused(&retired);
    engine.metrics.retention_segments.inc_by(retired.len() as u64);
    let rows: u64 = retired.iter().map(|segment| segment.info().rows).sum();
    info!(segments = retired.len(), rows, "retired old segments");
    Ok(())
}

/// Retires a segment of spans but for its rollup; `false` when it has none that could be read.
fn has_left_rollup(engine: &Engine, segment: &Arc<Segment>) -> Result<bool, Error> {
    match keep_rollup_only(engine, segment) {
        Ok(()) => {
            engine.metrics.retention_segments.inc();
            Ok(true)
        }
        Err(Error::Corrupt { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Rollups that have outlived their rows for long enough.
fn old_rollups(engine: &Engine, now: Timestamp) -> Vec<Arc<Segment>> {
    let limit = engine.config.rollup_retention;
    let mut rollups = engine.live.rollups();
    let is_old = |info: &SegmentInfo| age_from(info) < now.saturating_sub(limit);
    rollups.retain(|rollup| !limit.is_zero() && is_old(rollup.info()));
    rollups
}

/// Deletes the files of segments retired long enough, and files that no edit ever named.
pub(crate) fn collect_garbage(engine: &Engine) -> Result<(), Error> {
    let now = engine.clock.now();
    let retired = engine.catalog.lock().list_retired(now.saturating_sub(RETIRED_FOR))?;
    let unused: Vec<SegmentInfo> =
        retired.into_iter().filter(|info| engine.is_unused(info.id)).collect();
    for info in &unused {
        engine.objects.delete(info)?;
    }
    let ids: Vec<SegmentId> = unused.iter().map(|info| info.id).collect();
    if !ids.is_empty() {
        engine.catalog.lock().forget(&ids)?;
        engine.retired.lock().retain(|id, _| !ids.contains(id));
    }
    for (path, id) in engine.objects.list_older(now.saturating_sub(ORPHANED_FOR))? {
        let Some(id) = id else { continue };
        let is_pending = engine.pending.lock().contains(&id);
        if !is_pending && !engine.catalog.lock().knows(id)? {
            info!(path = %path, "deleted a file that no edit names");
            engine.objects.delete_path(&path)?;
        }
    }
    Ok(())
}

impl Engine {
    /// Remembers retired segments for as long as snapshots name them.
    pub fn keep_until_unused(&self, segments: &[Arc<Segment>]) {
        let mut retired = self.retired.lock();
        retired.extend(segments.iter().map(|segment| (segment.info().id, Arc::downgrade(segment))));
    }

    /// Whether no snapshot names the retired segment.
    fn is_unused(&self, id: SegmentId) -> bool {
        self.retired.lock().get(&id).is_none_or(|segment| segment.strong_count() == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RetentionRule;
    use crate::model::Signal;

    const DAY: i64 = 86_400 * 1_000_000_000;

    fn segment(index: u128, time_max: i64, ingested_max: i64) -> SegmentInfo {
        SegmentInfo {
            id: SegmentId(uuid::Uuid::from_u128(index)),
            tenant: "t".parse().unwrap(),
            table: Table::Logs,
            day: 0,
            part: 0,
            part_modulus: 1,
            level: 0,
            time_min: Timestamp(0),
            time_max: Timestamp(time_max),
            rows: 1,
            bytes: 90,
            footer_bytes: 0,
            footer_crc32c: 0,
            index_bytes: 10,
            rollup_bytes: 0,
            rollup_crc32c: 0,
            rollup_settled: false,
            schema_version: 1,
            sort_version: 1,
            wal_from: 0,
            wal_to: 0,
            ingested_max: Timestamp(ingested_max),
        }
    }

    fn segments() -> [SegmentInfo; 4] {
        [
            segment(1, DAY, DAY),
            segment(2, 9 * DAY, 9 * DAY),
            segment(3, 0, 8 * DAY),        // old rows that came late
            segment(4, 20 * DAY, 5 * DAY), // rows from the future
        ]
    }

    fn check(age_days: u64, bytes: u64, deleted: &[u128]) {
        let config = StorageConfig {
            retention: Duration::from_secs(age_days * 86_400),
            retention_bytes_max: bytes,
            ..StorageConfig::default()
        };
        check_with(&config, deleted);
    }

    fn check_with(config: &StorageConfig, deleted: &[u128]) {
        let segments = segments();
        let planned = plan(segments.iter(), config, Timestamp(10 * DAY));
        let mut ids: Vec<u128> = planned.iter().map(|info| info.id.0.as_u128()).collect();
        ids.sort_unstable();
        assert_eq!(ids, deleted, "{config:?}");
    }

    #[test]
    fn age_counts_from_the_later_of_row_time_and_arrival_and_bytes_delete_the_oldest() {
        check(0, 0, &[]);
        check(5, 0, &[1]);
        check(1, 0, &[1, 3]);
        check(0, 300, &[1]);
        check(0, 250, &[1, 3]);
        check(0, 50, &[1, 2, 3, 4]);
    }

    #[test]
    fn the_first_rule_that_fits_says_the_age() {
        let days = |days: u64| Some(Duration::from_secs(days * 86_400));
        let rule = |tenant: Option<&str>, signal, age| RetentionRule {
            tenant: tenant.map(str::to_owned),
            signal,
            age,
            thin: None,
        };
        let with = |retention_rules| StorageConfig { retention_rules, ..StorageConfig::default() };
        check_with(&with(vec![rule(Some("t"), None, days(1))]), &[1, 3]);
        check_with(&with(vec![rule(Some("other"), None, days(1))]), &[]);
        check_with(&with(vec![rule(None, Some(Signal::Traces), days(1))]), &[]);
        let rules = vec![rule(None, Some(Signal::Logs), days(5)), rule(None, None, days(1))];
        check_with(&with(rules), &[1]);
        let mut for_ever = with(vec![rule(None, None, Some(Duration::ZERO))]);
        for_ever.retention = Duration::from_secs(86_400);
        check_with(&for_ever, &[]);
    }
}
