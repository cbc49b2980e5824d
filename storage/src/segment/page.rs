//! Pages of one column of one row group on their way into a file.
//!
//! The Parquet crate's own column writers look at every value several times. Here a page arrives encoded and is only
//! compressed and counted. The pages are ordinary ones: data page version 2.

use super::bounds::Bound;
use super::column::encode_error;
use crate::Error;
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, Type, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use std::cell::RefCell;
use std::io::Cursor;

/// Rows per page: small enough that a trace's few rows cost little decoding, large enough to compress.
pub(super) const PAGE_ROWS: usize = 8_192;

pub(super) const ZSTD_LEVEL: i32 = 1;

/// Rows per page of long text: what a search finds lies scattered, and eight thousand log
/// lines are a megabyte; in pages of 2,048 rows they take 0.3 bytes more each.
pub(super) const PAGE_ROWS_PROSE: usize = 3_072;

/// For long text: an eighth smaller than at level 1, which makes up for the shorter pages; levels 2 to 4 are no smaller.
pub(super) const ZSTD_LEVEL_PROSE: i32 = 9;

thread_local! {
    /// Making one costs as much as compressing a page.
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
}

/// What the pages of a column have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageStyle {
    pub encoding: Encoding,
    /// `None` where compression gains nothing, as for random bytes.
    pub zstd_level: Option<i32>,
    /// Nor from bounds.
    pub has_statistics: bool,
}

/// One data page.
pub(super) struct DataPage<'a> {
    pub rows: usize,
    pub nulls: usize,
    /// Definition levels; empty in a required column.
    pub levels: &'a [u8],
    pub values: &'a [u8],
    /// Smallest and largest value; `None` without any.
    pub bounds: Option<(Vec<u8>, Vec<u8>)>,
}

/// Takes the pages of a column in order.
pub(super) struct ChunkWriter<'a> {
    descriptor: &'a ColumnDescPtr,
    style: PageStyle,
    sink: TrackedWrite<Vec<u8>>,
    offsets: OffsetIndexBuilder,
    index: ColumnIndexBuilder,
    bytes: i64,
    bytes_uncompressed: i64,
    /// Where the data pages begin, once a dictionary was written.
    dictionary_end: Option<i64>,
    rows: usize,
    nulls: usize,
    /// The page in the making; its memory is kept from page to page.
    page: Vec<u8>,
}

impl<'a> ChunkWriter<'a> {
    pub fn new(descriptor: &'a ColumnDescPtr, style: PageStyle) -> ChunkWriter<'a> {
        ChunkWriter {
            descriptor,
            style,
            sink: TrackedWrite::new(Vec::new()),
            offsets: OffsetIndexBuilder::new(),
            index: ColumnIndexBuilder::new(descriptor.physical_type()),
            bytes: 0,
            bytes_uncompressed: 0,
            dictionary_end: None,
            rows: 0,
            nulls: 0,
            page: Vec::new(),
        }
    }

    /// The dictionary, before any data page.
    pub fn put_dictionary(&mut self, values: &[u8], count: usize) -> Result<(), Error> {
        self.page.clear();
        match self.style.zstd_level {
            Some(level) => compress(values, level, &mut self.page)?,
            None => self.page.extend_from_slice(values),
        }
        self.put(values.len(), |buf| Page::DictionaryPage {
            buf,
            num_values: count as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        })?;
        self.dictionary_end = Some(self.bytes);
        Ok(())
    }

    pub fn put_data(&mut self, page: DataPage<'_>) -> Result<(), Error> {
        let DataPage { rows, nulls, levels, values, bounds } = page;
        self.page.clear();
        self.page.extend_from_slice(levels);
        let mut is_compressed = false;
        if let Some(level) = self.style.zstd_level {
            compress(values, level, &mut self.page)?;
            is_compressed = self.page.len() - levels.len() < values.len();
        }
        if !is_compressed {
            self.page.truncate(levels.len());
            self.page.extend_from_slice(values);
        }
        let encoding = self.style.encoding;
        let (offset, bytes) = self.put(levels.len() + values.len(), |buf| Page::DataPageV2 {
            buf,
            num_values: rows as u32,
            encoding,
            num_nulls: nulls as u32,
            num_rows: rows as u32,
            def_levels_byte_len: levels.len() as u32,
            rep_levels_byte_len: 0,
            is_compressed,
            statistics: None,
        })?;
        self.offsets.append_row_count(rows as i64);
        self.offsets.append_offset_and_size(offset as i64, bytes as i32);
        self.rows += rows;
        self.nulls += nulls;
        match bounds {
            Some((min, max)) => self.index.append(false, min, max, nulls as i64),
            None if nulls == rows => {
                self.index.append(true, Vec::new(), Vec::new(), nulls as i64);
            }
            // Nothing but NaN, of which no bounds can tell: the chunk goes without them.
            None => self.index.to_invalid(),
        }
        Ok(())
    }

    /// Writes a page of the bytes in `page`; returns its offset and size with the header.
    fn put(
        &mut self,
        bytes_uncompressed: usize,
        page: impl FnOnce(Bytes) -> Page,
    ) -> Result<(u64, u64), Error> {
        let bytes = Bytes::from(std::mem::take(&mut self.page));
        let page = CompressedPage::new(page(bytes.clone()), bytes_uncompressed);
        let written =
            SerializedPageWriter::new(&mut self.sink).write_page(page).map_err(encode_error)?;
        // The written page is gone, so this takes the memory back rather than copying it.
        self.page = bytes.into();
        self.bytes += written.bytes_written as i64;
        self.bytes_uncompressed += written.uncompressed_size as i64;
        Ok((written.offset, written.bytes_written))
    }

    /// The chunk's bytes and what its row group notes of them. `bounds`: of all pages.
    pub fn finish(
        self,
        bounds: Option<(Bound, Bound)>,
    ) -> Result<(Bytes, ColumnCloseResult), Error> {
        let zstd = |level| Compression::ZSTD(ZstdLevel::try_new(level).unwrap_or_default());
        let mut encodings = vec![Encoding::RLE, self.style.encoding];
        if self.dictionary_end.is_some() {
            encodings.insert(0, Encoding::PLAIN);
        }
        let mut metadata = ColumnChunkMetaData::builder(self.descriptor.clone())
            .set_encodings(encodings)
            .set_num_values(self.rows as i64)
            .set_compression(self.style.zstd_level.map_or(Compression::UNCOMPRESSED, zstd))
            .set_total_compressed_size(self.bytes)
            .set_total_uncompressed_size(self.bytes_uncompressed)
            .set_dictionary_page_offset(self.dictionary_end.map(|_| 0))
            .set_data_page_offset(self.dictionary_end.unwrap_or(0));
        let mut column_index = None;
        if self.style.has_statistics {
            let nulls = Some(self.nulls as u64);
            metadata =
                metadata.set_statistics(statistics(self.descriptor.physical_type(), bounds, nulls));
            if self.index.valid() {
                column_index = Some(self.index.build().map_err(encode_error)?);
            }
        }
        let close = ColumnCloseResult {
            bytes_written: self.bytes as u64,
            rows_written: self.rows as u64,
            metadata: metadata.build().map_err(encode_error)?,
            bloom_filter: None,
            column_index,
            offset_index: Some(self.offsets.build()),
        };
        Ok((self.sink.into_inner().map_err(encode_error)?.into(), close))
    }
}

/// Appends the compressed values.
fn compress(values: &[u8], level: i32, into: &mut Vec<u8>) -> Result<(), Error> {
    into.reserve(zstd::zstd_safe::compress_bound(values.len()));
    let end = into.len() as u64;
    let mut into = Cursor::new(into);
    into.set_position(end);
    COMPRESSOR.with_borrow_mut(|compressor| {
        let compressor = match compressor {
            Some(compressor) => compressor,
            missing => {
                missing.insert(zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(encode_error)?)
            }
        };
        compressor.set_compression_level(level).map_err(encode_error)?;
        compressor.compress_to_buffer(values, &mut into).map(drop).map_err(encode_error)
    })
}

fn statistics(of: Type, bounds: Option<(Bound, Bound)>, nulls: Option<u64>) -> Statistics {
    let (min, max) = bounds.unzip();
    let exact = |bound: &Option<Bound>| bound.as_ref().is_none_or(|bound| bound.1);
    let (min_exact, max_exact) = (exact(&min), exact(&max));
    let (min, max) = (min.map(|bound| bound.0), max.map(|bound| bound.0));
    macro_rules! of_numbers {
        ($number:ty) => {{
            let number =
                |bytes: Vec<u8>| bytes.first_chunk().map(|bytes| <$number>::from_le_bytes(*bytes));
            let (min, max) = (min.and_then(number), max.and_then(number));
            Statistics::from(ValueStatistics::new(min, max, None, nulls, false))
        }};
    }
    match of {
        Type::INT32 => of_numbers!(i32),
        Type::INT64 => of_numbers!(i64),
        Type::DOUBLE => of_numbers!(f64),
        Type::BOOLEAN => {
            let flag = |bytes: Vec<u8>| bytes.first().map(|byte| *byte == 1);
            let (min, max) = (min.and_then(flag), max.and_then(flag));
            Statistics::from(ValueStatistics::new(min, max, None, nulls, false))
        }
        Type::FIXED_LEN_BYTE_ARRAY => {
            let fixed = |bytes: Vec<u8>| FixedLenByteArray::from(ByteArray::from(bytes));
            let (min, max) = (min.map(fixed), max.map(fixed));
            Statistics::from(ValueStatistics::new(min, max, None, nulls, false))
        }
        _ => {
            let (min, max) = (min.map(ByteArray::from), max.map(ByteArray::from));
            let statistics = ValueStatistics::new(min, max, None, nulls, false);
            let statistics = statistics.with_min_is_exact(min_exact).with_max_is_exact(max_exact);
            Statistics::from(statistics)
        }
    }
}
