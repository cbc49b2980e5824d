//! The pages of one column of one row group.

use super::Unreadable;
use super::decode::hybrid;
use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;
use std::collections::VecDeque;
use std::io::Cursor;
use std::ops::Range;
use std::sync::Arc;

/// The bytes of one column chunk, at their place in the file.
struct Chunk {
    start: u64,
    bytes: Bytes,
}

impl Length for Chunk {
    fn len(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl ChunkReader for Chunk {
    type T = Cursor<Bytes>;

    fn get_read(&self, start: u64) -> ParquetResult<Cursor<Bytes>> {
        let left = self.bytes.len().saturating_sub(self.offset(start));
        Ok(Cursor::new(self.get_bytes(start, left)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let at = self.offset(start);
        let end = at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end =
            end.ok_or_else(|| ParquetError::EOF("a page lies outside of its chunk".into()))?;
        Ok(self.bytes.slice(at..end))
    }
}

impl Chunk {
    fn offset(&self, start: u64) -> usize {
        usize::try_from(start.saturating_sub(self.start)).unwrap_or(usize::MAX)
    }
}

/// One data page, decompressed.
pub(super) struct DataPage {
    /// Within the row group.
    pub rows: Range<u32>,
    pub encoding: Encoding,
    /// The values that are not null, encoded.
    pub values: Bytes,
    /// Per row its place among the values, [`NULL`] for nulls; `None` without nulls.
    pub places: Option<Vec<u32>>,
    pub value_count: usize,
}

pub(super) const NULL: u32 = u32::MAX;

/// Goes forward through the pages of a column.
pub(super) struct Pages {
    reader: SerializedPageReader<Chunk>,
    /// First rows of the pages that have not been read, and their sizes.
    left: VecDeque<(u32, u64)>,
    rows: u32,
    pub dictionary: Option<Bytes>,
    /// Of the pages read, compressed.
    pub bytes_read: u64,
}

impl Pages {
    /// `bytes` are the column's byte range.
    pub fn open(
        metadata: &ParquetMetaData,
        (group, leaf): (usize, usize),
        bytes: Bytes,
    ) -> Result<Pages, Unreadable> {
        let group_data = metadata.row_groups().get(group).ok_or(Unreadable)?;
        let column = group_data.columns().get(leaf).ok_or(Unreadable)?;
        let index = metadata.offset_index().and_then(|index| index.get(group)?.get(leaf));
        let locations = index.ok_or(Unreadable)?.page_locations().clone();
        let first = |row: i64| u32::try_from(row).map_err(|_| Unreadable);
        let left = locations.iter().map(|location| {
            Ok((first(location.first_row_index)?, location.compressed_page_size.max(0) as u64))
        });
        let left = left.collect::<Result<VecDeque<_>, Unreadable>>()?;
        let rows = first(group_data.num_rows())?;
        let chunk = Arc::new(Chunk { start: column.byte_range().0, bytes });
        let reader = SerializedPageReader::new(chunk, column, rows as usize, Some(locations))?;
        Ok(Pages { reader, left, rows, dictionary: None, bytes_read: 0 })
    }

    /// The page that holds `row`, which is not before a page read already.
    pub fn page_of(&mut self, row: u32) -> Result<DataPage, Unreadable> {
        loop {
            let is_dictionary = self.reader.peek_next_page()?.ok_or(Unreadable)?.is_dict;
            if is_dictionary {
                match self.reader.get_next_page()?.ok_or(Unreadable)? {
                    Page::DictionaryPage { buf, .. } => self.dictionary = Some(buf),
                    _ => return Err(Unreadable),
                }
                continue;
            }
            let (first, size) = self.left.pop_front().ok_or(Unreadable)?;
            let end = self.left.front().map_or(self.rows, |(next, _)| *next);
            if row >= end {
                self.reader.skip_next_page()?;
                continue;
            }
            self.bytes_read += size;
            return decode(self.reader.get_next_page()?.ok_or(Unreadable)?, first..end);
        }
    }
}

fn decode(page: Page, rows: Range<u32>) -> Result<DataPage, Unreadable> {
    let Page::DataPageV2 { buf, num_nulls, num_rows, encoding, def_levels_byte_len, .. } = page
    else {
        return Err(Unreadable);
    };
    if num_rows as usize != rows.len() || num_nulls > num_rows {
        return Err(Unreadable);
    }
    let (levels, values) = buf.split_at_checked(def_levels_byte_len as usize).ok_or(Unreadable)?;
    let mut places = None;
    if num_nulls > 0 {
        let mut list = Vec::with_capacity(rows.len());
        let mut next = 0;
        hybrid(levels, 1, rows.len(), |level, count| {
            list.extend((0..count).map(|_| {
                let place = if level == 1 { next } else { NULL };
                next += level;
                place
            }));
        })?;
        if next != num_rows - num_nulls {
            return Err(Unreadable);
        }
        places = Some(list);
    }
    let values = buf.slice_ref(values);
    Ok(DataPage { rows, encoding, values, places, value_count: (num_rows - num_nulls) as usize })
}
