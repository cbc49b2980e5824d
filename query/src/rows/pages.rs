//! What the page index says: which rows can hold a time or an id.

use binnacle_storage::model::SeriesId;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;
use std::collections::BTreeSet;
use std::ops::Range;

/// Consecutive rows and the smallest and largest time among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimePage {
    pub(crate) rows: Range<u32>,
    pub(crate) min: i64,
    pub(crate) max: i64,
}

/// The pages of a file with the bounds of its time column; whole row groups where there is no page index.
pub(crate) fn time_pages(metadata: &ParquetMetaData, column: &str) -> Vec<TimePage> {
    let page = |page: PageBounds<'_>| {
        let (min, max) = match page.bounds {
            Some((Bound::Int(min), Bound::Int(max))) => (min, max),
            _ => (i64::MIN, i64::MAX),
        };
        TimePage { rows: page.rows, min, max }
    };
    bounds(metadata, column).into_iter().map(page).collect()
}

/// Row ranges (ascending, apart) outside of which no row has one of `ids` in `column`.
pub(crate) fn rows_with_ids(
    metadata: &ParquetMetaData,
    column: &str,
    ids: &BTreeSet<SeriesId>,
) -> Vec<Range<u32>> {
    let mut ranges: Vec<Range<u32>> = Vec::new();
    for page in bounds(metadata, column) {
        let possible = match page.bounds {
            Some((Bound::Bytes(min), Bound::Bytes(max))) => {
                // Bounds may be cut short, so an id is outside only when it is by comparison of the same length.
                let mut least = [0; 16];
                let length = min.len().min(least.len());
                least[..length].copy_from_slice(&min[..length]);
                ids.range(SeriesId(least)..)
                    .next()
                    .is_some_and(|id| id.0[..max.len().min(id.0.len())] <= *max)
            }
            _ => true,
        };
        match ranges.last_mut() {
            _ if !possible => {}
            Some(last) if last.end == page.rows.start => last.end = page.rows.end,
            _ => ranges.push(page.rows),
        }
    }
    ranges
}

/// What a wanted row has in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PageTest {
    /// An integer or time, both ends included.
    Within(i64, i64),
    /// This text.
    Equals(String),
}

/// The rows of every page that may hold a wanted one, page by page, and how many pages cannot.
pub(crate) fn pages_that_may_hold(
    metadata: &ParquetMetaData,
    column: &str,
    test: &PageTest,
) -> (Vec<Range<u32>>, usize) {
    let all = bounds(metadata, column);
    let pages = all.len();
    let may = |page: &PageBounds<'_>| match (&page.bounds, test) {
        (Some((Bound::Int(min), Bound::Int(max))), PageTest::Within(low, high)) => {
            min <= high && max >= low
        }
        // Upper bounds that were cut short are rounded up, so that both hold as they stand.
        (Some((Bound::Bytes(min), Bound::Bytes(max))), PageTest::Equals(text)) => {
            (*min..=*max).contains(&text.as_bytes())
        }
        _ => true,
    };
    let kept: Vec<_> = all.into_iter().filter(may).map(|page| page.rows).collect();
    let pruned = pages - kept.len();
    (kept, pruned)
}

enum Bound<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

struct PageBounds<'a> {
    rows: Range<u32>,
    /// `None` when nothing is known.
    bounds: Option<(Bound<'a>, Bound<'a>)>,
}

fn bounds<'a>(metadata: &'a ParquetMetaData, column: &str) -> Vec<PageBounds<'a>> {
    let schema = metadata.file_metadata().schema_descr();
    let leaf =
        (0..schema.num_columns()).find(|&leaf| schema.column(leaf).path().string() == column);
    let mut pages = Vec::new();
    let mut group_start = 0u32;
    for (index, group) in metadata.row_groups().iter().enumerate() {
        let group_rows = u32::try_from(group.num_rows()).unwrap_or(0);
        let group_end = group_start.saturating_add(group_rows);
        let indexed =
            leaf.and_then(|leaf| indexed_pages(metadata, index, leaf, group_start, group_end));
        match indexed {
            Some(indexed) => pages.extend(indexed),
            None => {
                let bounds = leaf.and_then(|leaf| group_bounds(group.column(leaf).statistics()?));
                pages.push(PageBounds { rows: group_start..group_end, bounds });
            }
        }
        group_start = group_end;
    }
    pages
}

fn indexed_pages<'a>(
    metadata: &'a ParquetMetaData,
    group: usize,
    leaf: usize,
    group_start: u32,
    group_end: u32,
) -> Option<Vec<PageBounds<'a>>> {
    let index = metadata.column_index()?.get(group)?.get(leaf)?;
    let locations = metadata.offset_index()?.get(group)?.get(leaf)?.page_locations();
    if locations.is_empty() {
        return None;
    }
    let row = |page: usize| {
        let first = locations.get(page).map(|location| location.first_row_index);
        let first = first.and_then(|row| u32::try_from(row).ok());
        first.map_or(group_end, |row| group_start.saturating_add(row).min(group_end))
    };
    let page = |page: usize| PageBounds {
        rows: row(page)..row(page + 1),
        bounds: page_bounds(index, page),
    };
    Some((0..locations.len()).map(page).collect())
}

fn page_bounds(index: &ColumnIndexMetaData, page: usize) -> Option<(Bound<'_>, Bound<'_>)> {
    if page as u64 >= index_pages(index) {
        return None;
    }
    match index {
        ColumnIndexMetaData::INT64(index) => {
            Some((Bound::Int(*index.min_value(page)?), Bound::Int(*index.max_value(page)?)))
        }
        ColumnIndexMetaData::BYTE_ARRAY(index) => {
            Some((Bound::Bytes(index.min_value(page)?), Bound::Bytes(index.max_value(page)?)))
        }
        ColumnIndexMetaData::FIXED_LEN_BYTE_ARRAY(index) => {
            Some((Bound::Bytes(index.min_value(page)?), Bound::Bytes(index.max_value(page)?)))
        }
        _ => None,
    }
}

fn index_pages(index: &ColumnIndexMetaData) -> u64 {
    match index {
        ColumnIndexMetaData::NONE => 0,
        index => index.num_pages(),
    }
}

fn group_bounds(statistics: &Statistics) -> Option<(Bound<'_>, Bound<'_>)> {
    match statistics {
        Statistics::Int64(values) => {
            Some((Bound::Int(*values.min_opt()?), Bound::Int(*values.max_opt()?)))
        }
        _ => None,
    }
}
