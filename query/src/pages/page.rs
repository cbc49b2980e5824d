//! One page, decompressed.

use super::Unreadable;
use super::decode::{each_rank, hybrid};
use super::header::{self, DATA_PAGE_V2, DICTIONARY_PAGE, Header};
use super::kept::{self, PageKey};
use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::file::metadata::ColumnChunkMetaData;
use std::cell::RefCell;
use std::ops::Range;

/// Largest page that is read here. Ours stay below 2 MiB but for single large values.
const PAGE_BYTES_MAX: usize = 256 << 20;

thread_local! {
    /// Making one costs as much as decompressing a page.
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// How the pages of a column chunk are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    None,
    Zstd,
}

impl Codec {
    pub(crate) fn of(column: &ColumnChunkMetaData) -> Result<Codec, Unreadable> {
        match column.compression() {
            Compression::UNCOMPRESSED => Ok(Codec::None),
            Compression::ZSTD(_) => Ok(Codec::Zstd),
            _ => Err(Unreadable),
        }
    }
}

/// The values of some consecutive rows.
pub(crate) struct DataPage {
    /// Within the row group.
    pub(crate) rows: Range<u32>,
    pub(crate) encoding: Encoding,
    /// The values that are not null, encoded.
    pub(crate) values: Bytes,
    /// Which rows have a value; `None` when all have.
    levels: Option<Bytes>,
    pub(crate) value_count: usize,
}

/// Instead of a place: the row is null.
pub(crate) const NULL: u32 = u32::MAX;

/// Reads the page that begins with `bytes` and has `rows`. With a `key` its values are kept.
pub(crate) fn data_page(
    bytes: &Bytes,
    codec: Codec,
    rows: Range<u32>,
    key: Option<PageKey>,
) -> Result<DataPage, Unreadable> {
    let (header, length) = header::read(bytes)?;
    let is_known = header.kind == DATA_PAGE_V2 && header.repetition_bytes == 0;
    if !is_known || header.rows != rows.len() || header.nulls > header.rows {
        return Err(Unreadable);
    }
    let body = length..length.checked_add(header.bytes).ok_or(Unreadable)?;
    let body = slice(bytes, body)?;
    let levels = slice(&body, 0..header.definition_bytes)?;
    let packed = slice(&body, header.definition_bytes..body.len())?;
    let codec = if header.is_compressed { codec } else { Codec::None };
    let size = header.bytes_uncompressed.checked_sub(levels.len()).ok_or(Unreadable)?;
    Ok(DataPage {
        encoding: encoding(&header)?,
        values: decompress(packed, codec, size, key)?,
        levels: (header.nulls > 0).then_some(levels),
        value_count: header.rows - header.nulls,
        rows,
    })
}

/// Reads the dictionary that begins with `bytes`: its values, PLAIN, and how many they are.
pub(crate) fn dictionary_page(
    bytes: &Bytes,
    codec: Codec,
    key: Option<PageKey>,
) -> Result<(Bytes, usize), Unreadable> {
    let (header, length) = header::read(bytes)?;
    if header.kind != DICTIONARY_PAGE {
        return Err(Unreadable);
    }
    let body = length..length.checked_add(header.bytes).ok_or(Unreadable)?;
    let values = decompress(slice(bytes, body)?, codec, header.bytes_uncompressed, key)?;
    Ok((values, header.values))
}

impl DataPage {
    /// Of every row its place among the values, [`NULL`] for nulls; `None` when every row has one.
    pub(crate) fn places(&self) -> Result<Option<Vec<u32>>, Unreadable> {
        let Some(levels) = &self.levels else { return Ok(None) };
        let mut places = Vec::with_capacity(self.rows.len());
        let mut next = 0;
        hybrid(levels, 1, self.rows.len(), |level, count| {
            places.extend((0..count).map(|_| {
                let place = if level == 1 { next } else { NULL };
                next += level;
                place
            }));
        })?;
        if next as usize != self.value_count {
            return Err(Unreadable);
        }
        Ok(Some(places))
    }

    /// The same of `rows` (ascending, counted from the page's first) alone.
    pub(crate) fn places_of(&self, rows: &[u32]) -> Result<Vec<u32>, Unreadable> {
        let Some(levels) = &self.levels else { return Ok(rows.to_vec()) };
        let mut places = Vec::with_capacity(rows.len());
        each_rank(levels, self.rows.len(), rows, |is_set, before| {
            places.push(if is_set { before } else { NULL });
        })?;
        let is_within = |&place: &u32| place == NULL || (place as usize) < self.value_count;
        if places.iter().all(is_within) { Ok(places) } else { Err(Unreadable) }
    }
}

fn encoding(header: &Header) -> Result<Encoding, Unreadable> {
    Ok(match header.encoding {
        0 => Encoding::PLAIN,
        3 => Encoding::RLE,
        5 => Encoding::DELTA_BINARY_PACKED,
        8 => Encoding::RLE_DICTIONARY,
        9 => Encoding::BYTE_STREAM_SPLIT,
        _ => return Err(Unreadable),
    })
}

fn decompress(
    packed: Bytes,
    codec: Codec,
    size: usize,
    key: Option<PageKey>,
) -> Result<Bytes, Unreadable> {
    match codec {
        Codec::None if packed.len() == size => Ok(packed),
        Codec::Zstd if size <= PAGE_BYTES_MAX => {
            if let Some(values) = key.and_then(kept::find).filter(|values| values.len() == size) {
                return Ok(values);
            }
            let values = unzip(&packed, size)?;
            if let Some(key) = key {
                kept::put(key, &values);
            }
            Ok(values)
        }
        Codec::None | Codec::Zstd => Err(Unreadable),
    }
}

fn unzip(packed: &[u8], size: usize) -> Result<Bytes, Unreadable> {
    DECOMPRESSOR.with_borrow_mut(|decompressor| {
        let decompressor = match decompressor {
            Some(decompressor) => decompressor,
            missing => missing.insert(zstd::bulk::Decompressor::new().map_err(|_| Unreadable)?),
        };
        let values = decompressor.decompress(packed, size).map_err(|_| Unreadable)?;
        if values.len() == size { Ok(values.into()) } else { Err(Unreadable) }
    })
}

fn slice(bytes: &Bytes, range: Range<usize>) -> Result<Bytes, Unreadable> {
    let fits = range.start <= range.end && range.end <= bytes.len();
    if fits { Ok(bytes.slice(range)) } else { Err(Unreadable) }
}
