//! The pages of one column of one row group.

use super::Unreadable;
use crate::pages::{Codec, DataPage, data_page, dictionary_page};
use bytes::Bytes;
use parquet::file::metadata::ParquetMetaData;
use std::ops::Range;

/// Finds pages by row.
pub(super) struct Pages {
    /// The column chunk, and its place in the file.
    bytes: Bytes,
    start: u64,
    codec: Codec,
    /// First rows of the pages, and where in the file they are.
    pages: Vec<(u32, Range<u64>)>,
    rows: u32,
    dictionary: Option<Bytes>,
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
        let locations = index.ok_or(Unreadable)?.page_locations();
        let pages = locations.iter().map(|location| {
            let first = u32::try_from(location.first_row_index).map_err(|_| Unreadable)?;
            let start = u64::try_from(location.offset).map_err(|_| Unreadable)?;
            let size = u64::try_from(location.compressed_page_size).map_err(|_| Unreadable)?;
            Ok((first, start..start.checked_add(size).ok_or(Unreadable)?))
        });
        Ok(Pages {
            pages: pages.collect::<Result<_, Unreadable>>()?,
            start: column.byte_range().0,
            codec: Codec::of(column)?,
            rows: u32::try_from(group_data.num_rows()).map_err(|_| Unreadable)?,
            bytes,
            dictionary: None,
            bytes_read: 0,
        })
    }

    pub fn page_of(&mut self, row: u32) -> Result<DataPage, Unreadable> {
        let after = self.pages.partition_point(|(first, _)| *first <= row);
        let (first, place) = self.pages.get(after.wrapping_sub(1)).ok_or(Unreadable)?;
        let end = self.pages.get(after).map_or(self.rows, |(next, _)| *next);
        self.bytes_read += place.end - place.start;
        data_page(&self.part(place.clone())?, self.codec, *first..end, None)
    }

    /// The values of the column's dictionary, PLAIN.
    pub fn dictionary(&mut self) -> Result<Bytes, Unreadable> {
        if let Some(dictionary) = &self.dictionary {
            return Ok(dictionary.clone());
        }
        let end = self.pages.first().map(|(_, place)| place.start).ok_or(Unreadable)?;
        let (values, _) = dictionary_page(&self.part(self.start..end)?, self.codec, None)?;
        self.bytes_read += end - self.start;
        self.dictionary = Some(values.clone());
        Ok(values)
    }

    fn part(&self, place: Range<u64>) -> Result<Bytes, Unreadable> {
        let offset = |at: u64| at.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        let (start, end) = offset(place.start).zip(offset(place.end)).ok_or(Unreadable)?;
        let fits = start <= end && end <= self.bytes.len();
        if fits { Ok(self.bytes.slice(start..end)) } else { Err(Unreadable) }
    }
}
