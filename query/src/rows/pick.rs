//! Picking: the values of single rows, without decoding those of their neighbours.
//!
//! A page is left alone where the page index says what is in it: nothing but nulls, or one value throughout. Of the others, only the
//! values asked for are decoded. The batches are those that Arrow's reader would give.

use super::sink::{Cell, Sink};
use crate::pages::{
    Codec, DataPage, NULL, PageKey, Unreadable, data_page, deltas, dictionary_page, hybrid_at,
    plain,
};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use binnacle_storage::segment::SegmentId;
use bytes::Bytes;
use parking_lot::Mutex;
use parquet::basic::{Encoding, Type};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Rows of one row group, and where their values are.
pub(super) struct Picked {
    pub(super) group: usize,
    pub(super) columns: Vec<Column>,
    rows: usize,
}

pub(super) struct Column {
    leaf: usize,
    pub(super) parts: Vec<Part>,
}

/// Rows of one page.
pub(super) struct Part {
    /// Row of the group that is the page's first.
    pub(super) first: u32,
    /// Counted from the page's first, ascending.
    pub(super) rows: Vec<u32>,
    pub(super) values: Values,
}

pub(super) enum Values {
    Null,
    Bits(u64),
    Bytes(Vec<u8>),
    /// A page with `rows` of the group.
    Page {
        place: Range<u64>,
        rows: Range<u32>,
    },
}

/// Dictionaries of a file, by row group and column, as they are first used.
#[derive(Default)]
pub(super) struct Dictionaries(Mutex<HashMap<(usize, usize), Arc<Dictionary>>>);

enum Dictionary {
    Numbers(Vec<u64>),
    Fixed {
        values: Bytes,
        width: usize,
    },
    /// Where each value begins; one more is the end.
    Variable {
        values: Bytes,
        ends: Vec<(u32, u32)>,
    },
}

/// Where in the file what is needed of `rows` (ascending, apart) is, row group by row group.
pub(super) fn plan(
    metadata: &ParquetMetaData,
    leaves: &[usize],
    rows: &[Range<u32>],
) -> Result<Vec<Picked>, Unreadable> {
    let mut picked = Vec::new();
    let mut rest = rows;
    let mut start = 0u32;
    for (group, group_data) in metadata.row_groups().iter().enumerate() {
        let count = u32::try_from(group_data.num_rows()).map_err(|_| Unreadable)?;
        let end = start.checked_add(count).ok_or(Unreadable)?;
        let mut here = Vec::new();
        while let Some(range) = rest.first() {
            here.extend((range.start.max(start)..range.end.min(end)).map(|row| row - start));
            if range.end > end {
                break;
            }
            rest = &rest[1..];
        }
        if !here.is_empty() {
            let columns = leaves.iter().map(|&leaf| {
                let parts = parts(metadata, (group, leaf), count, &here)?;
                Ok(Column { leaf, parts })
            });
            let columns = columns.collect::<Result<_, Unreadable>>()?;
            picked.push(Picked { group, columns, rows: here.len() });
        }
        start = end;
    }
    Ok(picked)
}

fn parts(
    metadata: &ParquetMetaData,
    (group, leaf): (usize, usize),
    group_rows: u32,
    rows: &[u32],
) -> Result<Vec<Part>, Unreadable> {
    let index = metadata.column_index().and_then(|index| index.get(group)?.get(leaf));
    let offsets = metadata.offset_index().and_then(|index| index.get(group)?.get(leaf));
    let locations = offsets.ok_or(Unreadable)?.page_locations();
    let first = |page: usize| match locations.get(page) {
        Some(location) => u32::try_from(location.first_row_index).map_err(|_| Unreadable),
        None => Ok(group_rows),
    };
    let mut parts: Vec<Part> = Vec::new();
    let mut rest = rows;
    while let Some(&row) = rest.first() {
        let after =
            locations.partition_point(|location| location.first_row_index <= i64::from(row));
        let page = after.checked_sub(1).ok_or(Unreadable)?;
        let page_rows = first(page)?..first(after)?;
        if !page_rows.contains(&row) {
            return Err(Unreadable);
        }
        let here;
        (here, rest) = rest.split_at(rest.partition_point(|&row| row < page_rows.end));
        let values = match index.and_then(|index| known(index, page)) {
            Some(values) => values,
            None => {
                let start = u64::try_from(locations[page].offset).map_err(|_| Unreadable)?;
                let size =
                    u64::try_from(locations[page].compressed_page_size).map_err(|_| Unreadable)?;
                let end = start.checked_add(size).ok_or(Unreadable)?;
                Values::Page { place: start..end, rows: page_rows.clone() }
            }
        };
        let rows = here.iter().map(|&row| row - page_rows.start).collect();
        parts.push(Part { first: page_rows.start, rows, values });
    }
    Ok(parts)
}

/// What the index tells of all values of a page. Longer texts may be cut there.
fn known(index: &ColumnIndexMetaData, page: usize) -> Option<Values> {
    const WHOLE_BYTES_MAX: usize = 48;
    if matches!(index, ColumnIndexMetaData::NONE) || page as u64 >= index.num_pages() {
        return None;
    }
    if index.is_null_page(page) {
        return Some(Values::Null);
    }
    if index.null_count(page) != Some(0) {
        return None;
    }
    match index {
        ColumnIndexMetaData::INT32(index) => {
            let (min, max) = (index.min_value(page)?, index.max_value(page)?);
            (min == max).then(|| Values::Bits(u64::from(*min as u32)))
        }
        ColumnIndexMetaData::INT64(index) => {
            let (min, max) = (index.min_value(page)?, index.max_value(page)?);
            (min == max).then_some(Values::Bits(*min as u64))
        }
        ColumnIndexMetaData::BYTE_ARRAY(index) => {
            let (min, max) = (index.min_value(page)?, index.max_value(page)?);
            let is_known = min == max && min.len() <= WHOLE_BYTES_MAX;
            is_known.then(|| Values::Bytes(min.to_vec()))
        }
        _ => None,
    }
}

impl Picked {
    /// What must be read of the file, in the order [`Picked::batch`] takes it.
    pub(super) fn places(
        &self,
        metadata: &ParquetMetaData,
        dictionaries: &Dictionaries,
    ) -> Result<Vec<Range<u64>>, Unreadable> {
        let known = dictionaries.0.lock();
        let mut places = Vec::new();
        for column in &self.columns {
            let key = (self.group, column.leaf);
            if column.has_pages() && !known.contains_key(&key) {
                places.extend(dictionary_place(metadata, key)?);
            }
            places.extend(column.pages().cloned());
        }
        Ok(places)
    }

    /// The rows' values, out of what was `read`.
    pub(super) fn batch(
        &self,
        segment: SegmentId,
        metadata: &ParquetMetaData,
        schema: &SchemaRef,
        dictionaries: &Dictionaries,
        read: &mut impl Iterator<Item = Bytes>,
    ) -> Result<RecordBatch, Unreadable> {
        let mut arrays = Vec::with_capacity(self.columns.len());
        let mut fields = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let key = (self.group, column.leaf);
            let chunk = metadata.row_group(self.group).column(column.leaf);
            let field = schema.fields().get(column.leaf).ok_or(Unreadable)?;
            let dictionary = match column.has_pages() {
                true => dictionaries.get(segment, metadata, key, field.data_type(), read)?,
                false => None,
            };
            let mut sink = Sink::new(field.data_type(), self.rows, dictionary.is_some())?;
            for part in &column.parts {
                part.put(segment, chunk, dictionary.as_deref(), read, &mut sink)?;
            }
            arrays.push(sink.finish()?);
            fields.push(field.clone());
        }
        let schema = Arc::new(arrow::datatypes::Schema::new(fields));
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(schema, arrays, &options).map_err(|_| Unreadable)
    }
}

impl Column {
    fn pages(&self) -> impl Iterator<Item = &Range<u64>> {
        self.parts.iter().filter_map(|part| match &part.values {
            Values::Page { place, .. } => Some(place),
            _ => None,
        })
    }

    fn has_pages(&self) -> bool {
        self.pages().next().is_some()
    }
}

/// Before the first data page.
pub(super) fn dictionary_place(
    metadata: &ParquetMetaData,
    (group, leaf): (usize, usize),
) -> Result<Option<Range<u64>>, Unreadable> {
    let chunk = metadata.row_group(group).column(leaf);
    if chunk.dictionary_page_offset().is_none() {
        return Ok(None);
    }
    let offsets = metadata.offset_index().and_then(|index| index.get(group)?.get(leaf));
    let first = offsets.and_then(|index| index.page_locations().first()).ok_or(Unreadable)?;
    let end = u64::try_from(first.offset).map_err(|_| Unreadable)?;
    let start = chunk.byte_range().0;
    if start < end { Ok(Some(start..end)) } else { Err(Unreadable) }
}

impl Dictionaries {
    /// The column's dictionary, if it has one: known, or the next that was `read`.
    fn get(
        &self,
        segment: SegmentId,
        metadata: &ParquetMetaData,
        key: (usize, usize),
        kind: &DataType,
        read: &mut impl Iterator<Item = Bytes>,
    ) -> Result<Option<Arc<Dictionary>>, Unreadable> {
        if let Some(dictionary) = self.0.lock().get(&key) {
            return Ok(Some(dictionary.clone()));
        }
        let Some(place) = dictionary_place(metadata, key)? else { return Ok(None) };
        let chunk = metadata.row_group(key.0).column(key.1);
        let bytes = read.next().ok_or(Unreadable)?;
        let page = PageKey { segment, offset: place.start };
        let (values, count) = dictionary_page(&bytes, Codec::of(chunk)?, Some(page))?;
        let dictionary = Arc::new(Dictionary::of(values, count, chunk, kind)?);
        self.0.lock().insert(key, dictionary.clone());
        Ok(Some(dictionary))
    }
}

impl Dictionary {
    fn of(
        values: Bytes,
        count: usize,
        chunk: &ColumnChunkMetaData,
        kind: &DataType,
    ) -> Result<Dictionary, Unreadable> {
        if let Some(width) = number_width(chunk) {
            let mut numbers = Vec::with_capacity(count);
            plain(&values, width, &mut numbers);
            return Ok(Dictionary::Numbers(numbers));
        }
        if let DataType::FixedSizeBinary(width) = kind {
            let width = usize::try_from(*width).map_err(|_| Unreadable)?;
            return Ok(Dictionary::Fixed { values, width });
        }
        let mut ends = Vec::with_capacity(count);
        let mut walk = Walk::default();
        for _ in 0..count {
            ends.push(walk.next(&values)?);
        }
        Ok(Dictionary::Variable { values, ends })
    }

    fn cell(&self, code: u32) -> Result<Cell<'_>, Unreadable> {
        let code = code as usize;
        match self {
            Dictionary::Numbers(numbers) => numbers.get(code).map(|bits| Cell::Bits(*bits)),
            Dictionary::Fixed { values, width } => {
                values.get(code * width..(code + 1) * width).map(Cell::Bytes)
            }
            Dictionary::Variable { values, ends } => ends
                .get(code)
                .and_then(|(start, end)| values.get(*start as usize..*end as usize))
                .map(Cell::Bytes),
        }
        .ok_or(Unreadable)
    }
}

/// Goes over PLAIN texts and bytes: each after its length.
#[derive(Default)]
pub(super) struct Walk {
    at: usize,
}

impl Walk {
    pub(super) fn next(&mut self, values: &[u8]) -> Result<(u32, u32), Unreadable> {
        let length = values.get(self.at..).and_then(|rest| rest.first_chunk()).ok_or(Unreadable)?;
        let start = self.at + 4;
        self.at = start.checked_add(u32::from_le_bytes(*length) as usize).ok_or(Unreadable)?;
        if self.at > values.len() {
            return Err(Unreadable);
        }
        let place = |at: usize| u32::try_from(at).map_err(|_| Unreadable);
        Ok((place(start)?, place(self.at)?))
    }
}

/// Bytes of a number; `None` for all else.
fn number_width(chunk: &ColumnChunkMetaData) -> Option<usize> {
    match chunk.column_type() {
        Type::INT32 => Some(4),
        Type::INT64 | Type::DOUBLE => Some(8),
        _ => None,
    }
}

impl Part {
    fn put(
        &self,
        segment: SegmentId,
        chunk: &ColumnChunkMetaData,
        dictionary: Option<&Dictionary>,
        read: &mut impl Iterator<Item = Bytes>,
        sink: &mut Sink,
    ) -> Result<(), Unreadable> {
        let same = match &self.values {
            Values::Null => Cell::Null,
            Values::Bits(bits) => Cell::Bits(*bits),
            Values::Bytes(bytes) => Cell::Bytes(bytes),
            Values::Page { place, rows } => {
                let bytes = read.next().ok_or(Unreadable)?;
                let key = PageKey { segment, offset: place.start };
                let page = data_page(&bytes, Codec::of(chunk)?, rows.clone(), Some(key))?;
                return put_page(&page, &page.places_of(&self.rows)?, chunk, dictionary, sink);
            }
        };
        self.rows.iter().try_for_each(|_| sink.put(same))
    }
}

/// Puts the values at `places` (ascending, with [`NULL`]s among them).
fn put_page(
    page: &DataPage,
    places: &[u32],
    chunk: &ColumnChunkMetaData,
    dictionary: Option<&Dictionary>,
    sink: &mut Sink,
) -> Result<(), Unreadable> {
    let mut put =
        |places: &[u32], value: &mut dyn FnMut(u32, &mut Sink) -> Result<(), Unreadable>| {
            places.iter().try_for_each(|&place| match place {
                NULL => sink.put(Cell::Null),
                place => value(place, sink),
            })
        };
    let values = &page.values;
    match (page.encoding, number_width(chunk), chunk.column_type()) {
        (Encoding::RLE_DICTIONARY, ..) => {
            let dictionary = dictionary.ok_or(Unreadable)?;
            let (width, codes) = values.split_first().ok_or(Unreadable)?;
            let mut found = picked_codes(codes, u32::from(*width), page.value_count, places)?;
            put(places, &mut |_, sink| sink.put(dictionary.cell(found.next().ok_or(Unreadable)?)?))
        }
        (Encoding::RLE, _, Type::BOOLEAN) => {
            // Their length stands before the runs.
            let runs = values.get(4..).ok_or(Unreadable)?;
            let mut found = picked_codes(runs, 1, page.value_count, places)?;
            put(places, &mut |_, sink| {
                sink.put(Cell::Bits(u64::from(found.next().ok_or(Unreadable)?)))
            })
        }
        (Encoding::DELTA_BINARY_PACKED, Some(8), _) => {
            let mut numbers = Vec::new();
            deltas(values, page.value_count, &mut numbers)?;
            put(places, &mut |place, sink| {
                sink.put(Cell::Bits(*numbers.get(place as usize).ok_or(Unreadable)?))
            })
        }
        (Encoding::BYTE_STREAM_SPLIT, Some(8), _) if values.len() == page.value_count * 8 => {
            put(places, &mut |place, sink| {
                let byte = |byte: usize| values[byte * page.value_count + place as usize];
                let within = (place as usize) < page.value_count;
                let bits = within.then(|| u64::from_le_bytes(std::array::from_fn(byte)));
                sink.put(Cell::Bits(bits.ok_or(Unreadable)?))
            })
        }
        (Encoding::PLAIN, Some(width), _) => put(places, &mut |place, sink| {
            let at = place as usize * width;
            let bytes = values.get(at..at + width).ok_or(Unreadable)?;
            let mut bits = [0; 8];
            bits[..width].copy_from_slice(bytes);
            sink.put(Cell::Bits(u64::from_le_bytes(bits)))
        }),
        (Encoding::PLAIN, None, Type::FIXED_LEN_BYTE_ARRAY) => {
            let width = values.len() / page.value_count.max(1);
            put(places, &mut |place, sink| {
                let at = place as usize * width;
                sink.put(Cell::Bytes(values.get(at..at + width).ok_or(Unreadable)?))
            })
        }
        (Encoding::PLAIN, None, Type::BYTE_ARRAY) => {
            let mut walk = Walk::default();
            let mut next = 0;
            put(places, &mut |place, sink| {
                while next < place {
                    walk.next(values)?;
                    next += 1;
                }
                next += 1;
                let (start, end) = walk.next(values)?;
                sink.put(Cell::Bytes(&values[start as usize..end as usize]))
            })
        }
        _ => Err(Unreadable),
    }
}

/// The codes at the places that are not null.
fn picked_codes(
    codes: &[u8],
    width: u32,
    count: usize,
    places: &[u32],
) -> Result<impl Iterator<Item = u32>, Unreadable> {
    let there: Vec<u32> = places.iter().copied().filter(|&place| place != NULL).collect();
    let mut found = Vec::with_capacity(there.len());
    hybrid_at(codes, width, count, &there, |code| found.push(code))?;
    Ok(found.into_iter())
}
