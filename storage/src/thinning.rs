//! Thinning: leaves out most of what is old and ordinary, so that what matters can be kept longer.
//!
//! A trace that has gone quiet is kept whole when one of its spans failed or was slow, or one of its logs was severe; of the
//! others one in so many stays, chosen by a hash of the trace id, so that spans and logs of one trace share its fate whichever
//! segment they are in. A row that stands for others carries how many (`weight`), so sums of weights estimate without bias what
//! was there. A row that has a weight is never thinned again, and what was kept in full still shows why: running twice
//! changes nothing.

use crate::compaction::{Job, swap};
use crate::engine::Engine;
use crate::flush::WalRange;
use crate::model::{Table, TenantId, Timestamp, WEIGHT_COLUMN};
use crate::retention::age_from;
use crate::segment::{
    Segment, SegmentFile, SegmentId, SegmentInfo, Source, Thinned, write_thinned,
};
use crate::settle::carry;
use crate::{Error, StorageConfig, Thinning};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Int64Type;
use futures::executor::block_on;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tracing::info;
use xxhash_rust::xxh3::xxh3_64;

/// Spans and logs of a trace are looked for this far around a segment's times, to judge the trace.
const AROUND: Duration = Duration::from_secs(3600);

/// A span's status that is an error.
const STATUS_ERROR: i64 = 2;

/// Segments of one tenant, table and day whose rows have all grown old.
type Group<'a> = Vec<&'a Arc<Segment>>;

/// Thins every segment whose rows have grown old. `settled` remembers those that need no second look.
pub(crate) fn thin(engine: &Engine, settled: &mut HashSet<SegmentId>) -> Result<(), Error> {
    let segments = engine.live.segments();
    settled.retain(|id| segments.iter().any(|segment| segment.info().id == *id));
    let now = engine.clock.now();
    for group in plan(&segments, &engine.config, now, settled) {
        let first = group[0].info();
        let Some(rule) = engine.config.thinning(&first.tenant, first.table.signal()) else {
            continue;
        };
        let mark = mark(rule);
        let mut due = Vec::new();
        for segment in group {
            match block_on(segment.thinned_by()) {
                Ok(by) if by.as_ref() != Some(&mark) => due.push(segment),
                // A segment that cannot be read is found and set aside by those who read it.
                Ok(_) | Err(Error::Corrupt { .. }) => {
                    settled.insert(segment.info().id);
                }
                Err(error) => return Err(error),
            }
        }
        if due.is_empty() {
            continue;
        }
        let kept = kept_traces(&segments, &due, rule)?;
        for segment in due {
            thin_segment(engine, segment, rule, &mark, &kept)?;
            settled.insert(segment.info().id);
        }
    }
    Ok(())
}

fn plan<'a>(
    segments: &'a [Arc<Segment>],
    config: &StorageConfig,
    now: Timestamp,
    settled: &HashSet<SegmentId>,
) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<(&TenantId, Table, i32), Group<'a>> = BTreeMap::new();
    for segment in segments {
        let info = segment.info();
        let rule = config.thinning(&info.tenant, info.table.signal());
        let is_old = rule.is_some_and(|rule| age_from(info) < now.saturating_sub(rule.after));
        if is_old && !settled.contains(&info.id) {
            groups.entry((&info.tenant, info.table, info.day)).or_default().push(segment);
        }
    }
    groups.into_values().collect()
}

/// What a thinned file says of the rule.
fn mark(rule: &Thinning) -> String {
    serde_json::to_string(rule).unwrap_or_default()
}

/// Hashes of the traces that are kept in full.
type KeptTraces = HashSet<u64>;

/// Judges the traces around the segments that are due.
fn kept_traces(
    segments: &[Arc<Segment>],
    due: &[&Arc<Segment>],
    rule: &Thinning,
) -> Result<KeptTraces, Error> {
    let tenant = &due[0].info().tenant;
    let from = due.iter().map(|segment| segment.info().time_min).min().unwrap_or(Timestamp(0));
    let to = due.iter().map(|segment| segment.info().time_max).max().unwrap_or(Timestamp(0));
    let (from, to) = (from.saturating_sub(AROUND), to.saturating_add(AROUND));
    let is_near =
        |info: &SegmentInfo| info.tenant == *tenant && info.time_min <= to && info.time_max >= from;
    let mut kept = KeptTraces::new();
    for segment in segments.iter().filter(|segment| is_near(segment.info())) {
        let table = segment.info().table;
        let tells = match table {
            Table::Spans => rule.keep_errors || rule.keep_slower_than.is_some(),
            Table::Logs => rule.keep_severity.is_some(),
            _ => false,
        };
        if !tells {
            continue;
        }
        match block_on(segment.load()) {
            Ok(file) => add_kept(&file, table, rule, &mut kept)?,
            // Its rows are lost to queries too.
            Err(Error::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(kept)
}

fn add_kept(
    file: &SegmentFile,
    table: Table,
    rule: &Thinning,
    kept: &mut KeptTraces,
) -> Result<(), Error> {
    let is_kept = rows_kept(file, table, rule)?;
    each_trace(file, &mut |row, trace| {
        if let Some(trace) = trace.filter(|_| is_kept[row]) {
            kept.insert(trace);
        }
    })
}

/// Per row: whether it alone is a reason to keep its trace in full.
fn rows_kept(file: &SegmentFile, table: Table, rule: &Thinning) -> Result<Vec<bool>, Error> {
    let mut kept = vec![false; file.rows() as usize];
    match table {
        Table::Spans => {
            if rule.keep_errors {
                let mut mark = |row: usize, status| kept[row] |= status == STATUS_ERROR;
                each_int(file, "status_code", &mut mark)?;
            }
            if let Some(limit) = rule.keep_slower_than {
                let limit = i64::try_from(limit.as_nanos()).unwrap_or(i64::MAX);
                each_int(file, "duration", &mut |row, duration| kept[row] |= duration >= limit)?;
            }
        }
        Table::Logs => {
            if let Some(least) = rule.keep_severity {
                let mut mark = |row: usize, severity| kept[row] |= severity >= i64::from(least);
                each_int(file, "severity_number", &mut mark)?;
            }
        }
        _ => {}
    }
    Ok(kept)
}

/// What each row of a file stands for from now on: 0 when it goes, 1 when nothing changes.
fn weights(
    file: &SegmentFile,
    table: Table,
    rule: &Thinning,
    kept: &KeptTraces,
) -> Result<Vec<u32>, Error> {
    let mut weights: Vec<u32> = rows_kept(file, table, rule)?.into_iter().map(u32::from).collect();
    each_int(file, WEIGHT_COLUMN, &mut |row, _| weights[row] = 1)?;
    let mut lone: Vec<bool> = weights.iter().map(|&weight| weight == 0).collect();
    each_trace(file, &mut |row, trace| {
        if let Some(trace) = trace
            && std::mem::take(&mut lone[row])
        {
            weights[row] = if kept.contains(&trace) { 1 } else { drawn(trace, rule) };
        }
    })?;
    if lone.contains(&true) {
        let hashes = row_hashes(file)?;
        let lone = lone.iter().zip(&hashes).zip(&mut weights).filter(|((lone, _), _)| **lone);
        lone.for_each(|((_, &hash), weight)| *weight = drawn(hash, rule));
    }
    Ok(weights)
}

/// The weight of a row that is one of `keep_one_in`, or 0.
fn drawn(hash: u64, rule: &Thinning) -> u32 {
    let one_in = rule.keep_one_in.max(1);
    if hash.is_multiple_of(u64::from(one_in)) { one_in } else { 0 }
}

/// A hash for each log record, of its time and body: those without a trace are drawn one by one.
fn row_hashes(file: &SegmentFile) -> Result<Vec<u64>, Error> {
    let mut hashes = vec![0u64; file.rows() as usize];
    each_int(file, "time", &mut |row, time| hashes[row] = xxh3_64(&time.to_le_bytes()))?;
    file.read("body", &mut |first, array| {
        let text = arrow::compute::cast(array, &arrow::datatypes::DataType::Binary)
            .map_err(|error| Error::Encode { detail: error.to_string() })?;
        for (row, body) in text.as_binary::<i32>().iter().enumerate() {
            let hash = &mut hashes[first as usize + row];
            *hash =
                xxh3_64(&[*hash, xxh3_64(body.unwrap_or_default())].map(u64::to_le_bytes).concat());
        }
        Ok(())
    })?;
    Ok(hashes)
}

/// Calls `visit(row, hash of the trace id)` for every row.
fn each_trace(file: &SegmentFile, visit: &mut dyn FnMut(usize, Option<u64>)) -> Result<(), Error> {
    file.read("trace_id", &mut |first, array| {
        let ids = array.as_fixed_size_binary();
        for row in 0..ids.len() {
            let id = ids.is_valid(row).then(|| xxh3_64(ids.value(row)));
            visit(first as usize + row, id);
        }
        Ok(())
    })
}

/// Calls `visit(row, value)` for every row that has one.
fn each_int(
    file: &SegmentFile,
    column: &str,
    visit: &mut dyn FnMut(usize, i64),
) -> Result<(), Error> {
    file.read(column, &mut |first, array| {
        let values = as_ints(array)?;
        let values = values.as_primitive::<Int64Type>().iter().enumerate();
        values.for_each(|(row, value)| {
            if let Some(value) = value {
                visit(first as usize + row, value);
            }
        });
        Ok(())
    })
}

fn as_ints(array: &ArrayRef) -> Result<ArrayRef, Error> {
    arrow::compute::cast(array, &arrow::datatypes::DataType::Int64)
        .map_err(|error| Error::Encode { detail: error.to_string() })
}

fn thin_segment(
    engine: &Engine,
    segment: &Arc<Segment>,
    rule: &Thinning,
    mark: &str,
    kept: &KeptTraces,
) -> Result<(), Error> {
    let info = segment.info();
    let file = match block_on(segment.load()) {
        Ok(file) => file,
        Err(Error::Corrupt { detail, .. }) => {
            engine.set_aside(info, &detail);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let weights = weights(&file, info.table, rule, kept)?;
    let gone = weights.iter().filter(|&&weight| weight == 0).count();
    if gone == 0 && weights.iter().all(|&weight| weight == 1) {
        return Ok(());
    }
    let thinned = Thinned { weights: &weights, rule: mark };
    let mut written = write_thinned(info.table, &[Source::File(&file)], thinned)?;
    drop(file);
    if info.table == Table::Spans {
        written = carry(engine, std::slice::from_ref(segment), written)?;
    }
    let range = WalRange { from: info.wal_from, to: info.wal_to };
    let written = written.into_iter().map(|segment| (info.table, segment)).collect();
    let infos = engine.store(&info.tenant, range, info.level, written)?;
    let job = Job {
        tenant: info.tenant.clone(),
        table: info.table,
        segments: vec![info.id],
        level: info.level,
    };
    swap(engine, &job, std::slice::from_ref(segment), infos)?;
    engine.metrics.thinned_rows.inc_by(gone as u64);
    let left = weights.len() - gone;
    info!(tenant = %info.tenant, table = info.table.name(), rows = weights.len(), left, "thinned an old segment");
    Ok(())
}
