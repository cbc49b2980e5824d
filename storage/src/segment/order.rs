//! Order: where each row of a merge goes.
//!
//! Rows are grouped by day, sorted within their group, rid of duplicates, and cut into segments. The result is one
//! position per row; columns are then placed by it one at a time.

use super::column::{DROPPED, NULL, SlotValues, Slots, StringMode};
use super::schema::column_index;
use super::source::{ColumnRef, Source};
use crate::Error;
use crate::batch::Interner;
use crate::model::{SortKey, Table, Timestamp};
use std::collections::BTreeMap;
use std::ops::Range;

/// A day with fewer rows shares its segment with a neighbour: hostile times must not make a file each.
const DAY_ROWS_MIN: usize = 4_096;

/// Most rows in one segment.
pub(super) const SEGMENT_ROWS_MAX: usize = 1 << 20;

/// Where each row goes.
pub(super) struct Order {
    /// Per row of all sources, in their order: its position in the output, or [`DROPPED`].
    pub positions: Vec<u32>,
    /// The segments, as ranges of positions.
    pub segments: Vec<Extent>,
}

/// One segment's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extent {
    pub rows: Range<u32>,
    pub time_min: Timestamp,
    pub time_max: Timestamp,
    pub ingested_max: Timestamp,
}

/// What rows are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// Ranks of service and name, or of the series; the class of severity.
    major: u64,
    time: i64,
    /// Row among all sources: equal keys stay in order of arrival.
    row: u32,
}

/// Positions of rows that keep their place.
pub(super) fn identity(rows: usize) -> Vec<u32> {
    (0..rows as u32).collect()
}

/// `weights` has an entry per row of all sources: rows of weight 0 are left out.
pub(super) fn order(
    table: Table,
    sources: &[Source<'_>],
    weights: Option<&[u32]>,
) -> Result<Order, Error> {
    let rows = row_count(sources)?;
    let in_place = InPlace { table, sources, positions: identity(rows) };
    let times = in_place.ints(table.time_column())?;
    let ingested = in_place.ints("ingested_at")?;
    let mut keys = keys(table, &in_place, &times)?;
    if let Some(weights) = weights {
        keys.retain(|key| weights.get(key.row as usize).is_none_or(|&weight| weight > 0));
    }
    let groups = group_by_day(&mut keys);
    let mut finder = DuplicateFinder { in_place: &in_place, identities: None };
    let mut positions = vec![DROPPED; rows];
    let mut segments = Vec::new();
    let mut next = 0u32;
    for group in groups {
        let group = &mut keys[group];
        if table.sort_key() == SortKey::SeverityTime {
            part_by_time(group);
        }
        group.sort_unstable();
        let duplicates = finder.find(group, &ingested)?;
        for (key, &is_duplicate) in group.iter().zip(&duplicates) {
            if !is_duplicate {
                positions[key.row as usize] = next;
                next += 1;
            }
        }
        let from = segments.last().map_or(0, |last: &Extent| last.rows.end);
        cut(from..next, group, &positions, &times, &ingested, &mut segments);
    }
    Ok(Order { positions, segments })
}

/// Rows of all sources.
pub(super) fn row_count(sources: &[Source<'_>]) -> Result<usize, Error> {
    let rows: u64 = sources.iter().map(|source| u64::from(source.rows())).sum();
    // The highest number means a dropped row.
    match u32::try_from(rows) {
        Ok(rows) if rows < DROPPED => Ok(rows as usize),
        _ => Err(Error::Encode { detail: format!("{rows} rows are too many for one merge") }),
    }
}

/// Columns of all sources in the rows' own order.
struct InPlace<'a> {
    table: Table,
    sources: &'a [Source<'a>],
    positions: Vec<u32>,
}

impl InPlace<'_> {
    fn slots(&self, name: &str) -> Result<SlotValues, Error> {
        Ok(load(self.table, self.sources, name, &self.positions)?.values)
    }

    fn fixed(&self, name: &str) -> Result<Vec<u8>, Error> {
        match self.slots(name)? {
            SlotValues::Fixed { bytes, .. } => Ok(bytes),
            _ => unreachable!("{name} is a column of ids"),
        }
    }

    fn ints(&self, name: &str) -> Result<Vec<i64>, Error> {
        match self.slots(name)? {
            SlotValues::Int(values) => Ok(values),
            _ => unreachable!("{name} is a column of integers"),
        }
    }

    /// Rank of each row's string among all strings of the column.
    fn ranks(&self, name: &str) -> Result<Vec<u32>, Error> {
        let (codes, dictionary) = match self.slots(name)? {
            SlotValues::Coded { dictionary, codes } => (codes, dictionary),
            SlotValues::Fixed { width, bytes } => {
                let mut dictionary = Interner::default();
                let codes = bytes.chunks_exact(width).map(|id| dictionary.intern(id)).collect();
                (codes, dictionary)
            }
            _ => unreachable!("{name} is a column of strings or ids"),
        };
        let ranks = ranks(&dictionary);
        let rank = |code: u32| if code == NULL { 0 } else { ranks[code as usize] };
        Ok(codes.into_iter().map(rank).collect())
    }
}

/// One column of all sources at `positions`.
pub(super) fn load(
    table: Table,
    sources: &[Source<'_>],
    name: &str,
    positions: &[u32],
) -> Result<Slots, Error> {
    let index = column_index(table, name);
    let spec = table.columns()[index];
    let mut slots = Slots::new(spec.kind, spec.required, positions.len(), StringMode::Coded);
    place_all(sources, ColumnRef::Table(index), positions, &mut slots)?;
    Ok(slots)
}

/// Places one column of every source; `positions` has an entry per row of all sources.
pub(super) fn place_all(
    sources: &[Source<'_>],
    column: ColumnRef<'_>,
    positions: &[u32],
    into: &mut Slots,
) -> Result<(), Error> {
    let mut rest = positions;
    for source in sources {
        let (own, others) = rest.split_at(source.rows() as usize);
        source.place(column, own, into)?;
        rest = others;
    }
    Ok(())
}

/// Rank of each code when the strings are sorted by their bytes.
pub(super) fn ranks(dictionary: &Interner) -> Vec<u32> {
    let mut sorted: Vec<u32> = (0..dictionary.len() as u32).collect();
    sorted.sort_unstable_by(|&a, &b| dictionary.value(a).cmp(dictionary.value(b)));
    let mut ranks = vec![0; sorted.len()];
    for (rank, &code) in sorted.iter().enumerate() {
        ranks[code as usize] = rank as u32;
    }
    ranks
}

fn keys(table: Table, in_place: &InPlace<'_>, times: &[i64]) -> Result<Vec<Key>, Error> {
    let major: Option<Vec<u64>> = match table.sort_key() {
        SortKey::SeverityTime => {
            Some(in_place.ints("severity_number")?.into_iter().map(severity_class).collect())
        }
        SortKey::SeriesTime => {
            Some(in_place.ranks("series_id")?.into_iter().map(u64::from).collect())
        }
        SortKey::ServiceNameTime => {
            let services = in_place.ranks("service")?;
            let names = in_place.ranks("name")?;
            let both = services.into_iter().zip(names);
            Some(both.map(|(service, name)| u64::from(service) << 32 | u64::from(name)).collect())
        }
    };
    let key = |(row, &time): (usize, &i64)| Key {
        major: major.as_ref().map_or(0, |major| major[row]),
        time,
        row: row as u32,
    };
    Ok(times.iter().enumerate().map(key).collect())
}

/// Errors before warnings before all else, by OTLP's `SeverityNumber`.
pub fn severity_class(number: i64) -> u64 {
    match number {
        17.. => 0,
        13..=16 => 1,
        _ => 2,
    }
}

/// Makes logs that will not fit into one segment go into segments one after the other in time, not each class of severity for
/// itself.
fn part_by_time(group: &mut [Key]) {
    if group.len() <= SEGMENT_ROWS_MAX {
        return;
    }
    group.sort_unstable_by_key(|key| (key.time, key.row));
    let count = group.len().div_ceil(SEGMENT_ROWS_MAX);
    let size = group.len().div_ceil(count);
    for (part, keys) in group.chunks_mut(size).enumerate() {
        keys.iter_mut().for_each(|key| key.major |= (part as u64) << 8);
    }
}

/// Brings the keys of each group of days together; returns the groups' ranges, days ascending. Keys are given in the order
/// of their rows.
fn group_by_day(keys: &mut [Key]) -> Vec<Range<usize>> {
    let mut days: BTreeMap<i32, usize> = BTreeMap::new();
    let mut last: Option<(i32, usize)> = None;
    // Neighbours share their day nearly always.
    for key in &*keys {
        let day = Timestamp(key.time).day();
        match &mut last {
            Some((of, count)) if *of == day => *count += 1,
            _ => {
                if let Some((of, count)) = last {
                    *days.entry(of).or_default() += count;
                }
                last = Some((day, 1));
            }
        }
    }
    if let Some((of, count)) = last {
        *days.entry(of).or_default() += count;
    }
    let groups = share_days(&days);
    if groups.len() > 1 {
        keys.sort_unstable_by_key(|key| {
            (groups.partition_point(|(last, _)| *last < Timestamp(key.time).day()), key.row)
        });
    }
    let mut start = 0;
    let range = |&(_, rows): &(i32, usize)| {
        start += rows;
        start - rows..start
    };
    groups.iter().map(range).collect()
}

/// `(last day, rows)` of each group: every day on its own, but a small one with the days before it.
fn share_days(days: &BTreeMap<i32, usize>) -> Vec<(i32, usize)> {
    let mut groups: Vec<(i32, usize)> = Vec::new();
    for (&day, &rows) in days {
        match groups.last_mut() {
            Some((last, so_far)) if rows < DAY_ROWS_MIN || *so_far < DAY_ROWS_MIN => {
                *last = day;
                *so_far += rows;
            }
            _ => groups.push((day, rows)),
        }
    }
    groups
}

/// Finds the rows of a sorted group that repeat another.
struct DuplicateFinder<'a> {
    in_place: &'a InPlace<'a>,
    /// Loaded when the first two spans have equal keys, which is rare.
    identities: Option<Identities>,
}

/// What makes a span the same as another with equal service, name and start.
struct Identities {
    trace_ids: Vec<u8>,
    span_ids: Vec<u8>,
    durations: Vec<i64>,
    kinds: Vec<i64>,
}

impl Identities {
    fn of(&self, row: u32) -> (&[u8], &[u8], i64, i64) {
        let row = row as usize;
        let (trace_id, span_id) =
            (&self.trace_ids[row * 16..][..16], &self.span_ids[row * 8..][..8]);
        (trace_id, span_id, self.durations[row], self.kinds[row])
    }
}

impl DuplicateFinder<'_> {
    /// Tells the rows to leave out: of equal spans all but the first ingested, of equal series all but the earliest.
    fn find(&mut self, sorted: &[Key], ingested: &[i64]) -> Result<Vec<bool>, Error> {
        let mut duplicates = vec![false; sorted.len()];
        match self.in_place.table {
            Table::Series => {
                for (index, pair) in sorted.windows(2).enumerate() {
                    duplicates[index + 1] = pair[0].major == pair[1].major;
                }
            }
            Table::Spans => self.find_spans(sorted, ingested, &mut duplicates)?,
            Table::Logs | Table::MetricPoints | Table::Exemplars => {}
        }
        Ok(duplicates)
    }

    /// Equal spans have equal keys, so only rows in a run of equal keys are looked at.
    fn find_spans(
        &mut self,
        sorted: &[Key],
        ingested: &[i64],
        duplicates: &mut [bool],
    ) -> Result<(), Error> {
        let same_key = |a: &Key, b: &Key| a.major == b.major && a.time == b.time;
        let mut start = 0;
        for run in sorted.chunk_by(same_key) {
            if run.len() > 1 {
                let identities = self.identities()?;
                let mut rows: Vec<usize> = (0..run.len()).collect();
                let full = |&index: &usize| {
                    let row = run[index].row;
                    (identities.of(row), ingested[row as usize], row)
                };
                rows.sort_unstable_by(|a, b| full(a).cmp(&full(b)));
                for pair in rows.windows(2) {
                    let is_same =
                        identities.of(run[pair[0]].row) == identities.of(run[pair[1]].row);
                    duplicates[start + pair[1]] = is_same;
                }
            }
            start += run.len();
        }
        Ok(())
    }

    fn identities(&mut self) -> Result<&Identities, Error> {
        match &mut self.identities {
            Some(identities) => Ok(identities),
            missing => Ok(missing.insert(Identities {
                trace_ids: self.in_place.fixed("trace_id")?,
                span_ids: self.in_place.fixed("span_id")?,
                durations: self.in_place.ints("duration")?,
                kinds: self.in_place.ints("kind")?,
            })),
        }
    }
}

/// Cuts the rows of one group into segments of equal size. A row that was left out still counts for the times of the
/// segment that holds its twin, so that a segment lives as long as anything it stands for.
fn cut(
    rows: Range<u32>,
    group: &[Key],
    positions: &[u32],
    times: &[i64],
    ingested: &[i64],
    segments: &mut Vec<Extent>,
) {
    if rows.is_empty() {
        return;
    }
    let count = (rows.len()).div_ceil(SEGMENT_ROWS_MAX);
    let size = rows.len().div_ceil(count) as u32;
    let first = segments.len();
    let starts = rows.clone().step_by(size as usize);
    segments.extend(starts.map(|start| Extent {
        rows: start..rows.end.min(start + size),
        time_min: Timestamp(i64::MAX),
        time_max: Timestamp(i64::MIN),
        ingested_max: Timestamp(i64::MIN),
    }));
    let mut at = first;
    for key in group {
        let position = positions[key.row as usize];
        if position != DROPPED {
            at = first + ((position - rows.start) / size) as usize;
        }
        let segment = &mut segments[at];
        segment.time_min = segment.time_min.min(Timestamp(times[key.row as usize]));
        segment.time_max = segment.time_max.max(Timestamp(times[key.row as usize]));
        segment.ingested_max = segment.ingested_max.max(Timestamp(ingested[key.row as usize]));
    }
}
