//! Columns of numbers and of ids.

use super::Unreadable;
use super::page::Pages;
use crate::pages::{DataPage, NULL, deltas, each_code, plain, split};
use bytes::Bytes;
use parquet::basic::{Encoding, Type};
use parquet::file::metadata::ParquetMetaData;
use std::ops::Range;

/// A column of numbers of one row group, as the 64 bits each has.
pub(crate) struct Numbers {
    pages: Pages,
    /// Bytes of a number.
    width: usize,
    dictionary: Option<Vec<u64>>,
    page: Option<DataPage>,
    /// Per row of the page its place among the values; `None` without nulls.
    places: Option<Vec<u32>>,
    /// The values of the page; empty where only those asked for are decoded.
    decoded: Vec<u64>,
}

impl Numbers {
    pub(crate) fn open(
        metadata: &ParquetMetaData,
        (group, leaf): (usize, usize),
        bytes: Bytes,
    ) -> Result<Numbers, Unreadable> {
        let width = match metadata.row_group(group).column(leaf).column_type() {
            Type::INT64 | Type::DOUBLE => 8,
            Type::INT32 => 4,
            _ => return Err(Unreadable),
        };
        let pages = Pages::open(metadata, (group, leaf), bytes)?;
        Ok(Numbers {
            pages,
            width,
            dictionary: None,
            page: None,
            places: None,
            decoded: Vec::new(),
        })
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.pages.bytes_read
    }

    /// Reads `rows` of the row group into `out`, which has as many places, and calls `null` with the places of nulls. Rows
    /// must not go back to a page before.
    pub(crate) fn read(
        &mut self,
        rows: Range<u32>,
        out: &mut [u64],
        mut null: impl FnMut(usize),
    ) -> Result<(), Unreadable> {
        let first = rows.start;
        let mut at = rows.start;
        while at < rows.end {
            if self.page.as_ref().is_none_or(|page| !page.rows.contains(&at)) {
                let page = self.pages.page_of(at)?;
                self.decode(page)?;
            }
            let Some(page) = &self.page else { return Err(Unreadable) };
            let end = rows.end.min(page.rows.end);
            let inside = (at - page.rows.start) as usize..(end - page.rows.start) as usize;
            let out = &mut out[(at - first) as usize..(end - first) as usize];
            match &self.places {
                None => self.values(page, inside, out)?,
                Some(places) => {
                    for (place, (out, at)) in places[inside].iter().zip(out.iter_mut().zip(at..)) {
                        match *place {
                            NULL => null((at - first) as usize),
                            place => *out = self.value(page, place as usize)?,
                        }
                    }
                }
            }
            at = end;
        }
        Ok(())
    }

    fn decode(&mut self, page: DataPage) -> Result<(), Unreadable> {
        self.decoded.clear();
        self.places = page.places()?;
        let count = page.value_count;
        match page.encoding {
            Encoding::DELTA_BINARY_PACKED if self.width == 8 => {
                deltas(&page.values, count, &mut self.decoded)?;
            }
            Encoding::PLAIN => plain(&page.values, self.width, &mut self.decoded),
            Encoding::RLE_DICTIONARY => {
                let Self { pages, width, dictionary, decoded, .. } = self;
                let dictionary = match dictionary {
                    Some(dictionary) => dictionary,
                    missing => {
                        let mut values = Vec::new();
                        plain(&pages.dictionary()?, *width, &mut values);
                        missing.insert(values)
                    }
                };
                let mut is_whole = true;
                each_code(&page.values, count, |code, times| {
                    match dictionary.get(code as usize) {
                        Some(value) => decoded.extend(std::iter::repeat_n(*value, times)),
                        None => is_whole = false,
                    }
                })?;
                if !is_whole {
                    return Err(Unreadable);
                }
            }
            Encoding::BYTE_STREAM_SPLIT if self.width == 8 && page.values.len() == count * 8 => {
                self.page = Some(page);
                return Ok(());
            }
            _ => return Err(Unreadable),
        }
        if self.decoded.len() != count {
            return Err(Unreadable);
        }
        self.page = Some(page);
        Ok(())
    }

    fn values(
        &self,
        page: &DataPage,
        wanted: Range<usize>,
        out: &mut [u64],
    ) -> Result<(), Unreadable> {
        if page.encoding == Encoding::BYTE_STREAM_SPLIT {
            return split(&page.values, wanted, out);
        }
        out.copy_from_slice(self.decoded.get(wanted).ok_or(Unreadable)?);
        Ok(())
    }

    fn value(&self, page: &DataPage, place: usize) -> Result<u64, Unreadable> {
        let mut value = [0];
        self.values(page, place..place + 1, &mut value)?;
        Ok(value[0])
    }
}

/// Bytes of an id.
const ID: usize = 16;

/// A column of ids of one row group.
pub(crate) struct Ids {
    pages: Pages,
}

impl Ids {
    pub(crate) fn open(
        metadata: &ParquetMetaData,
        (group, leaf): (usize, usize),
        bytes: Bytes,
    ) -> Result<Ids, Unreadable> {
        let column = metadata.row_group(group).column(leaf);
        let width = column.column_descr().type_length();
        if column.column_type() != Type::FIXED_LEN_BYTE_ARRAY || width != ID as i32 {
            return Err(Unreadable);
        }
        Ok(Ids { pages: Pages::open(metadata, (group, leaf), bytes)? })
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.pages.bytes_read
    }

    /// The runs of equal ids in `rows`, those for which `number` finds a number: their numbers and rows.
    pub(crate) fn runs(
        &mut self,
        rows: Range<u32>,
        number: impl Fn(&[u8; ID]) -> Option<u32>,
        runs: &mut Vec<(u32, Range<u32>)>,
    ) -> Result<(), Unreadable> {
        let mut numbers: Option<Vec<Option<u32>>> = None;
        let mut add = |found: Option<u32>, rows: Range<u32>| {
            let Some(found) = found.filter(|_| !rows.is_empty()) else { return };
            match runs.last_mut() {
                Some((last, before)) if *last == found && before.end == rows.start => {
                    before.end = rows.end;
                }
                _ => runs.push((found, rows)),
            }
        };
        let mut at = rows.start;
        while at < rows.end {
            let page = self.pages.page_of(at)?;
            if page.value_count != page.rows.len() {
                return Err(Unreadable);
            }
            let mut row = page.rows.start;
            let part = |row: u32, count: usize| {
                row.max(rows.start)..(row.saturating_add(count as u32)).min(rows.end)
            };
            match page.encoding {
                Encoding::RLE_DICTIONARY => {
                    let stored = self.pages.dictionary()?;
                    let numbers = numbers.get_or_insert_with(|| {
                        stored.as_chunks::<ID>().0.iter().map(&number).collect()
                    });
                    each_code(&page.values, page.value_count, |code, count| {
                        add(numbers.get(code as usize).copied().flatten(), part(row, count));
                        row += count as u32;
                    })?;
                }
                Encoding::PLAIN if page.values.len() == page.value_count * ID => {
                    for same in page.values.as_chunks::<ID>().0.chunk_by(|a, b| a == b) {
                        add(number(&same[0]), part(row, same.len()));
                        row += same.len() as u32;
                    }
                }
                _ => return Err(Unreadable),
            }
            at = page.rows.end;
        }
        Ok(())
    }
}
