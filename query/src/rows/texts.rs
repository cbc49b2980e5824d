//! Texts of one column: which there are, and which rows have one of them, without the rows' other columns.

use super::pick::{Part, Values, Walk, dictionary_place, plan};
use super::read::ranges_of;
use crate::Error;
use crate::pages::{Codec, DataPage, NULL, PageKey, Unreadable, data_page, dictionary_page};
use binnacle_storage::segment::{Segment, SegmentId};
use bytes::Bytes;
use parquet::basic::{Encoding, Type};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use std::ops::Range;

/// The values of a column whose dictionary says them all; `None` where it has none. Holds for files with value filters, whose writer
/// gives a column either no dictionary or one with every value.
pub(crate) async fn distinct_values(
    segment: &Segment,
    column: &str,
) -> Result<Option<Vec<Bytes>>, Error> {
    let metadata = segment.metadata().await?;
    let Some(leaf) = leaf(&metadata, column) else { return Ok(Some(Vec::new())) };
    let mut values = Vec::new();
    for group in 0..metadata.num_row_groups() {
        let Ok(Some(place)) = dictionary_place(&metadata, (group, leaf)) else { return Ok(None) };
        let read = segment.read(vec![place]).await?;
        let chunk = metadata.row_group(group).column(leaf);
        let Some(Ok(of_group)) = read.first().map(|bytes| texts(bytes, chunk)) else {
            return Ok(None);
        };
        values.extend(of_group);
    }
    Ok(Some(values))
}

fn texts(dictionary: &Bytes, chunk: &ColumnChunkMetaData) -> Result<Vec<Bytes>, Unreadable> {
    let (values, count) = dictionary_page(dictionary, Codec::of(chunk)?, None)?;
    let mut walk = Walk::default();
    let text = |_| {
        let (start, end) = walk.next(&values)?;
        Ok(values.slice(start as usize..end as usize))
    };
    (0..count).map(text).collect()
}

/// Rows whose texts are compared before anything else of them is read. Where there are more, a search may have enough rows before it
/// comes to them.
const COMPARED_MAX: u32 = 16 * 8_192;

/// The rows among `within` (ascending, apart) that may have `text` in a column of texts; where the column has no dictionary, exactly
/// those that have it. All of `within` where they are many, or their pages not such as we write.
pub(crate) async fn rows_with_text(
    segment: &Segment,
    column: &str,
    text: &[u8],
    within: Vec<Range<u32>>,
) -> Result<Vec<Range<u32>>, Error> {
    if within.iter().map(|range| range.end - range.start).sum::<u32>() > COMPARED_MAX {
        return Ok(within);
    }
    let metadata = segment.metadata().await?;
    let Some(leaf) = leaf(&metadata, column) else { return Ok(Vec::new()) };
    let Ok(picked) = plan(&metadata, &[leaf], &within) else { return Ok(within) };
    let mut found = Vec::new();
    for picked in picked {
        let group = metadata.row_groups()[..picked.group].iter().map(|group| group.num_rows());
        let Ok(group_start) = u32::try_from(group.sum::<i64>()) else { return Ok(within) };
        let chunk = metadata.row_group(picked.group).column(leaf);
        let parts = picked.columns.into_iter().flat_map(|column| column.parts);
        for part in parts {
            let place = match &part.values {
                Values::Page { place, .. } => vec![place.clone()],
                _ => Vec::new(),
            };
            let read = segment.read(place).await?;
            let Ok(rows) = part.rows_with(text, segment.info().id, chunk, read.first()) else {
                return Ok(within);
            };
            found.extend(rows.into_iter().map(|row| group_start + part.first + row));
        }
    }
    Ok(ranges_of(found))
}

fn leaf(metadata: &ParquetMetaData, column: &str) -> Option<usize> {
    let schema = metadata.file_metadata().schema_descr();
    (0..schema.num_columns()).find(|&leaf| schema.column(leaf).path().string() == column)
}

impl Part {
    /// Those of the rows that may have the text; `page`: the bytes of their page.
    fn rows_with(
        &self,
        text: &[u8],
        segment: SegmentId,
        chunk: &ColumnChunkMetaData,
        page: Option<&Bytes>,
    ) -> Result<Vec<u32>, Unreadable> {
        let Values::Page { place, rows } = &self.values else {
            let has_it = matches!(&self.values, Values::Bytes(all) if all == text);
            return Ok(if has_it { self.rows.clone() } else { Vec::new() });
        };
        let key = PageKey { segment, offset: place.start };
        let page = page.ok_or(Unreadable)?;
        let page = data_page(page, Codec::of(chunk)?, rows.clone(), Some(key))?;
        if page.encoding != Encoding::PLAIN || chunk.column_type() != Type::BYTE_ARRAY {
            return Ok(self.rows.clone());
        }
        let places = places_with(&page, text)?;
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let has_it = |place: u32| place != NULL && places.binary_search(&place).is_ok();
        let of_rows = page.places_of(&self.rows)?;
        let rows = self.rows.iter().zip(of_rows).filter(|(_, place)| has_it(*place));
        Ok(rows.map(|(row, _)| *row).collect())
    }
}

/// Which of the values of a PLAIN page are the text.
fn places_with(page: &DataPage, text: &[u8]) -> Result<Vec<u32>, Unreadable> {
    let mut walk = Walk::default();
    let mut places = Vec::new();
    for place in 0..page.value_count as u32 {
        let (start, end) = walk.next(&page.values)?;
        if &page.values[start as usize..end as usize] == text {
            places.push(place);
        }
    }
    Ok(places)
}
