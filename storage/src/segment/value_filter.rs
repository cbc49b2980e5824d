//! Value filters: on which pages of a column of texts a value may be.
//!
//! Ids of users, orders and requests hardly repeat, so that looking for one would mean reading the whole column. A Bloom filter
//! for each run of 8,192 rows says which of them can hold it: 8 bits for each distinct value, 5 of them set, let one in 46 pages
//! pass that do not hold it (Bloom 1970; the bits by double hashing, Kirsch and Mitzenmacher 2006).
//!
//! Layout: variable-length integers for rows per page and number of columns; per column its attribute key (length, bytes), the
//! number of pages and the bytes of each page's filter; then the filters in the same order. A page without a value has no bytes.

use crate::Error;
use crate::model::wire::{Malformed, Reader, put_varint, text};
use bytes::Bytes;
use std::collections::HashMap;
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64;

/// The section of the sidecar.
pub(super) const VALUE_SECTION: &str = "values";

/// Columns with fewer distinct values have most of them on most pages.
pub(super) const DISTINCT_MIN: usize = 512;

/// Rows of a filter.
const PAGE_ROWS: u32 = 8_192;

const VALUE_BITS: usize = 8;

const PROBES: u64 = 5;

/// Builds the section.
#[derive(Default)]
pub(super) struct FiltersBuilder {
    columns: u64,
    directory: Vec<u8>,
    filters: Vec<u8>,
}

impl FiltersBuilder {
    /// Adds a column; `each` gives the value of every row.
    pub fn add(&mut self, key: &str, each: impl FnOnce(&mut dyn FnMut(Option<&[u8]>))) {
        let mut row = 0;
        let mut hashes: Vec<u64> = Vec::new();
        let mut lengths: Vec<usize> = Vec::new();
        each(&mut |value| {
            if row == PAGE_ROWS {
                lengths.push(put_filter(&mut hashes, &mut self.filters));
                row = 0;
            }
            row += 1;
            hashes.extend(value.map(xxh3_64));
        });
        lengths.push(put_filter(&mut hashes, &mut self.filters));
        self.columns += 1;
        put_varint(&mut self.directory, key.len() as u64);
        self.directory.extend_from_slice(key.as_bytes());
        put_varint(&mut self.directory, lengths.len() as u64);
        lengths.iter().for_each(|&length| put_varint(&mut self.directory, length as u64));
    }

    /// The section; `None` without columns.
    pub fn finish(self) -> Option<Vec<u8>> {
        if self.columns == 0 {
            return None;
        }
        let mut section = Vec::new();
        put_varint(&mut section, u64::from(PAGE_ROWS));
        put_varint(&mut section, self.columns);
        section.extend_from_slice(&self.directory);
        section.extend_from_slice(&self.filters);
        Some(section)
    }
}

/// Appends the filter of a page's values and forgets them; returns its length.
fn put_filter(hashes: &mut Vec<u64>, into: &mut Vec<u8>) -> usize {
    hashes.sort_unstable();
    hashes.dedup();
    let bytes = (hashes.len() * VALUE_BITS).div_ceil(8);
    let start = into.len();
    into.resize(start + bytes, 0);
    for hash in hashes.drain(..) {
        for bit in bits(hash, bytes) {
            into[start + bit / 8] |= 1 << (bit % 8);
        }
    }
    bytes
}

/// The bits of a value in a filter of so many bytes.
fn bits(hash: u64, bytes: usize) -> impl Iterator<Item = usize> {
    let (first, step) = (hash & 0xffff_ffff, hash >> 32 | 1);
    (0..PROBES).map(move |probe| ((first + probe * step) % (bytes as u64 * 8)) as usize)
}

/// The filters of a segment.
#[derive(Debug)]
pub(super) struct ValueFilters {
    bytes: Bytes,
    page_rows: u32,
    rows: u32,
    /// Per key the places of its filters.
    columns: HashMap<String, Vec<Range<usize>>>,
}

impl ValueFilters {
    /// `bytes` have passed their checksum. [`Error::Corrupt`] when they are no filters of `rows` rows.
    pub fn open(bytes: Bytes, rows: u32) -> Result<ValueFilters, Error> {
        let (page_rows, columns) = read(&bytes, rows).map_err(|_| Error::Corrupt {
            id: String::new(),
            detail: "a part of the value filters is broken".into(),
        })?;
        Ok(ValueFilters { bytes, page_rows, rows, columns })
    }

    /// Row ranges (ascending) outside of which no row has `value`; `None` when the column has no filter.
    pub fn rows_with(&self, key: &str, value: &str) -> Option<Vec<Range<u32>>> {
        let hash = xxh3_64(value.as_bytes());
        let may_hold = |place: &Range<usize>| {
            let filter = &self.bytes[place.clone()];
            !filter.is_empty()
                && bits(hash, filter.len()).all(|bit| filter[bit / 8] >> (bit % 8) & 1 == 1)
        };
        let pages = self.columns.get(key)?.iter().enumerate();
        let rows = pages.filter(|(_, place)| may_hold(place)).map(|(page, _)| {
            let start = page as u32 * self.page_rows;
            start..start.saturating_add(self.page_rows).min(self.rows)
        });
        Some(rows.collect())
    }
}

type Columns = HashMap<String, Vec<Range<usize>>>;

fn read(bytes: &[u8], rows: u32) -> Result<(u32, Columns), Malformed> {
    let mut reader = Reader::new(bytes);
    let page_rows = u32::try_from(reader.varint()?).ok().filter(|rows| *rows > 0);
    let page_rows = page_rows.ok_or(Malformed::Truncated)?;
    let pages = u64::from(rows.div_ceil(page_rows));
    let mut columns = HashMap::new();
    let mut lengths = Vec::new();
    for _ in 0..reader.varint()? {
        let key = text(reader.length_delimited()?)?.to_owned();
        if reader.varint()? != pages {
            return Err(Malformed::Truncated);
        }
        let mut own = Vec::new();
        for _ in 0..pages {
            own.push(usize::try_from(reader.varint()?).map_err(|_| Malformed::Truncated)?);
        }
        lengths.push((key, own));
    }
    let mut next = bytes.len() - reader.rest().len();
    for (key, own) in lengths {
        let mut places = Vec::with_capacity(own.len());
        for length in own {
            let end = next.checked_add(length).filter(|end| *end <= bytes.len());
            places.push(next..end.ok_or(Malformed::Truncated)?);
            next = places.last().map_or(next, |place| place.end);
        }
        columns.insert(key, places);
    }
    Ok((page_rows, columns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn open(values: &[Option<String>]) -> ValueFilters {
        let mut builder = FiltersBuilder::default();
        for key in ["a", "b"] {
            builder.add(key, |visit| {
                values.iter().for_each(|value| visit(value.as_deref().map(str::as_bytes)));
            });
        }
        let section = builder.finish().unwrap();
        ValueFilters::open(section.into(), values.len() as u32).unwrap()
    }

    #[test]
    fn values_lead_to_their_pages() {
        let value =
            |row: u32| (!(16_000..30_000).contains(&row)).then(|| format!("user {}", row / 3));
        let values: Vec<_> = (0..40_000).map(value).collect();
        let filters = open(&values);
        for row in (0..40_000u32).step_by(701) {
            if let Some(value) = &values[row as usize] {
                let rows = filters.rows_with("b", value).unwrap();
                assert!(rows.iter().any(|rows| rows.contains(&row)));
            }
        }
        assert!(filters.rows_with("c", "user 1").is_none());
        // 5 pages, of which one has no value: four times one in 46.
        let absent =
            (0..1_000).map(|n| filters.rows_with("a", &format!("nobody {n}")).unwrap().len());
        let passed: usize = absent.sum();
        assert!((20..250).contains(&passed), "{passed} of 5,000 pages pass");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100), rows in 0u32..20_000) {
            if let Ok(filters) = ValueFilters::open(bytes.into(), rows) {
                let _ = filters.rows_with("", "value");
            }
        }
    }
}
