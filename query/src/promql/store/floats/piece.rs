//! Segments: which rows of their row groups belong to the wished series.

use super::{MILLISECOND, Wish};
use crate::numbers::{Ids, Numbers, Unreadable};
use crate::rows::rows_with_ids;
use binnacle_storage::model::SeriesId;
use binnacle_storage::segment::Segment;
use bytes::Bytes;
use parquet::file::metadata::ParquetMetaData;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// The columns that make a float sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Series,
    Time,
    Start,
    Flags,
    Value,
    Int,
}

impl Field {
    const ALL: [(Field, &str); 6] = [
        (Field::Series, "series_id"),
        (Field::Time, "time"),
        (Field::Start, "start_time"),
        (Field::Flags, "flags"),
        (Field::Value, "value"),
        (Field::Int, "int_value"),
    ];
}

/// One segment, and where in it the series are.
pub(super) struct Piece {
    pub(super) metadata: Arc<ParquetMetaData>,
    pub(super) groups: Vec<Group>,
    /// No row lies outside of the time that is asked for.
    is_inside: bool,
    pub(super) runs: Vec<Run>,
    pub(super) bytes_read: u64,
}

/// One row group.
pub(super) struct Group {
    index: usize,
    /// Rows outside of which no series is.
    pub(super) possible: Vec<Range<u32>>,
    /// The columns that have any value: their places in the file and bytes.
    pub(super) columns: Vec<(Field, usize, Bytes)>,
}

/// Rows of one series.
pub(super) struct Run {
    /// Its place in the wish.
    pub(super) series: u32,
    /// Place in [`Piece::groups`].
    pub(super) group: u32,
    /// Within the row group.
    pub(super) rows: Range<u32>,
}

impl Group {
    pub(super) fn numbers(
        &self,
        metadata: &ParquetMetaData,
        wanted: Field,
    ) -> Result<Option<Numbers>, Unreadable> {
        let column = self.columns.iter().find(|(field, _, _)| *field == wanted);
        let open = |(_, leaf, bytes): &(_, usize, Bytes)| {
            Numbers::open(metadata, (self.index, *leaf), bytes.clone())
        };
        column.map(open).transpose()
    }
}

impl Piece {
    pub(super) async fn open(
        segment: &Arc<Segment>,
        ids: &BTreeSet<SeriesId>,
        wish: &Wish<'_>,
    ) -> Result<Piece, Unreadable> {
        let metadata = segment.metadata().await.map_err(|_| Unreadable)?;
        let mut groups = groups(&metadata, &rows_with_ids(&metadata, "series_id", ids))?;
        for group in &mut groups {
            let columns = columns(&metadata, group.index);
            let range = |(_, leaf): &(Field, usize)| {
                let (start, length) = metadata.row_group(group.index).column(*leaf).byte_range();
                start..start + length
            };
            let bytes = segment.read(columns.iter().map(range).collect()).await;
            let bytes = bytes.map_err(|_| Unreadable)?;
            let columns = columns.into_iter().zip(bytes);
            group.columns = columns.map(|((field, leaf), bytes)| (field, leaf, bytes)).collect();
        }
        let info = segment.info();
        let latest_from = wish.from.iter().map(|(_, from)| *from).max().unwrap_or(i64::MAX);
        let is_inside = info.time_min.0.div_euclid(MILLISECOND) >= latest_from
            && info.time_max.0.div_euclid(MILLISECOND) <= wish.end;
        Ok(Piece { metadata, groups, is_inside, runs: Vec::new(), bytes_read: 0 })
    }

    /// Finds the rows of the wished series in the wished time.
    pub(super) fn find(
        &mut self,
        numbers: &HashMap<[u8; 16], u32>,
        wish: &Wish<'_>,
    ) -> Result<(), Unreadable> {
        let mut found = Vec::new();
        let mut times = Vec::new();
        for (place, group) in self.groups.iter().enumerate() {
            let (_, leaf, bytes) = group
                .columns
                .iter()
                .find(|(field, _, _)| *field == Field::Series)
                .ok_or(Unreadable)?;
            let mut ids = Ids::open(&self.metadata, (group.index, *leaf), bytes.clone())?;
            found.clear();
            for rows in &group.possible {
                ids.runs(rows.clone(), |id| numbers.get(id).copied(), &mut found)?;
            }
            self.bytes_read += ids.bytes_read();
            let mut column =
                if self.is_inside { None } else { group.numbers(&self.metadata, Field::Time)? };
            for (series, rows) in found.drain(..) {
                let mut rows = rows;
                if let Some(column) = &mut column {
                    let from = wish.from[series as usize].1.saturating_mul(MILLISECOND);
                    let end = wish.end.saturating_add(1).saturating_mul(MILLISECOND);
                    times.resize(rows.len(), 0);
                    let mut has_null = false;
                    column.read(rows.clone(), &mut times, |_| has_null = true)?;
                    if has_null {
                        return Err(Unreadable);
                    }
                    let before = times.partition_point(|time| (*time as i64) < from) as u32;
                    let until = times.partition_point(|time| (*time as i64) < end) as u32;
                    rows = rows.start + before..rows.start + until.max(before);
                }
                if wish.only_first {
                    rows.end = rows.end.min(rows.start + 1);
                }
                if !rows.is_empty() {
                    self.runs.push(Run { series, group: place as u32, rows });
                }
            }
            self.bytes_read += column.map_or(0, |column| column.bytes_read());
        }
        Ok(())
    }
}

/// The possible rows by row group, groups without any left out.
fn groups(metadata: &ParquetMetaData, possible: &[Range<u32>]) -> Result<Vec<Group>, Unreadable> {
    let mut groups = Vec::new();
    let mut start = 0u32;
    for (index, group) in metadata.row_groups().iter().enumerate() {
        let rows = u32::try_from(group.num_rows()).map_err(|_| Unreadable)?;
        let end = start.checked_add(rows).ok_or(Unreadable)?;
        let inside = possible.iter().filter(|range| range.start < end && range.end > start);
        let inside = inside.map(|range| range.start.max(start) - start..range.end.min(end) - start);
        let possible: Vec<Range<u32>> = inside.collect();
        if !possible.is_empty() {
            groups.push(Group { index, possible, columns: Vec::new() });
        }
        start = end;
    }
    Ok(groups)
}

/// The columns of a row group that have any value.
fn columns(metadata: &ParquetMetaData, group: usize) -> Vec<(Field, usize)> {
    let group = metadata.row_group(group);
    let has_values = |leaf: usize| {
        let nulls = group.column(leaf).statistics().and_then(|known| known.null_count_opt());
        nulls.is_none_or(|nulls| i64::try_from(nulls) != Ok(group.num_rows()))
    };
    let schema = metadata.file_metadata().schema_descr();
    let named =
        |name: &str| (0..schema.num_columns()).find(|leaf| schema.column(*leaf).name() == name);
    let columns = Field::ALL.iter().filter_map(|(field, name)| Some((*field, named(name)?)));
    columns.filter(|(_, leaf)| has_values(*leaf)).collect()
}
